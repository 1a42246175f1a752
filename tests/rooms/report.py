"""The rooms in words, and what is wrong with them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.rooms.drawing import drawn
from tests.rooms.folders import Arrow, Folder, across, contracts, folders
from tests.rooms.naming import TARGET, TOP, Line, lines

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("bridge", "engine")
DRAWING = ROOT / "docs" / "rooms.svg"


def main(arguments: Sequence[str]) -> int:
    modules, found = lines(PACKAGES, ROOT)
    orders = contracts(ROOT / "pyproject.toml")
    house = [list(folders(package, modules, found, orders)) for package in PACKAGES]
    doors = across(found)
    drawing = drawn([each[0] for each in house], doors)
    if "--check" in arguments:
        problems = [line for package in house for folder in package for line in wrong(folder)]
        if not DRAWING.exists() or DRAWING.read_text(encoding="utf-8") != drawing:
            problems.append("docs/rooms.svg is an old one: python -m tests.rooms redraws it")
        for problem in problems:
            print(problem)
        return int(bool(problems))
    for package in house:
        for folder in package:
            print(*told(folder), "", sep="\n")
    for (start, end), named in doors.items():
        print(f"{start} -> {_end(end, named)}")
    DRAWING.write_text(drawing, encoding="utf-8", newline="\n")
    return 0


def told(folder: Folder) -> Iterator[str]:
    """The folder in words."""
    yield (
        f"{folder.name}: {len(folder.files)} rooms, {len(folder.arrows)} arrows, "
        f"{len(folder.floors)} floors, {len(folder.circles)} circles, "
        f"{len(folder.back)} arrows back up, {len(folder.bad)} arrows to be rid of"
    )
    for number, floor in reversed(list(enumerate(folder.floors, start=1))):
        yield f"  floor {number}"
        for room in floor:
            ends = [_end(b, named) for (a, b), named in sorted(folder.arrows.items()) if a == room]
            yield f"    {room} ({folder.files[room]})" + (" -> " if ends else "") + ", ".join(ends)
    yield from wrong(folder)


def wrong(folder: Folder) -> Iterator[str]:
    """Each circle and each arrow back up, with the lines that make it. Marked with `!` are those
    without which it would be neither.
    """
    for circle in folder.circles:
        yield f"{folder.name}: a circle: {', '.join(circle)}"
        for arrow, named in sorted(folder.arrows.items()):
            if set(arrow) <= set(circle):
                yield from _lines(arrow, named, "!" if arrow in folder.bad else " ")
    for arrow in folder.back:
        yield f"{folder.name}: back up: {arrow[0]} -> {arrow[1]}"
        yield from _lines(arrow, folder.arrows[arrow], "!")


def _lines(arrow: Arrow, named: list[Line], mark: str) -> Iterator[str]:
    # One line may name several modules of a room.
    for line in dict.fromkeys(str(line) for line in named if line.how != TARGET):
        yield f"  {mark} {arrow[0]} -> {arrow[1]}  {line}"


def _end(room: str, named: list[Line]) -> str:
    """Where an arrow ends, and how it is named where that is never at the top of a module."""
    ways = {line.how for line in named}
    return room if TOP in ways else f"{room} ({', '.join(sorted(ways))})"
