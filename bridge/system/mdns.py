"""Tells this machine or the local network where services are, by mDNS (zeroconf, Bonjour)."""

import logging
import socket
import threading
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from typing import Any

from bridge.system.networks import own_addresses

log = logging.getLogger(__name__)

PACKAGE = "zeroconf"
LOOPBACK = "127.0.0.1"
AGAIN = 10.0  # seconds until another try, such as without a network
LEAVING = 2.0  # seconds for telling that the services are gone
LONGEST = 50  # bytes of a name, which may get a number; mDNS allows 63


def installed() -> bool:
    """Whether the package for it is."""
    return find_spec(PACKAGE) is not None


class Announcement:
    """Announces services in a thread of its own; nothing waits for it. `start`, then `close`."""

    def __init__(self, name: str, services: Mapping[str, int], *, everywhere: bool) -> None:
        """`services` are ports by type, such as `_osc._udp`. `everywhere` tells the local network;
        else only this machine is told.
        """
        self._name = name.encode()[:LONGEST].decode("utf-8", "ignore")
        self._services = services
        self._everywhere = everywhere
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mDNS", daemon=True)

    def start(self) -> None:
        """Start announcing."""
        self._thread.start()

    def close(self) -> None:
        """Tell that they are gone."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(LEAVING)

    def _run(self) -> None:
        zeroconf: Any = import_module(PACKAGE)
        while not self._stopped.is_set():
            try:
                self._announce(zeroconf)
            except Exception as error:  # noqa: BLE001 - the show continues unannounced
                log.warning("mDNS: not announced, next try in %.0f s: %s", AGAIN, error)
                self._stopped.wait(AGAIN)

    def _announce(self, zeroconf: Any) -> None:
        """Announce until `close`."""
        addresses = own_addresses() if self._everywhere else []
        responder = zeroconf.Zeroconf(interfaces=[LOOPBACK, *addresses])
        try:
            for kind, port in self._services.items():
                name = self._register(zeroconf, responder, kind, port, addresses or [LOOPBACK])
                log.info("mDNS: announced as %s (%s, port %d)", name, kind, port)
            self._stopped.wait()
        finally:
            responder.close()  # takes the services back first

    def _register(
        self, zeroconf: Any, responder: Any, kind: str, port: int, addresses: list[str]
    ) -> str:
        """Announce one service; returns the name that was free: NAME, else NAME (2) and so on."""
        host = socket.gethostname().partition(".")[0] or "bridge"
        for number in count(1):
            name = self._name if number == 1 else f"{self._name} ({number})"
            info = zeroconf.ServiceInfo(
                f"{kind}.local.", f"{name}.{kind}.local.", port=port,
                parsed_addresses=addresses, server=f"{host}-{port}.local.",
            )  # fmt: skip
            try:
                responder.register_service(info)
            except zeroconf.NonUniqueNameException:
                continue
            return name
        raise AssertionError
