"""The lexicon: colours, forms, looks and what changes them, as data.

`recipes.read` composes what the words of a prompt stand for, `drawing.draw` draws it.
"""

from dataclasses import dataclass
from typing import TypeAlias

Colour: TypeAlias = "tuple[int, int, int]"

COLOURS: dict[str, Colour] = {
    "red": (205, 30, 35), "crimson": (165, 15, 45), "scarlet": (235, 45, 25), "pink": (245, 130, 175),
    "magenta": (220, 25, 150), "purple": (115, 40, 150), "violet": (135, 70, 205),
    "indigo": (60, 40, 140), "blue": (30, 75, 200), "navy": (15, 25, 80), "azure": (60, 150, 235),
    "cyan": (30, 200, 220), "turquoise": (45, 195, 185), "teal": (10, 120, 120),
    "green": (35, 140, 60), "lime": (150, 215, 40), "olive": (115, 120, 45), "mint": (150, 225, 190),
    "yellow": (250, 215, 40), "gold": (215, 160, 35), "golden": (225, 170, 45),
    "amber": (245, 160, 20), "orange": (240, 120, 25), "coral": (250, 115, 90),
    "peach": (250, 190, 150), "brown": (110, 65, 35), "tan": (205, 170, 125), "beige": (225, 210, 180),
    "cream": (250, 240, 215), "white": (245, 245, 245), "silver": (185, 190, 198),
    "grey": (125, 125, 128), "black": (18, 18, 22), "maroon": (100, 15, 35), "lavender": (190, 170, 230),
    "bronze": (150, 105, 55), "copper": (185, 100, 55), "emerald": (15, 145, 90), "ruby": (160, 15, 60),
    "sapphire": (20, 60, 160), "rose": (225, 95, 125), "charcoal": (50, 52, 56), "sepia": (120, 85, 50),
}  # fmt: skip

# Which drawing a word of form asks for.
PATTERNS: dict[str, str] = {
    "wave": "waves", "ripple": "waves", "flow": "waves", "water": "waves", "stripe": "stripes",
    "line": "stripes", "bar": "stripes", "circle": "rings", "ring": "rings", "dot": "dots",
    "spot": "dots", "bubble": "dots", "pointillism": "dots", "halftone": "dots", "check": "checks",
    "square": "checks", "pixel": "checks", "block": "checks", "grid": "grid", "mosaic": "mosaic",
    "tile": "mosaic", "glass": "mosaic", "cell": "mosaic", "crystal": "mosaic", "swirl": "swirls",
    "spiral": "swirls", "curl": "swirls", "vortex": "swirls", "hatch": "hatch", "crosshatch": "hatch",
    "sketch": "hatch", "drawing": "hatch", "etching": "hatch", "engraving": "hatch",
    "splash": "splatter", "splatter": "splatter", "drip": "splatter", "cloud": "clouds",
    "smoke": "clouds", "mist": "clouds", "fog": "clouds", "blur": "clouds", "wash": "clouds",
    "triangle": "triangles", "polygon": "triangles", "facet": "triangles", "zigzag": "zigzag",
    "flame": "flames", "leaf": "leaves", "leave": "leaves", "petal": "leaves", "feather": "leaves",
    "scale": "scales", "star": "stars", "snow": "stars", "glitter": "stars", "brush": "strokes",
    "stroke": "strokes", "paint": "strokes", "painting": "strokes", "impasto": "strokes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """A word that stands for colours and a pattern at once."""

    colours: tuple[str, ...]
    pattern: str


def _look(colours: str, pattern: str) -> Look:
    return Look(tuple(colours.split()), pattern)


LOOKS: dict[str, Look] = {
    "sunset": _look("orange coral purple gold navy", "clouds"),
    "sunrise": _look("peach gold pink azure", "clouds"),
    "dawn": _look("lavender peach azure cream", "clouds"),
    "dusk": _look("indigo purple coral navy", "clouds"),
    "night": _look("navy black indigo silver", "stars"),
    "midnight": _look("black navy indigo", "stars"),
    "starry": _look("navy blue azure gold cream", "swirls"),
    "galaxy": _look("black purple magenta azure white", "stars"),
    "space": _look("black navy violet white", "stars"),
    "nebula": _look("purple magenta teal black pink", "clouds"),
    "aurora": _look("emerald turquoise violet navy", "waves"),
    "moon": _look("silver navy white grey", "clouds"),
    "sky": _look("azure white blue cream", "clouds"),
    "storm": _look("charcoal grey navy white", "strokes"),
    "rain": _look("grey teal navy silver", "hatch"),
    "lightning": _look("navy violet white black", "zigzag"),
    "ocean": _look("navy teal turquoise azure white", "waves"),
    "sea": _look("teal blue turquoise white", "waves"),
    "lake": _look("teal azure green silver", "waves"),
    "river": _look("blue teal olive white", "waves"),
    "beach": _look("beige turquoise azure cream", "waves"),
    "coral reef": _look("coral turquoise magenta gold blue", "scales"),
    "underwater": _look("teal navy turquoise mint", "dots"),
    "ice": _look("azure white mint silver", "mosaic"),
    "winter": _look("white azure silver grey", "stars"),
    "frost": _look("white azure lavender", "triangles"),
    "spring": _look("mint pink lime cream", "leaves"),
    "summer": _look("yellow azure coral lime", "strokes"),
    "autumn": _look("orange brown gold maroon olive", "leaves"),
    "forest": _look("green olive brown emerald black", "leaves"),
    "jungle": _look("emerald lime green black", "leaves"),
    "garden": _look("green pink lime yellow white", "leaves"),
    "flower": _look("pink magenta yellow green white", "leaves"),
    "meadow": _look("lime yellow green azure", "strokes"),
    "mountain": _look("grey teal white brown", "triangles"),
    "desert": _look("tan orange beige brown", "waves"),
    "sand": _look("tan beige cream brown", "dots"),
    "stone": _look("grey charcoal tan silver", "mosaic"),
    "rock": _look("grey brown charcoal", "mosaic"),
    "marble": _look("white silver grey cream", "swirls"),
    "earth": _look("brown olive tan green", "mosaic"),
    "wood": _look("brown tan bronze maroon", "stripes"),
    "fire": _look("red orange yellow maroon black", "flames"),
    "lava": _look("red orange black amber maroon", "mosaic"),
    "volcano": _look("black red orange charcoal", "flames"),
    "inferno": _look("red black amber scarlet", "flames"),
    "ember": _look("black maroon orange amber", "dots"),
    "candle": _look("amber brown cream black", "clouds"),
    "neon": _look("black magenta cyan violet lime", "grid"),
    "cyberpunk": _look("black magenta cyan indigo purple", "grid"),
    "synthwave": _look("purple magenta orange cyan navy", "grid"),
    "vaporwave": _look("pink cyan lavender violet mint", "grid"),
    "matrix": _look("black lime green emerald", "stripes"),
    "hologram": _look("cyan lavender mint magenta white", "waves"),
    "glitch": _look("black magenta cyan lime white", "stripes"),
    "laser": _look("black red magenta cyan", "stripes"),
    "disco": _look("magenta gold violet cyan black", "dots"),
    "psychedelic": _look("magenta lime orange violet cyan yellow", "swirls"),
    "rainbow": _look("red orange yellow green blue violet", "waves"),
    "candy": _look("pink mint yellow azure white", "stripes"),
    "pastel": _look("pink mint peach lavender cream", "clouds"),
    "oil": _look("brown gold teal maroon cream", "strokes"),
    "impressionism": _look("azure green lavender peach cream", "strokes"),
    "expressionism": _look("orange navy red yellow black", "swirls"),
    "cubism": _look("tan brown grey olive orange", "triangles"),
    "fauvism": _look("red green orange blue yellow", "strokes"),
    "abstract": _look("red blue yellow black white", "triangles"),
    "bauhaus": _look("red blue yellow black cream", "checks"),
    "pop": _look("red yellow cyan black white", "dots"),
    "comic": _look("red yellow blue black white", "dots"),
    "cartoon": _look("yellow red azure green white", "rings"),
    "anime": _look("azure pink white cream violet", "clouds"),
    "manga": _look("white black grey", "hatch"),
    "graffiti": _look("magenta lime cyan orange black", "splatter"),
    "street": _look("grey orange black cyan", "splatter"),
    "watercolor": _look("azure pink mint peach white", "clouds"),
    "watercolour": _look("azure pink mint peach white", "clouds"),
    "gouache": _look("coral teal cream olive", "strokes"),
    "ink": _look("white black grey", "splatter"),
    "calligraphy": _look("cream black maroon", "swirls"),
    "pencil": _look("white grey charcoal", "hatch"),
    "crayon": _look("red yellow blue green orange", "hatch"),
    "chalk": _look("charcoal white azure pink", "hatch"),
    "woodcut": _look("cream black brown", "hatch"),
    "linocut": _look("white navy black", "stripes"),
    "blueprint": _look("blue white navy", "grid"),
    "newspaper": _look("beige black grey", "dots"),
    "noir": _look("black charcoal grey white", "strokes"),
    "vintage": _look("sepia tan cream brown", "strokes"),
    "retro": _look("orange brown teal cream", "stripes"),
    "cinematic": _look("teal orange black amber", "clouds"),
    "gothic": _look("black maroon purple grey", "mosaic"),
    "baroque": _look("gold maroon brown black cream", "swirls"),
    "byzantine": _look("gold sapphire ruby cream", "mosaic"),
    "japanese": _look("indigo white crimson cream", "waves"),
    "ukiyo": _look("indigo cream azure teal", "waves"),
    "persian": _look("turquoise gold ruby sapphire cream", "scales"),
    "african": _look("orange black gold maroon green", "zigzag"),
    "aztec": _look("turquoise orange ruby gold black", "zigzag"),
    "art deco": _look("gold black emerald cream", "scales"),
    "art nouveau": _look("olive gold cream teal bronze", "swirls"),
    "stained": _look("ruby sapphire emerald gold black", "mosaic"),
    "metal": _look("silver grey charcoal white", "stripes"),
    "chrome": _look("silver white grey navy", "waves"),
    "steel": _look("silver grey navy", "stripes"),
    "rust": _look("copper brown orange teal", "splatter"),
    "diamond": _look("white azure silver lavender", "triangles"),
    "velvet": _look("maroon purple black", "clouds"),
    "silk": _look("cream rose gold white", "waves"),
    "fabric": _look("beige navy crimson", "checks"),
    "knit": _look("crimson cream green", "zigzag"),
    "paper": _look("cream white beige tan", "triangles"),
    "lego": _look("red yellow blue green white", "checks"),
    "robot": _look("silver cyan charcoal orange", "grid"),
    "machine": _look("charcoal bronze grey orange", "rings"),
    "steampunk": _look("bronze copper brown gold black", "rings"),
    "alien": _look("lime violet black teal", "scales"),
    "dragon": _look("emerald gold black crimson", "scales"),
    "dream": _look("lavender pink azure cream", "clouds"),
    "magic": _look("violet gold magenta navy", "stars"),
    "ghost": _look("white grey mint", "clouds"),
    "horror": _look("black crimson maroon grey", "splatter"),
    "blood": _look("crimson maroon black", "splatter"),
    "poison": _look("lime black purple", "dots"),
    "honey": _look("amber gold orange brown", "mosaic"),
    "coffee": _look("brown cream tan black", "swirls"),
    "chocolate": _look("brown maroon cream", "waves"),
    "cherry": _look("crimson pink green white", "dots"),
    "peacock": _look("teal sapphire emerald gold", "scales"),
    "zebra": _look("white black", "stripes"),
    "tiger": _look("orange black cream", "stripes"),
    "leopard": _look("tan black amber", "dots"),
    "snake": _look("olive black gold", "scales"),
    "butterfly": _look("orange black azure violet", "leaves"),
    "tropical": _look("turquoise coral lime yellow", "leaves"),
    "dj": _look("black purple cyan magenta", "rings"),
    "digital": _look("navy cyan black azure", "checks"),
    "futuristic": _look("cyan silver navy violet", "grid"),
    "concrete": _look("grey silver charcoal", "splatter"),
    "tokyo": _look("magenta cyan navy black crimson", "grid"),
    "city": _look("charcoal amber navy grey", "checks"),
}

# Words that change the colours that others bring: a factor for lightness and one for saturation.
MODIFIERS: dict[str, tuple[float, float]] = {
    "dark": (0.55, 1.0), "deep": (0.7, 1.1), "light": (1.35, 0.8), "bright": (1.25, 1.15),
    "pale": (1.3, 0.5), "vivid": (1.05, 1.4), "muted": (0.95, 0.5), "soft": (1.15, 0.7),
    "monochrome": (1.0, 0.0), "saturated": (1.0, 1.5), "dim": (0.6, 0.8), "warm": (1.05, 1.1),
}  # fmt: skip

STOP_WORDS = frozenset(
    """a an and at art background by color colored colors colour coloured colours for from high his
    her image in into is it like look made of on or over picture quality style styled the to under
    very with without""".split()  # noqa: SIM905 - a list of words is read as words
)
