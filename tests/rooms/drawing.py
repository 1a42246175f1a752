"""The drawing: floors of rooms, one package beside the other, as SVG text."""

from collections import defaultdict
from html import escape
from textwrap import wrap

from tests.rooms.folders import Arrow, Folder
from tests.rooms.layout import Layout, Place, Segment, laid
from tests.rooms.naming import STRING, TARGET, TOP, Line

WIDE, EDGE, GUTTER = 1400, 24, 34  # of the page; around it; left of the rooms, for the floors
HIGH, STEP, HEAD = 34, 84, 74  # of a room; from row to row; above the first row
LINE, LETTERS = 19, 90
STYLE = """
svg { --page: #ffffff; --ink: #1b1f24; --soft: #5d6670; --room: #f3f5f7; --wall: #8b949e;
  --bad: #d1242f; --door: #0969da; background: var(--page); color-scheme: light dark;
  font: 12px ui-monospace, Menlo, Consolas, monospace }
@media (prefers-color-scheme: dark) { svg { --page: #14171b; --ink: #e8ebee; --soft: #9ba4ae;
  --room: #242a31; --wall: #7d8791; --bad: #ff7b72; --door: #58a6ff } }
text { fill: var(--ink) } .soft { fill: var(--soft); font-size: 11px }
.title { font-size: 18px; font-weight: 600 } .strong { font-weight: 600 }
.floor { stroke: var(--wall); opacity: .25 } .wrong { fill: var(--bad) }
.room rect { fill: var(--room); stroke: var(--wall) } .room text { text-anchor: middle }
.circle rect { stroke: var(--bad); stroke-width: 2 }
.room .door { fill: var(--door); stroke: none }
.arrow { fill: none; stroke: var(--wall) } .late { stroke-dasharray: 5 3 }
.string { stroke-dasharray: 1.5 3 } .bad { stroke: var(--bad); stroke-width: 1.5 }
.tip { fill: var(--wall) } .bad-tip { fill: var(--bad) }"""
TIPS = "".join(
    f'<marker id="{name}" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="6" markerHeight="6" '
    f'orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0 6 3 0 6z" class="{name}"/></marker>'
    for name in ("tip", "bad-tip")
)
MEANING = (
    "An arrow goes from a room to one that it imports: solid at the top of a module; dashed in a "
    "function, or for types only; dotted by name, in a string.",
    "Red arrows: without them, no circle and nothing back up against the layers of pyproject.toml. "
    "Red walls: rooms in a circle. Blue: the other package imports it.",
)


def drawn(packages: list[Folder], doors: dict[Arrow, list[Line]]) -> str:
    """The page: the packages, and in words what one imports of the other."""
    wide = (WIDE - EDGE * (len(packages) + 1)) / len(packages)
    parts: list[str] = []
    low = 0
    for number, package in enumerate(packages):
        left = EDGE + number * (wide + EDGE)
        layout = laid(package, left + GUTTER, wide - GUTTER)
        parts += [*_heading(package, left), *_floors(layout, left, wide)]
        parts += _arrows(package, layout)
        parts += [
            _room(package, place, x, f"{package.name}.{place.name}" in {end for _, end in doors})
            for place, x in sorted(layout.across.items())
            if not place.trunk
        ]
        low = max(low, HEAD + STEP * len(layout.rows))
    words, low = _words(doors, low)
    lit = "".join(
        f"\nsvg:has(#{name}:hover) .{name} {{ stroke: var(--door); stroke-width: 2 }}"
        for name in (_id(package, room) for package in packages for room in package.files)
    )
    size = f'width="{WIDE}" height="{low}" viewBox="0 0 {WIDE} {low}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            "<title>The rooms of the packages, and which imports which</title>",
            f"<style>{STYLE}{lit}\n</style><defs>{TIPS}</defs>",
            *parts,
            *words,
            "</svg>\n",
        ]
    )


def _id(package: Folder, room: str) -> str:
    return f"{package.name}-{room}"


def _heading(package: Folder, left: float) -> list[str]:
    rooms, arrows, floors = len(package.files), len(package.arrows), len(package.floors)
    wrong = ""
    if package.circles or package.back:
        wrong = f"; circles: {len(package.circles)}; back up: {len(package.back)}"
        wrong = f'<tspan class="wrong">{wrong}</tspan>'
    told = f"{rooms} rooms, {arrows} arrows, {floors} floors{wrong}"
    return [
        f'<text x="{left:.0f}" y="30" class="title">{package.name}</text>',
        f'<text x="{left:.0f}" y="48" class="soft">{told}</text>',
    ]


def _floors(layout: Layout, left: float, wide: float) -> list[str]:
    parts: list[str] = []
    for row, level in enumerate(layout.levels):
        if level not in layout.levels[:row]:
            y = _top(row)
            parts.append(f'<path d="M{left:.0f} {y - 18}h{wide:.0f}" class="floor"/>')
            parts.append(f'<text x="{left:.0f}" y="{y + 21}" class="soft">{level}</text>')
    return parts


def _top(row: int) -> int:
    return HEAD + STEP * row


def _arrows(package: Folder, layout: Layout) -> list[str]:
    parts: list[str] = []
    for segment, arrows in sorted(layout.segments.items()):
        curve = _curve(segment, *(layout.ports[segment, place] for place in segment))
        parts.append(_path(package, arrows, curve, tip=not segment[1].trunk))
        if segment[1].trunk:
            x, y = layout.across[segment[1]], _top(segment[1].row)
            parts.append(_path(package, arrows, f"M{x:.0f} {y}v{HIGH}"))
    return parts


def _curve(segment: Segment, x: float, to_x: float) -> str:
    """Straight down (or up) out of the one place and into the other; below the row for two rooms
    of one row.
    """
    start, end = segment
    y = _top(start.row) + HIGH * (end.row >= start.row)
    to_y = _top(end.row) + HIGH * (end.row <= start.row)
    bend = (y + to_y) / 2 + HIGH * (end.row == start.row)
    return f"M{x:.0f} {y}C{x:.0f} {bend:.0f} {to_x:.0f} {bend:.0f} {to_x:.0f} {to_y}"


def _path(package: Folder, arrows: set[Arrow], curve: str, *, tip: bool = False) -> str:
    ways = {line.how for arrow in arrows for line in package.arrows[arrow]}
    look = "arrow" if TOP in ways else "arrow string" if ways <= {STRING, TARGET} else "arrow late"
    bad = not arrows.isdisjoint(package.bad)
    rooms = " ".join(sorted({_id(package, room) for arrow in arrows for room in arrow}))
    marker = f' marker-end="url(#{"bad-tip" if bad else "tip"})"' if tip else ""
    return f'<path d="{curve}" class="{look}{" bad" if bad else ""} {rooms}"{marker}/>'


def _room(package: Folder, place: Place, x: float, door: bool) -> str:
    name, files, y = place.name, package.files[place.name], _top(place.row)
    circle = any(name in circle for circle in package.circles)
    imports = ", ".join(sorted(b for a, b in package.arrows if a == name)) or "no room"
    users = ", ".join(sorted(a for a, b in package.arrows if b == name)) or "no room"
    box = f'x="{x - place.wide / 2:.0f}" y="{y}" height="{HIGH}"'
    parts = [
        f'<g id="{_id(package, name)}" class="room{" circle" if circle else ""}">',
        f"<title>{name} imports {imports}; {users} imports it</title>",
        f'<rect {box} width="{place.wide:.0f}" rx="4"/>',
        f'<rect {box} width="4" class="door"/>' if door else "",
        f'<text x="{x:.0f}" y="{y + (15 if files > 1 else 21)}">{name}</text>',
        f'<text x="{x:.0f}" y="{y + 28}" class="soft">{files} files</text>' if files > 1 else "",
    ]
    return "".join([*parts, "</g>"])


def _words(doors: dict[Arrow, list[Line]], low: int) -> tuple[list[str], int]:
    """What the lines mean, and what one package imports of the other; how low that ends."""
    ends: dict[str, list[str]] = defaultdict(list)
    for (start, end), named in doors.items():
        by_name = all(line.how in (STRING, TARGET) for line in named)
        ends[start].append(f'"{end}"' if by_name else end)
    told = [
        line
        for start, several in ends.items()
        for line in wrap(f"{start} → {', '.join(several)}", LETTERS, subsequent_indent="\xa0" * 4)
    ]
    parts = [_text(EDGE, low + LINE * n, line, "soft") for n, line in enumerate(MEANING)]
    top = low + LINE * (len(MEANING) + 1)
    parts.append(_text(EDGE, top, "From package to package", "strong"))
    half = -(-len(told) // 2)
    for n, line in enumerate(told):
        x = EDGE if n < half else (WIDE + EDGE) // 2
        parts.append(_text(x, top + LINE * (n % half + 1), line, "words"))
    return parts, top + LINE * half + EDGE


def _text(x: int, y: int, words: str, look: str) -> str:
    return f'<text x="{x}" y="{y}" class="{look}">{escape(words, quote=False)}</text>'
