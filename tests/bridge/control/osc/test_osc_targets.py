"""Where OSC feedback and answers go: this machine, others, a broadcast address."""

import ipaddress
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import psutil
import pytest
from pythonosc.osc_message import OscMessage

from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from tests.bridge.control.osc.test_osc import message, need, osc
from tests.support.desk import FakeDesk
from tests.support.rig import running_session

LOCAL = "127.255.255.255"  # all that listen on this machine, on Linux
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="loopback has no broadcast there")


def own_networks() -> list[tuple[str, str]]:
    """An address of this machine in each network, and the one of all machines there."""
    found = [each for rows in psutil.net_if_addrs().values() for each in rows]
    return [
        (each.address, each.broadcast)
        for each in found
        if each.family == socket.AF_INET and each.broadcast
        and not ipaddress.ip_address(each.address).is_loopback
    ]  # fmt: skip


@contextmanager
def listener(host="0.0.0.0"):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(15)
        yield sock


@contextmanager
def serving(folder, target: str, **more):
    desk = FakeDesk(folder)
    server = OscServer(desk, Settings(osc_feedback=(target,), folder=folder, **more))
    server.bind(0)
    server.start()
    try:
        yield desk, server
    finally:
        server.close()


def hears(sock, address: str, value) -> tuple[str, int]:
    """Wait until a value is heard; from where it came."""
    while True:
        data, sender = sock.recvfrom(65507)
        got = OscMessage(data)
        if (got.address, got.params) == (address, [value]):
            return sender


@LINUX
def test_all_that_listen_to_a_broadcast_hear_what_changes(tmp_path):
    with listener() as one, serving(tmp_path, f"{LOCAL}:{one.getsockname()[1]}") as (desk, server):
        desk.store.update({"vace_scale": 0.5})
        assert hears(one, "/bridge/vace", 0.5)[1] == server.port


@pytest.mark.skipif(not own_networks(), reason="this machine is in no network")
@pytest.mark.parametrize("lan", [False, True])
def test_a_networks_broadcast_and_another_machine_hear_it_with_and_without_osc_lan(tmp_path, lan):
    """Without it the port listens on this machine only, and could send to no other."""
    own, everyone = own_networks()[0]
    with listener() as one:
        for host in {own, everyone} if sys.platform == "linux" else {own}:
            target = f"{host}:{one.getsockname()[1]}"
            with serving(tmp_path, target, osc_lan=lan) as (desk, server):
                desk.store.update({"vace_scale": 0.5})
                sender = hears(one, "/bridge/vace", 0.5)
                assert (sender[1] == server.port) is lan
                assert sender[0] != "127.0.0.1" or host == own


@LINUX
def test_what_it_sends_to_all_it_does_not_take_for_a_message(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("0.0.0.0", 0))
        port = free.getsockname()[1]
    desk = FakeDesk(tmp_path)
    server = OscServer(
        desk, Settings(osc_feedback=(f"{LOCAL}:{port}",), folder=tmp_path, osc_lan=True)
    )
    server.bind(port)
    server.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for value in (0.5, 0.75):
                sender.sendto(message("/bridge/vace", value).dgram, ("127.0.0.1", port))
                end = time.perf_counter() + 20
                while desk.store.snapshot.values["vace_scale"] != value:
                    assert time.perf_counter() < end
                    time.sleep(0.01)
        assert desk.counters.osc_messages == 2
    finally:
        server.close()


def test_a_network_that_is_not_there_ends_nothing(tmp_path):
    with serving(tmp_path, "[2001:db8::1]:9") as (desk, server):
        for host in ("203.0.113.255", "255.255.255.255", "239.1.2.3", "2001:db8::1"):
            assert server._send(message("/bridge/vace", 0.5).dgram, (host, 9))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(message("/bridge/vace", 0.5).dgram, ("127.0.0.1", server.port))
            end = time.perf_counter() + 20
            while desk.store.snapshot.values["vace_scale"] != 0.5:
                assert time.perf_counter() < end
                time.sleep(0.01)


@LINUX
@pytest.mark.foreign
def test_oscdump_hears_a_running_bridge_by_broadcast(tmp_path):
    need("oscdump")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("0.0.0.0", 0))
        port = free.getsockname()[1]
    command = [shutil.which("oscdump"), "-L", str(port)]
    with (
        running_session(tmp_path) as rig,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dump,
    ):
        server = OscServer(
            rig.session, Settings(osc_feedback=(f"{LOCAL}:{port}",), folder=tmp_path)
        )
        server.bind(0)
        server.start()
        try:
            for line in dump.stdout:
                if "/bridge/vace f 0.5" in line:
                    break
                rig.session.store.update({"vace_scale": 0.25})
                rig.session.store.update({"vace_scale": 0.5})
        finally:
            with suppress(ProcessLookupError):
                dump.kill()
            server.close()
    assert "/bridge/vace f 0.5" in line


REFUSED = [
    ("/bridge/vaec", 1.0, "Unknown address '/bridge/vaec'. Did you mean /bridge/vae?"),
    ("/bridge/vace", "loud", "vace_scale takes"),
    ("/bridge/pipeline", "no such", "Unknown pipeline"),
    ("/bridge/source", "nothing:", "'nothing:' is not a source"),
    ("/bridge/ref", "gone.png", "gone.png"),
    ("/bridge/{black,freeze}", 1, "send to the exact address"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("address", "value", "told"), REFUSED)
def test_who_sends_from_the_port_it_listens_to_hears_why_a_message_is_refused(
    tmp_path, address, value, told
):
    with osc(tmp_path) as o:
        o.send(address, value)
        assert told in o.heard("/bridge/error", o.sender)
        assert told in o.heard("/bridge/error"), "the configured target too"


@pytest.mark.slow
def test_it_hears_the_value_that_holds_instead_of_its_own(tmp_path):
    with osc(tmp_path) as o:
        o.send("/bridge/vace", 7.5)
        assert o.heard("/bridge/vace", o.sender) == 2.0
        o.send("/bridge/vace", "loud")
        assert o.heard("/bridge/vace", o.sender) == 2.0
        o.send("/bridge/pipeline", "no such")
        assert o.heard("/bridge/pipeline", o.sender) == o.desk.status().pipeline


@pytest.mark.slow
def test_who_may_not_send_hears_nothing(tmp_path, monkeypatch):
    with osc(tmp_path) as o:
        monkeypatch.setattr(o.server, "_known", {"127.0.0.1": False})
        o.send("/bridge/vace", 0.5)
        assert "not allowed" in o.heard("/bridge/error")
        o.sender.settimeout(0.1)
        with pytest.raises(TimeoutError):
            o.heard("/bridge/error", o.sender)
