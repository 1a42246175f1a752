"""The ports of this machine: whether one is free, and who has one that is not."""

import errno
import socket
import sys

import psutil


def refusal(host: str, port: int) -> str:
    """Why a bridge cannot have this port for HTTP and OSC, with the cure; empty where it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(family, kind) as sock:
            if sys.platform == "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            elif kind == socket.SOCK_STREAM:  # or a port that was just left would not count as free
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((host, port))
            except OSError as error:
                return taken(port, error)
    return ""


def taken(port: int, error: OSError) -> str:
    """Who has the port, as far as this user may know."""
    try:
        connections = psutil.net_connections("inet")
    except (psutil.Error, OSError):
        connections = []
    owners = [c.pid for c in connections if c.laddr and c.laddr[1] == port and c.pid]
    who = "another program"
    if owners:
        try:
            who = f"{psutil.Process(owners[0]).name()} (process {owners[0]})"
        except (psutil.Error, OSError):
            who = f"process {owners[0]}"
    if not owners and error.errno != errno.EADDRINUSE:
        return f"Port {port} cannot be opened: {error.strerror}; choose another with --port."
    return f"Port {port} is in use by {who}; end it, or choose another port with --port."


def deaf(sock: socket.socket) -> bool:
    """Whether a bound socket is none any more: closed by the system, nothing comes by it."""
    try:
        sock.getsockname()
    except OSError:
        return True
    return False
