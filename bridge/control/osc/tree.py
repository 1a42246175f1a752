"""The OSC addresses as OSCQuery describes them: each with its type, access, range, help and value,
from the same declarations as the routes.

A parameter is listed once, under its short address; its other addresses are found too. The
addresses are fixed while the bridge runs, those of all pipelines, but for one of each look.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.control.bridge_api import Action, BridgeApi
from bridge.control.osc.feedback import INPUTS, PIPELINE, STATES, Holding
from bridge.control.osc.packets import INT32, PacketError, encoded
from bridge.control.osc.routes import ROOT, addresses, buttons, former, former_words, indexed
from bridge.state.status import STATUS, Status
from engine.parameters import Kind, ParameterSpec, Value

READ, WRITE = 1, 2  # of ACCESS; 0 for a node that only holds others
PRESS, SWITCH = "I", "T"  # types of a button, and of on and off
TYPES = {Kind.FLOAT: "f", Kind.INT: "i", Kind.BOOL: SWITCH}  # all others are texts
UNITS = {"s": "time.second", "ms": "time.ms", "fps": "time.hz", "px": "distance.pixels"}
ATTRIBUTES = (
    "FULL_PATH", "DESCRIPTION", "ACCESS", "TYPE", "RANGE", "CLIPMODE", "UNIT", "TAGS", "OVERLOADS",
    "VALUE", "CONTENTS",
)  # fmt: skip
LISTED = 8  # buttons of an action with a number in its address; the others are found too
LOOKS = ROOT + "look"  # and /N for each look, while there is one
# Commands that take a value, with its type, and what they do. Parameters and buttons declare it.
COMMANDS = {
    "download": ("s", "Download the files of a pipeline, by its id."),
    "download/cancel": (PRESS, "Cancel the download."),
    "who": ("s", "Answer who moved a parameter last, by its name."),
    "ping": (PRESS, "Answer with /bridge/pong."),
    "query": ("i", "Send every value once, by UDP to this port of the sender."),
    "subscribe": ("i", "Send every change for ten minutes, by UDP to this port of the sender."),
    "unsubscribe": ("i", "Send nothing more by UDP to this port of the sender."),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One address: its attributes, without those that change, and what is below it."""

    path: str
    about: dict[str, Any]
    below: "dict[str, Node]" = field(default_factory=dict[str, "Node"])

    @property
    def reads(self) -> bool:
        """Whether it has a value."""
        return bool(self.about["ACCESS"] & READ)

    @property
    def type(self) -> str:
        """The type of its value; empty if it takes none and has none."""
        return self.about.get("TYPE", "")


class Tree:
    """Any thread may use it."""

    def __init__(self, desk: BridgeApi) -> None:
        self._desk = desk
        specs = desk.store.specs
        self._names = {address: s.name for address, s in addresses(specs.values()).items()}
        self._words = former_words(specs.values())
        self._addresses: dict[str, list[str]] = {}  # of a parameter
        for address, name in self._names.items():
            self._addresses.setdefault(name, []).append(address)
        pressed = buttons(desk)
        self._indexed = {a: b for a, b in pressed.items() if b.argument and b.argument.index}
        found = {node.path: node for node in self._all(pressed)}
        self._found = found
        shown = {ROOT + spec.osc for spec in specs.values()}
        hidden = (self._names.keys() - shown) | former(desk).keys()
        self.root = _container("/")
        for address in sorted(found.keys() - hidden):
            self._hang(found[address])

    def find(self, path: str) -> Node | None:
        """The node of an address, or of a part of some; None if there is none."""
        if node := self._found.get(path):
            return node
        node = self.root
        for part in path.strip("/").split("/") if path != "/" else ():
            below = self._below(node)
            if part not in below:
                return None if node.path == LOOKS else self._numbered(path)
            node = below[part]
        return node

    def told(self, node: Node) -> dict[str, Any]:
        """All attributes of a node and of those below it, with their current values."""
        return self._told(node, self._holding())

    def messages(self, paths: Iterable[str]) -> Iterator[bytes]:
        """A message with the value now of each of these addresses, unless OSC cannot carry it."""
        holding = self._holding()
        for path in paths:
            with suppress(PacketError):
                yield _message(path, self._found[path].type, holding(path, None))

    def states(self) -> dict[str, Value]:
        """The value now of each address that is no parameter's."""
        holding = self._holding()
        return {path: holding(path, None) for path in (PIPELINE, *INPUTS, *STATES)}

    def looks(self) -> dict[str, str]:
        """The address of each look there is now, with its description."""
        return {node.path: node.about["DESCRIPTION"] for node in self._looks().values()}

    def changed(self, names: Iterable[str]) -> list[str]:
        """Every address of these parameters."""
        return [address for name in names for address in self._addresses[name]]

    def _holding(self) -> Holding:
        return Holding(self._desk, self._names, self._words)

    def _told(self, node: Node, holding: Holding) -> dict[str, Any]:
        told = dict(node.about)
        if node.reads:
            told["VALUE"] = [holding(node.path, None)]
        if below := self._below(node):
            told["CONTENTS"] = {name: self._told(each, holding) for name, each in below.items()}
        return told

    def _below(self, node: Node) -> dict[str, Node]:
        """What is below a node now."""
        return {**node.below, **self._looks()} if node.path == LOOKS else node.below

    def _looks(self) -> dict[str, Node]:
        """The button of each look, by its number."""
        found: dict[str, Node] = {}
        for look in self._desk.show.looks.all:
            path = f"{LOOKS}/{look.number}"
            words = f"Recall look {look.number}: {look.name}."
            found[str(look.number)] = Node(path, _about(path, words, WRITE, PRESS))
        return found

    def _all(self, pressed: Mapping[str, Action]) -> Iterator[Node]:
        specs = self._desk.store.specs
        for address, name in self._names.items():
            yield Node(address, _parameter(address, specs[name]))
        for address, action in pressed.items():
            yield Node(address, _action(address, action))
            if address in self._indexed and address != LOOKS:
                for number in range(1, LISTED + 1):
                    if node := self._numbered(f"{address}/{number}"):
                        yield node
        for name, (kind, words) in COMMANDS.items():
            yield Node(ROOT + name, _about(ROOT + name, words, WRITE, kind))
        ids = [str(row["id"]) for row in self._desk.pipelines()]
        choice = {"RANGE": [{"VALS": ids}]}
        words = "The pipeline whose frames are shown; set it to switch."
        yield Node(PIPELINE, _about(PIPELINE, words, READ | WRITE, "s", **choice))
        for address, role in INPUTS.items():
            words = f"The {role} by its URI, such as demo: or none."
            yield Node(address, _about(address, words, READ | WRITE, "s"))
        rows = {row.name: row for row in STATUS}
        for address, name in STATES.items():
            kind = {float: "f", int: "i", bool: SWITCH}.get(type(getattr(Status(), name)), "s")
            unit = _unit(rows[name].unit)
            yield Node(address, _about(address, rows[name].help, READ, kind, **unit))

    def _numbered(self, path: str) -> Node | None:
        """The button of an action with a number, such as /bridge/look/save/3."""
        try:
            found = indexed(self._indexed, path)
        except ValueError:  # out of range
            return None
        if found is None:
            return None
        address, number = found
        words = f"{self._indexed[address].help.rstrip('.')}: {number}."
        return Node(path, _about(path, words, WRITE, PRESS))

    def _hang(self, node: Node) -> None:
        """Put a node into the tree; the addresses come in order, so those above it are there."""
        above, path = self.root, ""
        *parts, last = node.path.strip("/").split("/")
        for part in parts:
            path = f"{path}/{part}"
            above = above.below.setdefault(part, _container(path))
        above.below[last] = node


def _container(path: str) -> Node:
    return Node(path, {"FULL_PATH": path, "ACCESS": 0})


def _about(path: str, words: str, access: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"FULL_PATH": path, "DESCRIPTION": words, "ACCESS": access, "TYPE": kind, **more}


def _parameter(address: str, spec: ParameterSpec) -> dict[str, Any]:
    tags = {"TAGS": [spec.page]} if spec.page else {}
    more = {**tags, **_unit(spec.unit), **_range(spec)}
    return _about(address, spec.help, READ | WRITE, TYPES.get(spec.kind, "s"), **more)


def _action(address: str, action: Action) -> dict[str, Any]:
    if action.argument is None:
        return _about(address, action.help, WRITE, PRESS)
    spec = action.argument.spec
    more = {} if action.argument.needed else {"OVERLOADS": [{"TYPE": PRESS}]}
    words = f"{action.help} {spec.name}: {spec.help}"
    kind = TYPES.get(spec.kind, "s")
    return _about(address, words, WRITE, kind, **more, **_unit(spec.unit), **_range(spec))


def _unit(unit: str) -> dict[str, Any]:
    return {"UNIT": [UNITS[unit]]} if unit in UNITS else {}


def _range(spec: ParameterSpec) -> dict[str, Any]:
    """RANGE and CLIPMODE: a number beyond a limit is set to the limit."""
    if spec.kind is Kind.CHOICE:
        return {"RANGE": [{"VALS": list(spec.choices)}]}
    if spec.kind not in (Kind.FLOAT, Kind.INT):
        return {}
    limits = {"MIN": spec.minimum, "MAX": spec.maximum}
    if spec.kind is Kind.INT:  # what an `i` holds; larger ones are sent as text
        limits = {name: _whole(limit) for name, limit in limits.items()}
    told = {name: limit for name, limit in limits.items() if limit is not None}
    clips = {("MIN", "MAX"): "both", ("MIN",): "low", ("MAX",): "high"}.get(tuple(told), "none")
    return {**({"RANGE": [told]} if told else {}), "CLIPMODE": [clips]}


def _whole(limit: float | None) -> int | None:
    return None if limit is None else min(max(round(limit), -INT32), INT32 - 1)


def _message(path: str, kind: str, value: Value) -> bytes:
    """As OSCQuery's clients expect it, by its declared type."""
    if kind == SWITCH:
        builder = OscMessageBuilder(path)
        builder.add_arg(bool(value), "T" if value else "F")
        return builder.build().dgram
    return encoded(path, float(value) if kind == "f" else value)
