"""The rooms of a folder, its arrows, circles and floors, and what runs back up."""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from tests.rooms.naming import TARGET, Line

Arrow = tuple[str, str]


@dataclass(frozen=True)
class Layers:
    """A layers contract: who stands on each floor, from the top down; `apart` says where those
    on one floor may not know each other.
    """

    floors: list[list[str]]
    apart: list[bool]

    def against(self, line: Line) -> bool:
        upper, lower = self._floor(line.source), self._floor(line.target)
        if upper is None or lower is None or upper == lower:
            return False
        return upper[0] > lower[0] or (upper[0] == lower[0] and self.apart[upper[0]])

    def _floor(self, module: str) -> tuple[int, str] | None:
        found = [
            (number, name)
            for number, floor in enumerate(self.floors)
            for name in floor
            if _within(module, name)
        ]
        return max(found, key=lambda at: len(at[1]), default=None)


@dataclass
class Folder:
    """The number of files of each room; the lines of each arrow; the circles; the arrows that
    run back up; all without which there would be neither, `bad`; the floors, from the ground up.
    """

    name: str
    files: dict[str, int]
    arrows: dict[Arrow, list[Line]]
    circles: list[list[str]] = field(default_factory=list)
    back: list[Arrow] = field(default_factory=list)
    bad: set[Arrow] = field(default_factory=set)
    floors: list[list[str]] = field(default_factory=list)


def contracts(pyproject: Path) -> list[Layers]:
    """The layers contracts of import-linter."""
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    found: list[Layers] = []
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] != "layers":
            continue
        for container in contract.get("containers", [""]):
            before = f"{container}." if container else ""
            floors = [re.split(r"[|:]", layer) for layer in contract["layers"]]
            named = [[before + name.strip().strip("()") for name in floor] for floor in floors]
            found.append(Layers(named, [":" not in layer for layer in contract["layers"]]))
    return found


def folders(
    package: str, modules: set[str], found: list[Line], orders: Sequence[Layers]
) -> Iterator[Folder]:
    """The package and each folder in it that has rooms."""
    files: dict[str, int] = defaultdict(int)
    for module in sorted(modules):
        if room := _room(module, package):
            files[room] += 1
    if not files:
        return
    arrows: dict[Arrow, list[Line]] = defaultdict(list)
    for line in found:
        start, end = _room(line.source, package), _room(line.target, package)
        if start and end and start != end:
            arrows[start, end].append(line)
    yield _judged(Folder(package, dict(files), dict(arrows)), orders)
    for room in files:
        yield from folders(f"{package}.{room}", modules, found, orders)


def across(found: list[Line]) -> dict[Arrow, list[Line]]:
    """The arrows from the rooms of one package to those of another."""
    arrows: dict[Arrow, list[Line]] = defaultdict(list)
    for line in found:
        start, end = (".".join(name.split(".")[:2]) for name in (line.source, line.target))
        if start.split(".")[0] != end.split(".")[0]:
            arrows[start, end].append(line)
    return dict(sorted(arrows.items()))


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _room(module: str, folder: str) -> str:
    """The room of the folder in which the module lies; "" for one elsewhere, or the folder."""
    room = module[len(folder) + 1 :].split(".")[0] if _within(module, folder) else ""
    return "" if room == "__main__" else room


def _judged(folder: Folder, orders: Sequence[Layers]) -> Folder:
    real: dict[Arrow, list[Line]] = {}
    for arrow, named in folder.arrows.items():
        if binding := [line for line in named if line.how != TARGET]:
            real[arrow] = binding
    folder.circles = circles(real)
    folder.back = sorted(
        arrow
        for arrow, named in real.items()
        if any(order.against(line) for order in orders for line in named)
    )
    folder.bad = set(folder.back)
    while left := circles(real.keys() - folder.bad):
        folder.bad.add(_slip(real, real.keys() - folder.bad, left[0]))
    folder.floors = floors(folder.files, real.keys() - folder.bad)
    return folder


def _slip(real: Mapping[Arrow, list[Line]], arrows: Set[Arrow], circle: list[str]) -> Arrow:
    """The arrow to do without: what few lines say is taken for the slip, and what many say for
    the order; among several, the one that leaves the fewest rooms in circles.
    """
    inside = sorted(arrow for arrow in arrows if set(arrow) <= set(circle))
    fewest = min(len(real[arrow]) for arrow in inside)
    return min(
        (arrow for arrow in inside if len(real[arrow]) == fewest),
        key=lambda arrow: sum(map(len, circles(arrows - {arrow}))),
    )


def circles(arrows: Iterable[Arrow]) -> list[list[str]]:
    """The groups of rooms in which each can be reached from each."""
    ends = _ends(arrows)
    reach = {room: _reached(room, ends) for room in sorted(ends)}
    groups = {
        tuple(sorted(other for other in reach[room] if room in reach.get(other, ())))
        for room in ends
        if room in reach[room]
    }
    return [list(group) for group in sorted(groups)]


def _ends(arrows: Iterable[Arrow]) -> dict[str, set[str]]:
    ends: dict[str, set[str]] = defaultdict(set)
    for start, end in arrows:
        ends[start].add(end)
    return ends


def _reached(room: str, ends: Mapping[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [room]
    while waiting:
        new = ends.get(waiting.pop(), set()) - seen
        seen |= new
        waiting += new
    return seen


def floors(rooms: Iterable[str], arrows: Iterable[Arrow]) -> list[list[str]]:
    """The rooms from the ground up: each stands above all that it imports."""
    ends = _ends(arrows)
    users = _ends((end, start) for start, ends_ in ends.items() for end in ends_)
    height: dict[str, int] = {}

    def raised(room: str) -> int:
        if room not in height:
            height[room] = max((raised(end) + 1 for end in ends.get(room, ())), default=0)
        return height[room]

    names = sorted(rooms)
    for room in names:
        raised(room)
    # One that more rooms use than it uses itself goes up to them: its arrows are shorter so.
    for room in sorted(names, key=lambda room: -height[room]):
        if len(users.get(room, ())) > len(ends.get(room, ())):
            height[room] = min(height[user] for user in users[room]) - 1
    top = max(height.values())
    return [[room for room in names if height[room] == floor] for floor in range(top + 1)]
