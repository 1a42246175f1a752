"""Whether a pipeline fits into memory, and which changes would make it fit. Free of torch."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from engine import sizes
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import TOKEN_SIDE, CausalSpec
from engine.cost.memory import GPU, Setting, need, total
from engine.cost.roofline import floor_size

GB = 1e9
SMALL = 0.1 * GB  # smaller amounts are shown in MB
PRESETS = ((832, 480), (640, 352), (576, 320), (512, 288), (448, 256), (320, 176), (512, 512),
           (384, 384), (256, 256))  # fmt: skip
ALIKE = 1.1  # largest ratio of aspect ratios that count as the same
PARAMETER = {"text encoder": "text_encoder", "VAE": "vae"}  # parameters that choose a part
LESS = (
    ("text_encoder", "fp8", ("resident",)),
    ("vae", "lightvae", ("wan",)),
    ("vae", "tae", ("wan", "lightvae")),
    ("size", "", ()),
    ("text_encoder", "offloaded", ("resident", "fp8")),
)  # savings: a parameter, its value, and the values it may replace


@dataclass(frozen=True, slots=True)
class Remedy:
    """Parameter values that together make a pipeline fit, and the bytes needed then."""

    values: Mapping[str, str]
    needed: int

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.values.items())
        return f"{told}{' together' if len(self.values) > 1 else ''} ({_amount(self.needed)})"


@dataclass(frozen=True, slots=True)
class Fit:
    """The memory that a pipeline needs, and the free memory, in bytes."""

    needed: int
    free: float | None  # None if unknown or irrelevant: then it fits
    remedies: Sequence[Remedy] = ()  # each alone makes it fit
    least: int = 0  # minimum need if nothing makes it fit; 0: unknown
    memory: str = ""  # which memory, in words; empty if clear
    part: str = ""  # the part that needs it, plural; empty for the whole pipeline
    cure: str = ""  # another way to free memory, appended to the sentence

    @property
    def fits(self) -> bool:
        """Whether it fits, as far as known."""
        return self.free is None or self.needed <= self.free

    def told(self, pipeline: str) -> str:
        """This as a sentence without a full stop."""
        return f"{pipeline}'s {self.part} {self}" if self.part else f"{pipeline} {self}"

    def __str__(self) -> str:
        """Words that follow a name; empty if nothing is needed."""
        if self.free is not None and self.fits:
            needed, free = _amount(self.needed), _amount(self.free)
            return f"fits: {needed.removesuffix(free[-3:])} of {free}"
        needs = f"{'need' if self.part else 'needs'} {_amount(self.needed)}"
        needs = f"{needs} of {self.memory}" if self.memory else needs
        if self.free is None:
            return needs if self.needed else ""
        return f"{needs}, but {_free(self.free)} free{self._remedy()}{self.cure}"

    def _remedy(self) -> str:
        if self.remedies:
            return f"; it would fit with {' or '.join(map(str, self.remedies))}"
        if self.least:
            return f"; no setting makes it fit: the least it needs is {_amount(self.least)}"
        return ""


def _amount(of: float) -> str:
    """Bytes in words: in MB if GB would show 0.0, rounded up."""
    return f"{of / GB:.1f} GB" if of >= SMALL else f"{ceil(of / 1e6)} MB"


def _free(of: float) -> str:
    """Free bytes in words, to be followed by "free"; MB are rounded down."""
    if of >= SMALL:
        return f"{_amount(of)} are"
    whole = int(of / 1e6)
    return f"{whole} MB are" if whole > 0 else "nothing is"


NOTHING = Fit(0, None)  # needs nothing worth mentioning


def fit_of(
    spec: CausalSpec,
    load: CausalLoad,
    size: tuple[int, int],
    free: float,
    setting: Setting = GPU,
    kept: Collection[str] = (),
) -> Fit:
    """Whether a pipeline fits into `free` bytes, and what would make it fit.

    `size` is width and height; `kept` parts are already loaded.
    """

    def wanted(changes: Mapping[str, str]) -> int:
        own = {name: value for name, value in changes.items() if name != "size"}
        smaller = pixels(changes["size"]) if "size" in changes else size
        same = [part for part in kept if PARAMETER.get(part) not in own]
        return total(need(spec, load.model_copy(update=own), *smaller, setting), same)

    asked = wanted({})
    if asked <= free:
        return Fit(asked, free)
    alone: dict[str, Remedy] = {}
    together: dict[str, str] = {}
    for name, value in _changes(load, size):
        one = wanted({name: value})
        if one <= free and name not in alone:
            alone[name] = Remedy({name: value}, one)
        if not alone and wanted(together) > free:
            together[name] = value
    if alone:
        return Fit(asked, free, tuple(alone.values()))
    least = wanted(together)
    if least > free:
        return Fit(asked, free, least=least)
    together.pop("size", None)  # use the largest that fits now
    sizes = [together | {"size": f"{w}x{h}"} for w, h in _smaller(*size)]
    chosen = next(each for each in [together, *sizes] if wanted(each) <= free)
    return Fit(asked, free, (Remedy(chosen, wanted(chosen)),))


def pixels(asked: str) -> tuple[int, int]:
    """Width and height of a size, at least one token; for auto, the largest that `auto` uses.
    ValueError if it is not a size.
    """
    width, height = sizes.sides(asked) or sizes.LARGEST_AUTO
    return max(TOKEN_SIDE, width), max(TOKEN_SIDE, height)


def _changes(load: CausalLoad, size: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """Changes that save memory, by parameter, least loss first."""
    for name, choice, instead in LESS:
        if name == "size":
            yield from (("size", f"{width}x{height}") for width, height in _smaller(*size))
        elif getattr(load, name) in instead:
            yield name, choice


def _smaller(width: int, height: int) -> list[tuple[int, int]]:
    """Sizes of the same aspect ratio with fewer pixels, largest first: presets if any, else whole
    eighths of the sides.
    """
    ratio, pixels = width / height, width * height
    sizes = [(w, h) for a, b in PRESETS for w, h in {(a, b), (b, a)} if w * h < pixels]
    alike = [(w, h) for w, h in sizes if 1 / ALIKE < w / h / ratio < ALIKE]
    if not alike:
        eighths = [(width * part // 8, height * part // 8) for part in range(7, 1, -1)]
        alike = [floor_size(w, h) for w, h in eighths if min(w, h) >= TOKEN_SIDE]
    return sorted(set(alike), key=lambda each: -each[0] * each[1])
