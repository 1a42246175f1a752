"""Whether a pipeline fits into the memory there is, and what would make it fit. Free of torch."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from engine import sizes
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import TOKEN_SIDE, CausalSpec
from engine.cost.memory import GPU, Setting, need, total
from engine.cost.roofline import floor_size

GB = 1e9
SMALL = 0.1 * GB  # less is told in MB
PRESETS = ((832, 480), (640, 352), (576, 320), (512, 288), (448, 256), (320, 176), (512, 512),
           (384, 384), (256, 256))  # fmt: skip
ALIKE = 1.1  # ratio of two shapes, at most, that count as the same
PARAMETER = {"text encoder": "text_encoder", "VAE": "vae"}  # that parts of a worker are chosen by
LESS = (
    ("text_encoder", "fp8", ("resident",)),
    ("vae", "lightvae", ("wan",)),
    ("vae", "tae", ("wan", "lightvae")),
    ("size", "", ()),
    ("text_encoder", "offloaded", ("resident", "fp8")),
)  # what needs less: a parameter, its value, and what it may take the place of


@dataclass(frozen=True, slots=True)
class Remedy:
    """Values of parameters that together make a pipeline fit, and the bytes that it needs then."""

    values: Mapping[str, str]
    needed: int

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.values.items())
        return f"{told}{' together' if len(self.values) > 1 else ''} ({_amount(self.needed)})"


@dataclass(frozen=True, slots=True)
class Fit:
    """What a pipeline needs of a memory, beside what is free of it, in bytes."""

    needed: int
    free: float | None  # None where that is not known, or does not matter: then it fits
    remedies: Sequence[Remedy] = ()  # each of them would make it fit
    least: int = 0  # what it needs whatever is changed, where nothing makes it fit; 0: not known
    memory: str = ""  # which memory, in words; empty where that is clear
    part: str = ""  # what of the pipeline needs it, in the plural; empty for all of it
    cure: str = ""  # what else makes room, to follow a sentence without its end

    @property
    def fits(self) -> bool:
        """Whether it fits, as far as is known."""
        return self.free is None or self.needed <= self.free

    def told(self, pipeline: str) -> str:
        """The same as a sentence without its end."""
        return f"{pipeline}'s {self.part} {self}" if self.part else f"{pipeline} {self}"

    def __str__(self) -> str:
        """In words that follow a name; empty where nothing is needed."""
        if self.free is not None and self.fits:
            needed, free = _amount(self.needed), _amount(self.free)
            return f"fits: {needed.removesuffix(free[-3:])} of {free}"
        needs = f"{'need' if self.part else 'needs'} {_amount(self.needed)}"
        needs = f"{needs} of {self.memory}" if self.memory else needs
        if self.free is None:
            return needs if self.needed else ""
        return f"{needs} where {_free(self.free)} free{self._remedy()}{self.cure}"

    def _remedy(self) -> str:
        if self.remedies:
            return f"; it would fit with {' or '.join(map(str, self.remedies))}"
        if self.least:
            return f"; it does not fit here, for it needs {_amount(self.least)} at least"
        return ""


def _amount(of: float) -> str:
    """Bytes in words: in MB where GB would say 0.0; then of what is needed no less than it is."""
    return f"{of / GB:.1f} GB" if of >= SMALL else f"{ceil(of / 1e6)} MB"


def _free(of: float) -> str:
    """The same of what is free, to be followed by that word; in MB no more than it is."""
    if of >= SMALL:
        return f"{_amount(of)} are"
    whole = int(of / 1e6)
    return f"{whole} MB are" if whole > 0 else "nothing is"


NOTHING = Fit(0, None)  # is needed that is worth a word


def fit_of(
    spec: CausalSpec,
    load: CausalLoad,
    size: tuple[int, int],
    free: float,
    setting: Setting = GPU,
    kept: Collection[str] = (),
) -> Fit:
    """Whether a pipeline fits into `free` bytes, and what would make it fit.

    `size` is width and height; parts that are `kept` are there already.
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
    together.pop("size", None)  # the largest that fits now
    sizes = [together | {"size": f"{w}x{h}"} for w, h in _smaller(*size)]
    chosen = next(each for each in [together, *sizes] if wanted(each) <= free)
    return Fit(asked, free, (Remedy(chosen, wanted(chosen)),))


def pixels(asked: str) -> tuple[int, int]:
    """Width and height of a size, at least a token's; the largest that `auto` takes for auto.
    ValueError where it is no size.
    """
    width, height = sizes.sides(asked) or sizes.LARGEST_AUTO
    return max(TOKEN_SIDE, width), max(TOKEN_SIDE, height)


def _changes(load: CausalLoad, size: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """What would need less, by parameter, the least loss first."""
    for name, choice, instead in LESS:
        if name == "size":
            yield from (("size", f"{width}x{height}") for width, height in _smaller(*size))
        elif getattr(load, name) in instead:
            yield name, choice


def _smaller(width: int, height: int) -> list[tuple[int, int]]:
    """Sizes of the same shape with fewer pixels, the largest first: presets, where there are any,
    else as many tokens as whole eighths of the sides have.
    """
    ratio, pixels = width / height, width * height
    sizes = [(w, h) for a, b in PRESETS for w, h in {(a, b), (b, a)} if w * h < pixels]
    alike = [(w, h) for w, h in sizes if 1 / ALIKE < w / h / ratio < ALIKE]
    if not alike:
        eighths = [(width * part // 8, height * part // 8) for part in range(7, 1, -1)]
        alike = [floor_size(w, h) for w, h in eighths if min(w, h) >= TOKEN_SIDE]
    return sorted(set(alike), key=lambda each: -each[0] * each[1])
