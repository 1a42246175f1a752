"""Announced by mDNS on loopback, and found by zeroconf's own browser."""

import socket
import time
from contextlib import contextmanager
from time import perf_counter

import pytest

from bridge.cli import run
from bridge.cli.run import _announcement
from bridge.settings import Settings
from bridge.system.mdns import Announcement
from tests.support.bridge import refused_here

OSC, QUERY = "_osc._udp", "_oscjson._tcp"


@contextmanager
def browsing(*kinds):
    """What is announced, by name."""
    zeroconf = pytest.importorskip("zeroconf", reason="needs the extra `mdns`")
    found = {}

    class Listener(zeroconf.ServiceListener):
        def add_service(self, zc, type_, name):
            info = zc.get_service_info(type_, name)
            found[name] = info.port, info.parsed_addresses()

        def remove_service(self, zc, type_, name):
            found.pop(name, None)

        def update_service(self, zc, type_, name):
            pass

    browser = zeroconf.Zeroconf(interfaces=["127.0.0.1"])
    try:
        for kind in kinds:
            browser.add_service_listener(f"{kind}.local.", Listener())
        yield found
    finally:
        browser.close()


def until(true, timeout=30):
    end = perf_counter() + timeout
    while not true():
        assert perf_counter() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_services_are_found_and_leave_and_a_second_one_gets_a_number():
    with browsing(OSC, QUERY) as found:
        first = Announcement("Stage A", {QUERY: 8123, OSC: 8123}, everywhere=False)
        began = perf_counter()
        first.start()
        assert perf_counter() - began < 0.2
        names = {f"Stage A.{kind}.local." for kind in (OSC, QUERY)}
        until(lambda: found.keys() >= names)
        assert all(found[name] == (8123, ["127.0.0.1"]) for name in names)
        second = Announcement("Stage A", {OSC: 8124}, everywhere=False)
        second.start()
        until(lambda: found.get(f"Stage A (2).{OSC}.local.", (0,))[0] == 8124)
        first.close()
        until(lambda: not found.keys() & names)
        second.close()
        until(lambda: not found)


@pytest.mark.parametrize(
    ("given", "kinds", "everywhere"),
    [
        ({}, {OSC, QUERY}, False),
        ({"osc_lan": True}, {OSC, QUERY}, False),  # open to nobody yet
        ({"osc_lan": True, "osc_allow": ("10.0.0.0/8",)}, {OSC, QUERY}, True),
        ({"lan": True}, {QUERY}, True),
    ],
)
def test_the_network_is_told_of_what_is_open_to_it_alone(tmp_path, given, kinds, everywhere):
    made = _announcement(Settings(folder=tmp_path, **given), 8000)
    assert (made._services.keys(), made._everywhere) == (kinds, everywhere)


def test_without_the_package_it_is_said_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run.mdns, "installed", lambda: False)
    status, said = refused_here(
        monkeypatch, capsys, "run", "--mdns", "--folder", str(tmp_path), "--port", "0"
    )
    assert status == 2
    assert "--mdns needs the extra `mdns`: " in said


@pytest.mark.slow
def test_without_a_network_it_tries_again_and_ends_at_once(monkeypatch, caplog):
    zeroconf = pytest.importorskip("zeroconf", reason="needs the extra `mdns`")

    def fail(**_):
        raise OSError("no network")

    monkeypatch.setattr(zeroconf, "Zeroconf", fail)
    made = Announcement(socket.gethostname(), {OSC: 1}, everywhere=False)
    made.start()
    until(lambda: "no network" in caplog.text)
    made.close()
    assert not made._thread.is_alive()
