"""Loopback between Linux and the Windows Python: TCP, and OSC over UDP both ways.

python3 selftest_net.py linux WINE_PYTHON    Linux side, standard library only; starts
python selftest_net.py windows PORT PORT     the Windows side by itself
"""

import pathlib
import socket
import struct
import subprocess
import sys

TEXT = "café"


def padded(data):
    return data + bytes(4 - len(data) % 4)


def message(address, number, real, text):
    """An OSC message ,ifs built by hand, so that Linux needs no OSC package."""
    return (
        padded(address.encode())
        + padded(b",ifs")
        + struct.pack(">if", number, real)
        + padded(text.encode())
    )


def linux(wine_python):
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as osc,
    ):
        osc.bind(("127.0.0.1", 0))
        server.settimeout(60)
        osc.settimeout(20)
        script = "Z:" + str(pathlib.Path(__file__).resolve())
        child = subprocess.Popen(
            [
                wine_python,
                script,
                "windows",
                str(server.getsockname()[1]),
                str(osc.getsockname()[1]),
            ]
        )
        try:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(20)
                lines = peer.makefile("rwb")
                windows_port = int(lines.readline())
                for number in range(3):
                    osc.sendto(
                        message("/to/windows", number, 0.5, TEXT), ("127.0.0.1", windows_port)
                    )
                    reply = osc.recv(65536)
                    assert reply == message("/to/linux", number + 100, 0.25, TEXT), reply
                lines.write(b"bye\n")
                lines.flush()
                assert lines.readline() == b"got 3 over UDP and bye\n"
        finally:
            status = child.wait(60)
    assert status == 0, f"the Windows side ended with {status}"
    print("    linux    TCP lines and 3 OSC messages each way are right")


def windows(tcp_port, udp_port):
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_server import BlockingOSCUDPServer
    from pythonosc.udp_client import SimpleUDPClient

    seen = []
    back = SimpleUDPClient("127.0.0.1", int(udp_port))

    def arrived(address, number, real, text):
        seen.append((address, number, real, text))
        back.send_message("/to/linux", [number + 100, 0.25, text])

    dispatcher = Dispatcher()
    dispatcher.map("/to/windows", arrived)
    with (
        BlockingOSCUDPServer(("127.0.0.1", 0), dispatcher) as server,
        socket.create_connection(("127.0.0.1", int(tcp_port)), 20) as link,
    ):
        lines = link.makefile("rwb")
        lines.write(b"%d\n" % server.server_address[1])
        lines.flush()
        server.timeout = 20
        for _ in range(3):
            server.handle_request()
        assert seen == [("/to/windows", n, 0.5, TEXT) for n in range(3)], seen
        last = lines.readline().strip()
        lines.write(b"got %d over UDP and %s\n" % (len(seen), last))
        lines.flush()
    print("    windows ", sys.platform, "received", len(seen), "OSC messages", flush=True)


if __name__ == "__main__":
    {"linux": linux, "windows": windows}[sys.argv[1]](*sys.argv[2:])
