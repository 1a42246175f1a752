# pyright: basic
"""Draws the TouchDesigner component from td_components/network.toml: `python docs/draw_td.py`.

A drawing, not a screenshot: nodes where the file puts them, wires as it has them, the first page.
"""

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
DRAWING = ROOT / "docs" / "td.svg"
WIDE, HIGH = 150, 84  # of a node
COLOURS = {"TOP": "#6f6ab5", "CHOP": "#5f9a5f", "DAT": "#a85f9a"}
PAGE_WIDE, LINE = 430, 22


def draw(network):
    """The drawing as SVG text."""
    nodes = {row["name"]: row for row in network["op"]}
    left = min(row["at"][0] for row in nodes.values()) - 30
    top = max(row["at"][1] for row in nodes.values()) + HIGH + 30
    place = {name: (row["at"][0] - left, top - row["at"][1] - HIGH) for name, row in nodes.items()}
    right = max(x for x, _ in place.values()) + WIDE + 40
    wires = [
        (row, number, source)
        for row in nodes.values()
        for number, source in enumerate(row.get("inputs", ()))
    ]
    parts = [
        _wire(place[source], place[row["name"]], number, len(row["inputs"]))
        for row, number, source in wires
    ]
    parts += [_node(place[name], row) for name, row in nodes.items()]
    page, low = _page(network["page"], right)
    high = max([y + HIGH for _, y in place.values()] + [low]) + 50
    words = "drawn from network.toml; not a screenshot of TouchDesigner"
    parts += [page, f'<text x="30" y="{high - 16}" class="small">{words}</text>']
    wide = right + PAGE_WIDE + 30
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" '
        'font-family="Segoe UI, Helvetica, Arial, sans-serif" font-size="13">\n'
        "<style>text{fill:#e6e6e6}.small{font-size:12px;fill:#b5b5b5}</style>\n"
        f'<rect width="{wide}" height="{high}" fill="#2b2b2e"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _node(place, row):
    family = row["type"].lstrip("abcdefghijklmnopqrstuvwxyz")
    kind = row["type"].removesuffix(family)
    x, y = place
    return (
        f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="4" fill="#454549" '
        f'stroke="{COLOURS[family]}" stroke-width="2"/>'
        f'<rect x="{x}" y="{y + HIGH - 24}" width="{WIDE}" height="24" fill="{COLOURS[family]}"/>'
        f'<text x="{x + 8}" y="{y + HIGH - 7}">{escape(row["name"])}</text>'
        f'<text x="{x + 8}" y="{y + 20}" class="small">{kind} {family}</text>'
    )


def _wire(source, target, number, count):
    x, y = source[0] + WIDE, source[1] + HIGH / 2
    to_x, to_y = target[0], target[1] + HIGH * (number + 1) / (count + 1)
    bend = 40 if to_x > x else 90
    return (
        f'<path d="M{x} {y} C{x + bend} {y} {to_x - bend} {to_y} {to_x} {to_y}" '
        'fill="none" stroke="#cfcfcf" stroke-width="2"/>'
    )


def _page(pages, x):
    """The parameter window with its first page; and where it ends."""
    names = "   ".join(page["name"] for page in pages)
    parts = [f'<text x="{x + 12}" y="54" class="small">{escape(names)}</text>']
    y = 84
    for page in pages[:1]:
        for par in page["par"]:
            y += 8 if par.get("section") else 0
            shown = {"Pulse": "[ press ]", "Toggle": "on"}.get(par["style"], par.get("default", ""))
            faint = ' class="small"' if par.get("readonly") else ""
            parts.append(
                f'<text x="{x + 12}" y="{y}">{escape(par.get("label", par["name"]))}</text>'
            )
            parts.append(f'<text x="{x + 160}" y="{y}"{faint}>{escape(str(shown))}</text>')
            y += LINE
    for page in pages[1:]:
        own = ", ".join(par.get("label", par["name"]) for par in page.get("par", ()))
        told = {"Generate": "made from the bridge", "Engine": "made from the bridge",
                "Status": "made from the bridge"}.get(page["name"], "")  # fmt: skip
        for line in _lines(f"{page['name']}: {own or told}"):
            parts.append(f'<text x="{x + 12}" y="{y + 8}" class="small">{escape(line)}</text>')
            y += LINE
    frame = f'<rect x="{x}" y="30" width="{PAGE_WIDE}" height="{y - 20}" fill="#38383c" rx="4"/>'
    return frame + "".join(parts), y + 10


def _lines(text, wide=58):
    found, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > wide:
            found.append(line)
            line = "    "
        line += word + " "
    return [*found, line.rstrip()]


if __name__ == "__main__":
    DRAWING.write_text(
        draw(tomllib.loads((ROOT / "td_components/network.toml").read_text("utf-8"))), "utf-8"
    )
