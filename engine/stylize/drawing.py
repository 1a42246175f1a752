"""Reference images drawn from a recipe: a background in the palette with patterns over it."""

import zlib
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from engine.catalog.lexicon import Colour
from engine.pipeline import Image
from engine.stylize.recipes import Recipe

SIZE = 256  # pixels; the encoder's input
Rng = np.random.Generator
Field = npt.NDArray[np.floating]
Whole = npt.NDArray[np.integer]


def draw(recipe: Recipe) -> Image:
    """The image (256, 256, 4) of a recipe; the same recipe gives the same image.

    Filling patterns share the background in patches; marks are drawn over all of it.
    """
    seed = zlib.crc32(repr((recipe.colours, recipe.patterns)).encode())
    rng = np.random.default_rng(seed)
    palette = np.array(recipe.colours, np.uint8)
    image = _toned(_noise(rng, 3), palette)
    patches = _noise(rng, 2)
    grounds = [name for name in recipe.patterns if name not in MARKS]
    for number, name in enumerate(grounds):
        layer = image.copy()
        PATTERNS[name](layer, palette, rng)
        image = np.where(patches[..., None] >= number / len(grounds), layer, image)
    for name in recipe.patterns:
        if name in MARKS:
            PATTERNS[name](image, palette, rng)
    grain = rng.normal(0, 5, (SIZE, SIZE, 1))
    result = np.empty((SIZE, SIZE, 4), np.uint8)
    result[..., :3] = np.clip(image + grain, 0, 255)
    result[..., 3] = 255
    return result


def _noise(rng: Rng, cells: int) -> Field:
    """Smooth random hills from 0 to 1."""
    total = np.zeros((SIZE, SIZE))
    for octave in range(4):
        side = cells * 2**octave
        layer = rng.uniform(0, 1, (side, side))
        total += cv2.resize(layer, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) / 2**octave
    return _ranked(total)


def _ranked(level: Field) -> Field:
    """Levels of any kind as 0 to 1, all equally common."""
    return level.argsort(axis=None).argsort().reshape(SIZE, SIZE) / (SIZE * SIZE - 1)


def _toned(level: Field, palette: Image) -> Image:
    """Colours for levels 0 to 1, with soft steps from one colour of the palette to the next."""
    place = np.clip(level, 0, 1) * (len(palette) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(palette) - 1)
    part = (np.clip((place - low - 0.35) / 0.3, 0, 1))[..., None]
    return (palette[low] * (1 - part) + palette[high] * part).astype(np.uint8)


def _banded(level: Field, palette: Image) -> Image:
    """Colours for unbounded levels: each integer step is the next colour."""
    return palette[np.floor(level).astype(int) % len(palette)]


def _grid() -> tuple[Field, Field]:
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(float)
    return x, y


def _ink(palette: Image, rng: Rng) -> Colour:
    red, green, blue = (int(part) for part in palette[rng.integers(len(palette))])
    return red, green, blue


def _darkest(palette: Image) -> Image:
    return palette[palette.sum(1).argmin()]


def _lightest(palette: Image) -> Image:
    return palette[palette.sum(1).argmax()]


def _by_light(palette: Image) -> Image:
    return palette[np.argsort(palette.astype(int).sum(1), kind="stable")]


def _waves(image: Image, palette: Image, rng: Rng) -> None:
    x, y = _grid()
    level = y / 14 + 1.4 * np.sin(x / 21 + y / 60) + 0.5 * np.sin(x / 9) + 2 * _noise(rng, 2)
    image[:] = _banded(level, palette)


def _sea(image: Image, palette: Image, rng: Rng) -> None:
    """Waves from dark troughs to light crests, with foam along the crests."""
    x, y = _grid()
    swell = y / 26 + 1.1 * np.sin(x / 33 + y / 47) + 0.35 * np.sin(x / 12) + 2.5 * _noise(rng, 2)
    height = (swell % 1) ** 1.3
    image[:] = _toned(height * 0.8 + 0.2 * _noise(rng, 4), _by_light(palette))
    foam = (height > 0.86) & (_noise(rng, 16) > 0.35)
    image[foam] = _lightest(palette)


def _stripes(image: Image, palette: Image, rng: Rng) -> None:
    x, y = _grid()
    image[:] = _banded((x + 0.25 * y) / 17 + 0.6 * _noise(rng, 3), palette)


def _zigzag(image: Image, palette: Image, rng: Rng) -> None:
    x, y = _grid()
    image[:] = _banded((y + np.abs(x % 40 - 20)) / 13, palette)


def _rings(image: Image, palette: Image, rng: Rng) -> None:
    for _ in range(26):
        at = tuple(int(v) for v in rng.integers(0, SIZE, 2))
        for radius in range(int(rng.integers(14, 44)), 3, -7):
            cv2.circle(image, at, radius, _ink(palette, rng), -1, cv2.LINE_AA)


def _dots(image: Image, palette: Image, rng: Rng) -> None:
    for row in range(-4, SIZE, 15):
        for column in range(-4, SIZE, 15):
            at = column + (row // 15 % 2) * 7, row
            cv2.circle(image, at, int(rng.integers(3, 8)), _ink(palette, rng), -1, cv2.LINE_AA)


def _checks(image: Image, palette: Image, rng: Rng) -> None:
    side = 16
    cells = rng.integers(0, len(palette), (SIZE // side, SIZE // side))
    image[:] = palette[np.kron(cells, np.ones((side, side), int))]


def _grid_lines(image: Image, palette: Image, rng: Rng) -> None:
    dark = _darkest(palette)
    image[:] = (image * 0.35 + dark * 0.65).astype(np.uint8)
    for place in range(0, SIZE, 24):
        for start, end in (((place, 0), (place, SIZE)), ((0, place), (SIZE, place))):
            colour = _ink(palette, rng)
            glow = image.copy()
            cv2.line(glow, start, end, colour, 9, cv2.LINE_AA)
            cv2.addWeighted(image, 0.55, glow, 0.45, 0, image)
            cv2.line(image, start, end, colour, 2, cv2.LINE_AA)


def _mosaic(image: Image, palette: Image, rng: Rng) -> None:
    """Each pixel has the colour of its nearest point; dark lines between cells."""
    points = np.ones((SIZE, SIZE), np.uint8)
    points[tuple(rng.integers(0, SIZE, (2, 150)))] = 0
    _, near = cv2.distanceTransformWithLabels(
        points, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    cells, square = np.asarray(near, np.float32), np.ones((3, 3), np.uint8)
    image[:] = palette[rng.integers(0, len(palette), int(cells.max()) + 1)][cells.astype(int)]
    image[cv2.dilate(cells, square) != cv2.erode(cells, square)] = _darkest(palette) // 2


def _swirls(image: Image, palette: Image, rng: Rng) -> None:
    x, y = _grid()
    level = 3 * _noise(rng, 2)
    for _ in range(6):
        cx, cy = rng.uniform(0, SIZE, 2)
        radius = np.hypot(x - cx, y - cy)
        level = level + np.exp(-radius / 60) * (radius / 9 + 2 * np.arctan2(y - cy, x - cx) / np.pi)
    image[:] = _banded(level * 1.6, palette)
    _strokes(image, palette, rng, 160)


def _hatch(image: Image, palette: Image, rng: Rng) -> None:
    light, dark = _lightest(palette), _darkest(palette)
    image[:] = light
    tone = _noise(rng, 3)
    for turn in range(3):
        for _ in range(420):
            x, y = rng.integers(0, SIZE, 2)
            if tone[y, x] * 3 > turn:
                dx, dy = ((14, 14), (14, -14), (18, 2))[turn]
                colour = tuple(int(c) for c in dark) if rng.random() < 0.6 else _ink(palette, rng)
                cv2.line(
                    image, (int(x), int(y)), (int(x) + dx, int(y) + dy), colour, 1, cv2.LINE_AA
                )


def _splatter(image: Image, palette: Image, rng: Rng) -> None:
    image[:] = _lightest(palette)
    for _ in range(70):
        x, y = (int(v) for v in rng.integers(0, SIZE, 2))
        size, colour = int(rng.pareto(1.5) * 4 + 2), _ink(palette, rng)
        cv2.circle(image, (x, y), min(size, 34), colour, -1, cv2.LINE_AA)
        for _ in range(5):
            dx, dy = (int(v) for v in rng.normal(0, size * 2 + 6, 2))
            cv2.circle(image, (x + dx, y + dy), int(rng.integers(1, 4)), colour, -1, cv2.LINE_AA)
            cv2.line(image, (x, y), (x + dx // 2, y + dy), colour, 2, cv2.LINE_AA)


def _clouds(image: Image, palette: Image, rng: Rng) -> None:
    soft = _toned(_noise(rng, 2), palette)
    image[:] = cv2.GaussianBlur(soft, (0, 0), 5)


def _triangles(image: Image, palette: Image, rng: Rng) -> None:
    for _ in range(170):
        centre = rng.uniform(-10, SIZE + 10, 2)
        points = np.round(centre + rng.normal(0, 22, (3, 2))).astype(np.int32)
        cv2.fillPoly(image, [points], _ink(palette, rng), cv2.LINE_AA)


def _flames(image: Image, palette: Image, rng: Rng) -> None:
    x, y = _grid()
    lick = 46 * np.abs(np.sin(x / 17 + 2 * _noise(rng, 2))) + 30 * _noise(rng, 4)
    image[:] = _toned((y + lick - 20) / SIZE, _by_light(palette))


def _leaves(image: Image, palette: Image, rng: Rng) -> None:
    for _ in range(190):
        at = tuple(int(v) for v in rng.integers(0, SIZE, 2))
        angle, colour = float(rng.uniform(0, 180)), _ink(palette, rng)
        size = int(rng.integers(10, 22))
        cv2.ellipse(image, at, (size, size // 3), angle, 0, 360, colour, -1, cv2.LINE_AA)
        dx, dy = np.cos(np.radians(angle)) * size, np.sin(np.radians(angle)) * size
        vein = tuple(part * 2 // 3 for part in colour)
        ends = (int(at[0] - dx), int(at[1] - dy)), (int(at[0] + dx), int(at[1] + dy))
        cv2.line(image, *ends, vein, 1, cv2.LINE_AA)


def _scales(image: Image, palette: Image, rng: Rng) -> None:
    for row, y in enumerate(range(-10, SIZE + 20, 12)):
        for x in range(-12, SIZE + 24, 24):
            at = x + row % 2 * 12, y
            for radius in (15, 10, 5):
                cv2.circle(image, at, radius, _ink(palette, rng), -1, cv2.LINE_AA)


def _stars(image: Image, palette: Image, rng: Rng) -> None:
    light = _lightest(palette)
    for _ in range(190):
        at = tuple(int(v) for v in rng.integers(0, SIZE, 2))
        shine = tuple(int((int(c) + 255) / 2) for c in light)
        cv2.circle(image, at, int(rng.integers(1, 4)), shine, -1, cv2.LINE_AA)


def _strokes(image: Image, palette: Image, rng: Rng, count: int = 700) -> None:
    turn = _noise(rng, 2) * 2 * np.pi
    for _ in range(count):
        x, y = rng.integers(0, SIZE, 2)
        reach, angle = rng.uniform(8, 20), turn[y, x]
        end = int(x + reach * np.cos(angle)), int(y + reach * np.sin(angle))
        thick = int(rng.integers(2, 6))
        cv2.line(image, (int(x), int(y)), end, _ink(palette, rng), thick, cv2.LINE_AA)


def _toned_marks(palette: Image, rng: Rng, count: int, noise: float) -> tuple[Whole, Image]:
    """Positions (count, 2) everywhere, each with a colour (count, 3) near the local tone."""
    places = rng.integers(0, SIZE, (count, 2))
    tone = _noise(rng, 3)[places[:, 1], places[:, 0]] + rng.normal(0, noise, count)
    return places, palette[np.round(np.clip(tone, 0, 1) * (len(palette) - 1)).astype(int)]


def _dabs(image: Image, palette: Image, rng: Rng) -> None:
    """Short thick strokes close to the underlying tone."""
    places, colours = _toned_marks(palette, rng, 900, 0.12)
    sizes, angles = rng.integers((4, 2), (8, 4), (900, 2)), rng.normal(12, 25, 900)
    marks = zip(*(part.tolist() for part in (places, sizes, angles, colours)), strict=True)
    for place, size, angle, colour in marks:
        cv2.ellipse(image, place, size, angle, 0, 360, colour, -1, cv2.LINE_AA)


def _points(image: Image, palette: Image, rng: Rng) -> None:
    """Dense fine dots of every colour."""
    image[:] = _toned(_noise(rng, 3), palette)
    colours = palette[rng.integers(0, len(palette), 4200)]
    places = rng.integers(0, SIZE, (4200, 2))
    for place, colour in zip(places.tolist(), colours.tolist(), strict=True):
        cv2.circle(image, place, 2, colour, -1, cv2.LINE_AA)


def _fields(image: Image, palette: Image, rng: Rng) -> None:
    """Wide soft bands, one for each colour."""
    _, y = _grid()
    image[:] = cv2.GaussianBlur(
        _toned(y / SIZE + 0.06 * (_noise(rng, 6) - 0.5), palette), (0, 0), 2
    )


def _glow(image: Image, palette: Image, rng: Rng) -> None:
    """Lights in the dark."""
    x, y = _grid()
    light = 0.35 * _noise(rng, 4)
    for _ in range(4):
        cx, cy = rng.uniform(0.1 * SIZE, 0.9 * SIZE, 2)
        light = light + 0.75 * np.exp(-np.hypot(x - cx, y - cy) / rng.uniform(22, 46))
    image[:] = cv2.GaussianBlur(_toned(light, _by_light(palette)), (0, 0), 3)


def _rays(image: Image, palette: Image, rng: Rng) -> None:
    """Coloured rays from one point."""
    x, y = _grid()
    cx, cy = rng.uniform(0.3 * SIZE, 0.7 * SIZE, 2)
    turn = np.arctan2(y - cy, x - cx) / (2 * np.pi) * 26
    image[:] = _banded(turn + 0.4 * _noise(rng, 3) + 26, palette)


def _panels(image: Image, palette: Image, rng: Rng) -> None:
    """Upright rectangles between lines of the darkest colour."""
    line = tuple(int(c) for c in _darkest(palette))
    parts = [(0, 0, SIZE, SIZE)]
    for _ in range(34):
        parts.sort(key=lambda part: part[2] * part[3])
        x, y, width, height = parts.pop()
        cut = rng.uniform(0.3, 0.7)
        if width * rng.uniform(0.7, 1.4) > height:
            first = round(width * cut)
            parts += [(x, y, first, height), (x + first, y, width - first, height)]
        else:
            first = round(height * cut)
            parts += [(x, y, width, first), (x, y + first, width, height - first)]
    for x, y, width, height in parts:
        cv2.rectangle(image, (x, y), (x + width, y + height), _ink(palette, rng), -1)
    for x, y, width, height in parts:
        cv2.rectangle(image, (x, y), (x + width, y + height), line, 4)


def _bricks(image: Image, palette: Image, rng: Rng) -> None:
    image[:] = palette.mean(0)
    for row, y in enumerate(range(0, SIZE, 14)):
        for x in range(-16 * (row % 2), SIZE, 32):
            cv2.rectangle(image, (x + 1, y + 1), (x + 29, y + 11), _ink(palette, rng), -1)


def _weave(image: Image, palette: Image, rng: Rng) -> None:
    """Woven bands of thread."""
    x, y = _grid()
    order = rng.permutation(len(palette))
    over = (np.floor(x / 4) + np.floor(y / 4)) % 2 == 0
    image[:] = np.where(
        over[..., None], _banded(x / 19, palette[order]), _banded(y / 19, palette[order])
    )


def _grain(image: Image, palette: Image, rng: Rng) -> None:
    """Long fine lines, as in wood and brushed metal."""
    _, y = _grid()
    knots = _noise(rng, 2)
    fine = cv2.GaussianBlur(rng.uniform(0, 1, (SIZE, SIZE)), (0, 0), sigmaX=24, sigmaY=0.7)
    fine = (fine - fine.min()) / np.ptp(fine)
    rings = 0.5 + 0.5 * np.sin(y / 5 + 26 * knots)
    level = _ranked(0.45 * fine + 0.3 * rings + 0.25 * _noise(rng, 3))
    image[:] = _toned(level, _by_light(palette))


def _fur(image: Image, palette: Image, rng: Rng) -> None:
    """Fine hairs along a slowly turning direction."""
    places, colours = _toned_marks(palette, rng, 2600, 0.2)
    turn = np.pi / 2 + (_noise(rng, 2)[places[:, 1], places[:, 0]] - 0.5) * 2.2
    reach = rng.uniform(8, 18, (2600, 1)) * np.stack([np.cos(turn), np.sin(turn)], 1)
    ends = (places + reach).astype(int)
    for hair in zip(places.tolist(), ends.tolist(), colours.tolist(), strict=True):
        cv2.line(image, *hair, 1, cv2.LINE_AA)


def _sheen(image: Image, palette: Image, rng: Rng) -> None:
    """Dark and wet: light areas are mirrored downwards in broken streaks."""
    dark = cv2.GaussianBlur(_toned(0.45 * _noise(rng, 5), _by_light(palette)), (0, 0), 1)
    spots = (rng.uniform(0, 1, (SIZE, SIZE)) > 0.994).astype(float)
    streaks = cv2.GaussianBlur(spots, (0, 0), sigmaX=2.2, sigmaY=22)
    streaks = streaks / streaks.max() * (0.6 + 0.4 * np.sin(_grid()[1] / 3 + 9 * _noise(rng, 6)))
    part = np.clip(streaks * 0.9, 0, 1)[..., None]
    image[:] = (dark * (1 - part) + _lightest(palette) * part).astype(np.uint8)


PATTERNS: dict[str, Callable[[Image, Image, Rng], None]] = {
    "waves": _waves, "stripes": _stripes, "zigzag": _zigzag, "rings": _rings, "dots": _dots,
    "checks": _checks, "grid": _grid_lines, "mosaic": _mosaic, "swirls": _swirls, "hatch": _hatch,
    "splatter": _splatter, "clouds": _clouds, "triangles": _triangles, "flames": _flames,
    "leaves": _leaves, "scales": _scales, "stars": _stars, "strokes": _strokes, "sea": _sea,
    "dabs": _dabs, "points": _points, "fields": _fields, "glow": _glow, "rays": _rays,
    "panels": _panels, "bricks": _bricks, "weave": _weave, "fur": _fur,
    "grain": _grain, "sheen": _sheen,
}  # fmt: skip

MARKS = frozenset(
    {"rings", "stars", "strokes", "leaves", "triangles"}
)  # these leave the background visible
