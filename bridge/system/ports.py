"""The ports of this machine: how to get one, whether it is free, and which program uses it."""

import errno
import socket
import sys
import threading
from collections.abc import Callable
from time import perf_counter

import psutil

from engine.system.texts import mended

GLANCE = 0.1  # seconds between two tries
# Windows gives 127.0.0.1 to one program and 0.0.0.0 to another, and then clients reach the wrong
# one. So if one address of a pair is in use, the other is not available either.
ALSO = {"127.0.0.1": "0.0.0.0", "0.0.0.0": "127.0.0.1", "::1": "::", "::": "::1"}


def bound(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    """A socket that owns this port exclusively; OSError if that is not possible."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if sys.platform == "win32" and port and host in ALSO:
        with socket.socket(family, kind) as other:
            other.bind((ALSO[host], port))
    # With its protocol named: only then asyncio sends small answers at once (TCP_NODELAY).
    protocol = socket.IPPROTO_TCP if kind == socket.SOCK_STREAM else socket.IPPROTO_UDP
    sock = socket.socket(family, kind, protocol)
    try:
        if sys.platform == "win32":  # where two programs can share a port, SO_REUSEADDR or not
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif kind == socket.SOCK_STREAM:  # else a port just released would not count as free
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def deaf(sock: socket.socket) -> bool:
    """Whether a bound socket is dead: closed by the system, so that nothing arrives."""
    try:
        sock.getsockname()
    except OSError:
        return True
    return False


def tried(bind: Callable[[], None], seconds: float, stop: threading.Event) -> None:
    """Bind, retrying for `seconds`: a dead program releases its ports a moment later. OSError when
    the time is over, or `stop` is set.
    """
    until = perf_counter() + seconds
    while True:
        try:
            return bind()
        except OSError:
            if perf_counter() >= until or stop.wait(GLANCE):
                raise


def refusal(host: str, port: int) -> str:
    """Why a bridge cannot use this port for HTTP and OSC, with the cure; empty if it can."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            bound(kind, host, port).close()
        except OSError as error:
            return taken(kind, host, port, error)
    return ""


def taken(kind: socket.SocketKind, host: str, port: int, error: OSError) -> str:
    """Why a port is not available, and which program uses it, as far as this user may know."""
    of_udp = " for UDP" if kind == socket.SOCK_DGRAM else ""
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host {host} is not an address of this machine; leave it out, or use --lan."
    if owners := _owners(kind, port):
        who = " and ".join(owners)
        return (
            f"Port {port} is in use by {who}{of_udp}; close it, or choose another port with --port."
        )
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use by another program{of_udp}; close it, or choose another port "
            "with --port."
        )
    if error.errno == errno.EACCES and sys.platform == "win32":
        protocol = "udp" if of_udp else "tcp"
        return (
            f"Port {port} is reserved by Windows{of_udp}, mostly for Hyper-V or WSL; use another "
            f"with --port. `netsh interface ipv4 show excludedportrange protocol={protocol}` lists "
            "the reserved ones."
        )
    if error.errno == errno.EACCES and port < 1024:
        return f"Port {port} needs administrator rights; choose one above 1023 with --port."
    return f"Port {port} cannot be opened: {error.strerror}; choose another with --port."


def _owners(kind: socket.SocketKind, port: int) -> list[str]:
    """The programs that listen at a port, in words."""
    try:
        connections = psutil.net_connections("udp" if kind == socket.SOCK_DGRAM else "tcp")
    except (psutil.Error, OSError):
        return []
    here = [c for c in connections if c.laddr and c.laddr[1] == port and c.pid]
    # Both sides of a page's open connection have the number; only the listener counts.
    listening = [c for c in here if c.status == psutil.CONN_LISTEN]
    found = dict.fromkeys(c.pid for c in listening or here)
    return [_named(pid) for pid in found if pid]


def _named(pid: int) -> str:
    try:
        return f"{mended(psutil.Process(pid).name())} (process {pid})"
    except (psutil.Error, OSError):
        return f"process {pid}"
