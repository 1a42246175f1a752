"""Whether a pipeline fits into the memory there is, and what would make it fit. Free of torch."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from engine import sizes
from engine.catalog import artifacts as files
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import CausalSpec
from engine.cost.memory import GPU, Setting, need, total
from engine.cost.roofline import SIDE, floor_size

GB = 1e9
PRESETS = ((832, 480), (640, 352), (576, 320), (512, 288), (448, 256), (320, 176), (512, 512),
           (384, 384), (256, 256))  # fmt: skip
LARGEST_AUTO = 512, 512  # of the sizes that `auto` takes
ALIKE = 1.1  # ratio of two shapes, at most, that count as the same
PARAMETER = {"text encoder": "text_encoder", "VAE": "vae"}  # that parts of a worker are chosen by
LESS = (
    ("text_encoder", "fp8", ("resident",)),
    ("vae", "lightvae", ("wan",)),
    ("vae", "tae", ("wan", "lightvae")),
    ("size", "", ()),
    ("text_encoder", "offloaded", ("resident", "fp8")),
)  # what needs less: a parameter, its value, and what it may take the place of


def advice(
    spec: CausalSpec,
    load: CausalLoad,
    size: tuple[int, int],
    available: float,
    setting: Setting = GPU,
    kept: Collection[str] = (),
) -> str:
    """Whether a pipeline fits into `available` bytes, and what would make it fit, in words.

    `size` is width and height; parts that are `kept` are there already. Begins with `fits` where
    it does.
    """

    def wanted(changes: Mapping[str, str]) -> int:
        own = {name: value for name, value in changes.items() if name != "size"}
        smaller = pixels(changes["size"]) if "size" in changes else size
        same = [part for part in kept if PARAMETER.get(part) not in own]
        return total(need(spec, load.model_copy(update=own), *smaller, setting), same)

    asked = wanted({})
    if asked <= available:
        return f"fits: {asked / GB:.1f} of {available / GB:.1f} GB"
    lacks = f"needs {asked / GB:.1f} GB where {available / GB:.1f} GB are free"
    alone: dict[str, str] = {}
    together: dict[str, str] = {}
    for name, value in _changes(load, size):
        one = wanted({name: value})
        if one <= available and name not in alone:
            alone[name] = f"{name}={value} ({one / GB:.1f} GB)"
        if not alone and wanted(together) > available:
            together[name] = value
    if alone:
        return f"{lacks}; it would fit with {' or '.join(alone.values())}"
    least = wanted(together)
    if least > available:
        return f"{lacks}; it does not fit here, for it needs {least / GB:.1f} GB at least"
    together.pop("size", None)  # the largest that fits now
    sizes = [together | {"size": f"{w}x{h}"} for w, h in _smaller(*size)]
    chosen = next(each for each in [together, *sizes] if wanted(each) <= available)
    told = ", ".join(f"{name}={value}" for name, value in chosen.items())
    return f"{lacks}; it would fit with {told} together ({wanted(chosen) / GB:.1f} GB)"


def fits(told: str) -> bool:
    """Whether what `advice` says is that it fits."""
    return told.startswith("fits")


def lora_bytes(load: CausalLoad, models: Path) -> int:
    """What LoRAs take that stay live: about as much as their files."""
    names = [load.lora_1, load.lora_2, load.lora_3] if load.lora_mode == "live" else []
    found = [models / files.LORAS / name for name in names if name]
    return sum(file.stat().st_size for file in found if file.is_file())


def pixels(asked: str) -> tuple[int, int]:
    """Width and height of a size, at least a token's; the largest that `auto` takes for auto.
    ValueError where it is no size.
    """
    width, height = sizes.sides(asked) or LARGEST_AUTO
    return max(SIDE, width), max(SIDE, height)


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
        alike = [floor_size(w, h) for w, h in eighths if min(w, h) >= SIDE]
    return sorted(set(alike), key=lambda each: -each[0] * each[1])
