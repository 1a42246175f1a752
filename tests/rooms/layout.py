"""Where rooms and arrows are placed on the page.

Rooms stand in rows, and an arrow that passes a row has a place of its own in it, so that no arrow
runs behind a room. Those that end at the same room flow together on the way down.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean  # rounds the same on every Python, as sum does not

from tests.rooms.folders import Arrow, Folder

LETTER, PADDING, NARROWEST = 7.3, 16, 58  # of a room: as wide as its name
GAP, TIGHT = 12, 8  # beside a room; between two arrows
PORTS = 9.0  # between the arrows of a room, where it is wide enough
PASSES = 24


@dataclass(frozen=True, order=True)
class Place:
    """What takes room in a row: a room, or where the arrows of a trunk pass."""

    row: int
    name: str
    trunk: bool = False

    @property
    def wide(self) -> float:
        return 0 if self.trunk else max(NARROWEST, LETTER * len(self.name) + PADDING)


Segment = tuple[Place, Place]  # from row to row, the way the arrow points
Rows = list[list[Place]]
Near = dict[Place, list[Place]]


@dataclass
class Layout:
    """The rows from the top down and the floor of each; the arrows of each segment; where each
    place stands, and where a segment meets its places.
    """

    rows: Rows
    levels: list[int]
    segments: dict[Segment, set[Arrow]]
    across: dict[Place, float]
    ports: dict[tuple[Segment, Place], float]


def laid(folder: Folder, left: float, wide: float) -> Layout:
    """A floor that is too wide is broken into several rows."""
    for part in (1.0, 0.85, 0.7, 0.55, 0.4, 0.25):
        rows, levels = _rows(folder, wide * part)
        segments = _segments(folder, rows)
        if all(_least(places)[-1] + _ends(places) <= wide for places in rows):
            break
    above: Near = defaultdict(list)
    below: Near = defaultdict(list)
    for upper, lower in sorted(tuple(sorted(segment)) for segment in segments):
        if upper.row != lower.row:
            below[upper].append(lower)
            above[lower].append(upper)
    rows = _ordered(rows, above, below)
    across = _across(rows, above, below, left, wide)
    return Layout(rows, levels, segments, across, _ports(segments, across))


def _rows(folder: Folder, wide: float) -> tuple[Rows, list[int]]:
    rows: Rows = []
    levels: list[int] = []
    for level, floor in reversed(list(enumerate(folder.floors, start=1))):
        total = sum(Place(0, room).wide + GAP for room in floor)
        broken = max(1, -int(-total // wide))
        for first in range(broken):
            rows.append([Place(len(rows), room) for room in floor[first::broken]])
            levels.append(level)
    return rows, levels


def _segments(folder: Folder, rows: Rows) -> dict[Segment, set[Arrow]]:
    """The pieces of the arrows; puts the places that they pass into the rows."""
    rooms = {place.name: place for places in rows for place in places}
    segments: dict[Segment, set[Arrow]] = defaultdict(set)
    for arrow in sorted(folder.arrows):
        start, end = rooms[arrow[0]], rooms[arrow[1]]
        down = start.row < end.row
        trunk = end.name if down and arrow not in folder.bad else f"{start.name} {end.name}"
        step = 1 if down else -1
        passed = [Place(row, trunk, True) for row in range(start.row + step, end.row, step)]
        for place in passed:
            if place not in rows[place.row]:
                rows[place.row].append(place)
        for segment in pairwise([start, *passed, end]):
            segments[segment].add(arrow)
    return segments


def _ordered(rows: Rows, above: Near, below: Near) -> Rows:
    """Each row by the mean of its neighbours' places, going down and up in turn: the best."""
    best, fewest = rows, _crossings(rows, below)
    for turn in range(PASSES):
        rows = [list(places) for places in rows]
        near = below if turn % 2 else above
        at = {place: float(n) for places in rows for n, place in enumerate(places)}
        for places in reversed(rows) if turn % 2 else rows:
            mean = {place: fmean(at[p] for p in near.get(place) or [place]) for place in places}
            places.sort(key=mean.__getitem__)
            at |= {place: float(n) for n, place in enumerate(places)}
        if (crossings := _crossings(rows, below)) < fewest:
            best, fewest = rows, crossings
    return best


def _crossings(rows: Rows, below: Near) -> int:
    at = {place: n for places in rows for n, place in enumerate(places)}
    crossings = 0
    for places in rows:
        seen: list[int] = []
        for place in places:
            ends = [at[lower] for lower in below.get(place, ())]
            crossings += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return crossings


def _least(places: list[Place]) -> list[float]:
    """How far right of the first place each must stand at least."""
    least = [0.0]
    for one, other in pairwise(places):
        gap = TIGHT if one.trunk and other.trunk else GAP
        least.append(least[-1] + (one.wide + other.wide) / 2 + gap)
    return least


def _ends(places: list[Place]) -> float:
    return (places[0].wide + places[-1].wide) / 2


def _across(rows: Rows, above: Near, below: Near, left: float, wide: float) -> dict[Place, float]:
    """Each place as near to its neighbours as the order and the width of its row allow."""
    across: dict[Place, float] = {}
    for places in rows:
        least = _least(places)
        spare = (wide - least[-1] - _ends(places)) / (len(places) + 1)
        first = left + places[0].wide / 2
        across |= {place: first + least[n] + spare * (n + 1) for n, place in enumerate(places)}
    for turn in range(PASSES):
        for places in rows if turn % 2 else reversed(rows):
            wish = [
                fmean(across[near] for near in [*above.get(p, ()), *below.get(p, ())] or [p])
                for p in places
            ]
            first, last = left + places[0].wide / 2, left + wide - places[-1].wide / 2
            across |= zip(places, _settled(wish, _least(places), first, last), strict=True)
    return across


def _settled(wish: list[float], least: list[float], first: float, last: float) -> list[float]:
    """The nearest to the wishes, by least squares, that keeps the order and the distances: what
    would overlap moves as one (pool adjacent violators).
    """
    groups: list[list[float]] = []
    for want, far in zip(wish, least, strict=True):
        groups.append([want - far])
        while len(groups) > 1 and fmean(groups[-2]) > fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    free = [fmean(group) for group in groups for _ in group]
    farthest = max(first, last - least[-1])
    return [min(max(at, first), farthest) + far for at, far in zip(free, least, strict=True)]


def _ports(
    segments: dict[Segment, set[Arrow]], across: dict[Place, float]
) -> dict[tuple[Segment, Place], float]:
    """Side by side along the edge of a room, by where they come from or go to."""
    meeting: dict[tuple[Place, bool], list[tuple[float, Segment]]] = defaultdict(list)
    for start, end in segments:
        meeting[start, end.row >= start.row].append((across[end], (start, end)))
        meeting[end, start.row >= end.row].append((across[start], (start, end)))
    ports: dict[tuple[Segment, Place], float] = {}
    for (place, _), several in meeting.items():
        step = min(PORTS, max(0.0, place.wide - PADDING) / max(1, len(several) - 1))
        for n, (_, segment) in enumerate(sorted(several)):
            ports[segment, place] = across[place] + step * (n - (len(several) - 1) / 2)
    return ports
