"""OSCQuery: what a client asks about the OSC addresses, hears of them, and sends to them. How it
comes and goes: `bridge/control/http/oscquery.py`.
"""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from bridge.control.bridge_api import BridgeApi
from bridge.control.osc.inbox import Sender
from bridge.control.osc.packets import encoded
from bridge.control.osc.routes import ROOT
from bridge.control.osc.server import OscServer
from bridge.control.osc.tree import ATTRIBUTES, Tree
from engine.parameters import Value

HOST_INFO = "HOST_INFO"
ALWAYS = ("FULL_PATH", "CONTENTS")  # attributes that are no extensions
LONGEST = 80  # characters of a path that is quoted


class OscQuery:
    """Any thread may call any method; none waits."""

    def __init__(self, desk: BridgeApi, server: OscServer, name: str) -> None:
        self._tree = Tree(desk)
        self._desk = desk
        self._server = server
        self._name = name

    def answer(self, path: str, attribute: str, host: str) -> tuple[int, dict[str, Any] | None]:
        """The status and the content for an address, whole or one attribute; `host` is the address
        of this machine that the client used. No content if the address has no such attribute.
        """
        if attribute == HOST_INFO:
            return HTTPStatus.OK, self._info(host)
        node = self._tree.find(path)
        if node is None:
            text = f"There is no OSC address {path[:LONGEST]!r}; GET /bridge lists them."
            return HTTPStatus.NOT_FOUND, {"detail": text}
        if attribute and attribute not in ATTRIBUTES:
            known = ", ".join((HOST_INFO, *ATTRIBUTES))
            text = f"Unknown attribute {attribute[:LONGEST]!r}; choose {known}."
            return HTTPStatus.BAD_REQUEST, {"detail": text}
        told = self._tree.told(node)
        if not attribute:
            return HTTPStatus.OK, told
        if attribute not in told:
            return HTTPStatus.NO_CONTENT, None
        return HTTPStatus.OK, {attribute: told[attribute]}

    def heard(self, address: str) -> bool:
        """Whether a client can listen to this address: it has a value."""
        node = self._tree.find(address)
        return node is not None and node.reads

    def changed(self, names: Iterable[str]) -> list[str]:
        """Every address of these parameters."""
        return self._tree.changed(names)

    def looks(self) -> dict[str, str]:
        """The address of each look there is now, with its description."""
        return self._tree.looks()

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed`, which returns at once, whenever `looks` may be others."""
        self._desk.show.looks.listen(changed)

    def states(self) -> dict[str, Value]:
        """The value now of each address that is no parameter's: nobody tells when those change."""
        return self._tree.states()

    def messages(self, addresses: Iterable[str]) -> Iterator[bytes]:
        """A message with the current value of each of these addresses, which are `heard`."""
        return self._tree.messages(addresses)

    def complaint(self, text: str) -> bytes:
        """A message that tells a client in one sentence what is wrong."""
        return encoded(ROOT + "error", text)

    def join(self, sender: Sender, reply: Callable[[bytes], bool]) -> None:
        """Answer this sender by `reply` from now on, which never waits, and returns False if it
        takes no more now.
        """
        self._server.join(sender, reply)

    def leave(self, sender: Sender) -> None:
        """It has gone."""
        self._server.leave(sender)

    def take(self, data: bytes, sender: Sender) -> bool:
        """Do what a packet says, as if it had come by UDP; False if there are too many now."""
        return self._server.put(data, sender)

    def _info(self, host: str) -> dict[str, Any]:
        extensions = {name: True for name in ATTRIBUTES if name not in ALWAYS}
        more = {"LISTEN": True, "IGNORE": True, "PATH_CHANGED": True, "PATH_ADDED": True,
                "PATH_REMOVED": True, "PATH_RENAMED": False, "CRITICAL": False,
                "EXTENDED_TYPE": False, "HTML": False}  # fmt: skip
        return {
            "NAME": self._name,
            "EXTENSIONS": extensions | more,
            "OSC_IP": host,
            "OSC_PORT": self._server.port,
            "OSC_TRANSPORT": "UDP",
        }
