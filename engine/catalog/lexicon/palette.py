"""Colours by their names, and what changes those that others bring."""

from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (205, 30, 35), "crimson": (165, 15, 45), "scarlet": (235, 45, 25),
    "pink": (245, 130, 175), "magenta": (220, 25, 150), "purple": (115, 40, 150),
    "violet": (135, 70, 205), "indigo": (60, 40, 140), "blue": (30, 75, 200), "navy": (15, 25, 80),
    "azure": (60, 150, 235), "cyan": (30, 200, 220), "turquoise": (45, 195, 185),
    "teal": (10, 120, 120), "green": (35, 140, 60), "lime": (150, 215, 40), "olive": (115, 120, 45),
    "mint": (150, 225, 190), "yellow": (250, 215, 40), "gold": (215, 160, 35),
    "golden": (225, 170, 45), "amber": (245, 160, 20), "orange": (240, 120, 25),
    "coral": (250, 115, 90), "peach": (250, 190, 150), "brown": (110, 65, 35),
    "tan": (205, 170, 125), "beige": (225, 210, 180), "cream": (250, 240, 215),
    "white": (245, 245, 245), "silver": (185, 190, 198), "grey": (125, 125, 128),
    "black": (18, 18, 22), "maroon": (100, 15, 35), "lavender": (190, 170, 230),
    "bronze": (150, 105, 55), "copper": (185, 100, 55), "emerald": (15, 145, 90),
    "ruby": (160, 15, 60), "sapphire": (20, 60, 160), "rose": (225, 95, 125),
    "charcoal": (50, 52, 56), "sepia": (120, 85, 50), "vermilion": (225, 65, 40),
    "carmine": (150, 10, 40), "burgundy": (110, 20, 45), "salmon": (245, 145, 120),
    "apricot": (250, 185, 120), "tangerine": (245, 135, 30), "terracotta": (195, 95, 65),
    "sienna": (160, 85, 45), "umber": (95, 65, 40), "ochre": (200, 140, 50),
    "mustard": (210, 165, 40), "khaki": (165, 150, 100), "chartreuse": (175, 230, 50),
    "sage": (160, 175, 140), "jade": (40, 165, 115), "aquamarine": (110, 220, 190),
    "aqua": (70, 215, 215), "cerulean": (50, 135, 195), "cobalt": (20, 70, 175),
    "ultramarine": (25, 35, 150), "slate": (85, 95, 110), "lilac": (200, 160, 215),
    "mauve": (175, 140, 180), "fuchsia": (230, 35, 160), "plum": (110, 35, 85),
    "aubergine": (75, 30, 65), "blush": (240, 190, 190), "skin": (225, 175, 145),
    "ivory": (250, 245, 225), "pearl": (235, 230, 225), "platinum": (215, 215, 220),
    "taupe": (140, 120, 105), "chestnut": (130, 65, 45), "mahogany": (105, 40, 30),
    "auburn": (140, 55, 35), "blonde": (235, 205, 130), "ebony": (35, 28, 25),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Modifier:
    """Factors for the lightness and the saturation of the colours that it acts on, and how much of
    a veil's colour then lies over them (0 to 1); `colours` are those that hold where no other word
    brings any, `pattern` is a drawing that it adds.
    """

    light: float
    saturation: float
    colours: tuple[str, ...]
    veil: str = ""
    part: float = 0.0
    pattern: str = ""


def _modifiers(table: str) -> dict[str, Modifier]:
    """`name, name: light saturation / colours / veil part / pattern`; the last two may lack."""
    found: dict[str, Modifier] = {}
    for row in table.strip().splitlines():
        names, _, rest = row.partition(":")
        numbers, colours, veiled, pattern, *_ = [*map(str.strip, rest.split("/")), "", ""]
        light, saturation = map(float, numbers.split())
        veil, _, part = veiled.partition(" ")
        modifier = Modifier(
            light, saturation, tuple(colours.split()), veil, float(part or 0), pattern
        )
        found |= dict.fromkeys(map(str.strip, names.split(",")), modifier)
    return found


MODIFIERS = _modifiers("""
dark: 0.55 1.0 / cobalt purple slate maroon
deep: 0.7 1.1 / cobalt purple teal maroon
light: 1.35 0.8 / azure peach cream beige
bright: 1.25 1.15 / yellow orange azure lime rose
pale: 1.3 0.5 / lavender peach mint beige
vivid, vibrant: 1.05 1.4 / red blue yellow green magenta
muted: 0.95 0.5 / sage taupe slate rose
soft: 1.15 0.7 / rose lavender peach cream
monochrome: 1.0 0.0 / white silver grey charcoal black
saturated: 1.0 1.5 / red blue yellow green magenta
dim: 0.6 0.8 / amber brown slate charcoal
warm: 1.05 1.1 / orange amber coral cream
colorful: 1.0 1.2 / red orange yellow green azure violet
faded: 1.1 0.5 / ochre rose teal cream
shiny: 1.2 1.0 / silver white gold azure
dull: 0.85 0.4 / grey taupe olive slate
rich: 0.85 1.2 / gold crimson purple emerald
gloomy: 0.6 0.5 / slate grey charcoal teal
""")
