"""Sizes: the one parser for all inputs and readers, and the size that the engine works at."""

import re

LARGEST = 8192  # pixels per side
AUTO = "auto"
WIDE, HIGH, SQUARE = (576, 320), (320, 576), (512, 512)  # what `auto` takes
OBLONG = 1.2  # aspect ratio above which a shape is not square
LARGEST_AUTO = SQUARE  # used for estimating memory
WRITTEN = re.compile(r"0*([1-9][0-9]{0,3})\s*[x*×]\s*0*([1-9][0-9]{0,3})", re.IGNORECASE)


def canonical(text: str) -> str:
    """`auto`, or WIDTHxHEIGHT, for any usual spelling: 832x480, 832*480, 832 × 480, Auto.

    ValueError for any other text, saying what a size is.
    """
    written = text.strip()
    return AUTO if written.lower() == AUTO else exact(written, f"{AUTO} or ")


def exact(text: str, otherwise: str = "") -> str:
    """The same without `auto`. `otherwise` is what else is accepted, in words."""
    found = WRITTEN.fullmatch(text.strip())
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or max(sides) > LARGEST:
        raise ValueError(
            f"takes {otherwise}WIDTHxHEIGHT such as 576x320, two whole numbers from 1 to "
            f"{LARGEST}, not {text!r:.80}"
        )
    return f"{sides[0]}x{sides[1]}"


def sides(text: str) -> tuple[int, int] | None:
    """Width and height of a size in any spelling, None for `auto`; ValueError as `canonical`."""
    size = canonical(text)
    return None if size == AUTO else exact_sides(size)


def exact_sides(text: str) -> tuple[int, int]:
    """Width and height of a size in any spelling; ValueError as `exact`, for `auto` too."""
    width, _, height = exact(text).partition("x")
    return int(width), int(height)


def floored(width: int, height: int, multiple: int) -> tuple[int, int]:
    """The largest size within that one whose sides are multiples of `multiple`."""
    return max(multiple, width - width % multiple), max(multiple, height - height % multiple)


def engine_size(text: str, multiple: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Width and height that the engine works at: rounded down to multiples of `multiple`, at least
    one.

    `text` is a size in any spelling, or auto: chosen by the input's shape (width, height), as wide,
    tall or square. ValueError with one sentence for any other text. The bridge's feeder calls it
    for each block with frames; for a causal pipeline in text mode, auto is its row's size.
    """
    try:
        asked = sides(text)
    except ValueError as error:
        raise ValueError(f"size {error}.") from None
    if asked is None:
        ratio = shape[0] / shape[1]
        asked = WIDE if ratio > OBLONG else HIGH if ratio < 1 / OBLONG else SQUARE
    return floored(*asked, multiple)
