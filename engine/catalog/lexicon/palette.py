"""Colours by name, and modifiers of other words' colours."""

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
    "burnt orange": (190, 85, 25), "burnt sienna": (135, 60, 30), "burnt umber": (80, 48, 32),
    "blood orange": (225, 70, 30), "hot pink": (245, 50, 140), "baby blue": (150, 200, 240),
    "baby pink": (250, 195, 210), "sky blue": (115, 185, 240), "royal blue": (40, 65, 190),
    "navy blue": (15, 25, 80), "midnight blue": (18, 22, 70), "ice blue": (190, 225, 240),
    "powder blue": (175, 205, 225), "steel blue": (75, 115, 155), "electric blue": (25, 90, 255),
    "petrol blue": (10, 75, 95), "sea green": (45, 145, 115), "forest green": (30, 85, 45),
    "moss green": (100, 120, 55), "bottle green": (10, 75, 50), "army green": (80, 85, 45),
    "acid green": (175, 220, 25), "neon green": (60, 255, 40), "neon pink": (255, 30, 150),
    "neon blue": (40, 80, 255), "neon yellow": (235, 255, 30), "neon orange": (255, 105, 15),
    "blood red": (120, 8, 16), "cherry red": (200, 15, 50), "brick red": (165, 60, 45),
    "wine red": (105, 20, 45), "fire engine red": (215, 20, 25), "rose gold": (215, 150, 135),
    "dusty rose": (200, 145, 145), "dusty pink": (210, 160, 160), "off white": (240, 236, 225),
    "snow white": (248, 250, 252), "jet black": (8, 8, 10), "pitch black": (8, 8, 10),
    "lemon yellow": (250, 235, 75), "gunmetal": (70, 78, 86),
    "anthracite": (50, 54, 60), "ecru": (225, 210, 175), "eggshell": (240, 232, 212),
    "periwinkle": (150, 155, 230), "wisteria": (175, 150, 210), "eggplant": (75, 30, 65),
    "mulberry": (140, 40, 90), "cerise": (220, 45, 100), "puce": (175, 105, 105),
    "fawn": (215, 175, 130), "buff": (225, 195, 140), "celadon": (170, 205, 175),
    "viridian": (60, 130, 110), "pistachio": (165, 205, 120), "absinthe": (180, 205, 70),
    "saffron": (245, 185, 45), "turmeric": (225, 155, 25), "marigold": (240, 165, 30),
    "paprika": (185, 60, 30), "bistre": (75, 55, 40), "verdigris": (85, 165, 150),
    "kelly green": (60, 175, 60), "hunter green": (45, 90, 60), "heather": (170, 145, 175),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Modifier:
    """Factors for the lightness and saturation of the colours it modifies, and how much of a veil's
    colour then covers them (0 to 1); `colours` apply only if no other word has any, `pattern` is a
    drawing that it adds.
    """

    light: float
    saturation: float
    colours: tuple[str, ...]
    veil: str = ""
    part: float = 0.0
    pattern: str = ""


def _modifiers(table: str) -> dict[str, Modifier]:
    """`name, name: light saturation / colours / veil part / pattern`; the last two are optional."""
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
monochrome, greyscale, grayscale: 1.0 0.0 / white silver grey charcoal black
monochromatic, black and white, black white: 1.0 0.0 / white silver grey charcoal black
desaturated, washed out, bleached: 1.15 0.35 / cream silver sage taupe
oversaturated, technicolor: 1.0 1.6 / red blue yellow green magenta
overexposed, blown out: 1.5 0.7 / white cream azure peach
underexposed, low key: 0.4 0.9 / black umber slate maroon
moody, brooding: 0.6 0.65 / slate teal umber charcoal indigo
wet, damp, moist: 0.68 1.15 / slate teal azure silver charcoal / slate 0.1 / sheen
soaked, drenched, rain soaked, soggy: 0.6 1.1 / slate teal silver charcoal / slate 0.15 / sheen
fog, foggy, brume: 1.05 0.45 / silver white slate sage grey / silver 0.5 / clouds
mist, misty: 1.1 0.6 / silver white slate sage / silver 0.4 / clouds
haze, hazy: 1.1 0.7 / cream silver peach tan / cream 0.35 / clouds
smoggy: 0.9 0.6 / taupe grey brown khaki / taupe 0.45 / clouds
burnt, burned, scorched, singed, charred: 0.6 0.85 / black umber charcoal sienna / umber 0.4
smoldering, smouldering: 0.6 1.0 / black maroon orange charcoal / maroon 0.3 / points
sooty, grimy: 0.55 0.4 / black charcoal umber taupe / charcoal 0.35 / points
dusty: 1.05 0.6 / tan beige taupe cream / tan 0.4 / clouds
frosted, frosty: 1.15 0.6 / white azure lavender silver / white 0.4 / triangles
moonlit: 0.65 0.7 / navy slate silver cobalt white / navy 0.35
sunlit, sun drenched, sunkissed: 1.15 1.1 / gold cream yellow amber azure / gold 0.25
candlelit, lamplit, firelit: 0.65 1.0 / amber brown umber gold black / amber 0.25 / glow
backlit: 0.7 1.0 / gold cream umber black / black 0.2 / glow
airy, ethereal: 1.25 0.6 / white lavender azure cream blush / white 0.25 / clouds
eerie, ominous, menacing, foreboding: 0.55 0.6 / black teal slate olive charcoal / teal 0.2 / clouds
bleak, desolate, barren, dreary: 0.85 0.3 / grey taupe slate silver tan / grey 0.25
lush: 0.95 1.3 / green emerald lime olive magenta / green 0.2 / leaves
grimdark: 0.4 0.5 / black charcoal umber maroon / black 0.25
weathered, worn, worn out: 0.95 0.55 / taupe sage copper slate cream / taupe 0.25 / splatter
high contrast, contrasty: 1.0 1.25 / black white red yellow
sun bleached: 1.25 0.45 / cream beige peach azure / cream 0.3
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
