"""What a size may be written as: the one parser of every door and every reader."""

import re

LARGEST = 8192  # pixels of a side
AUTO = "auto"
WRITTEN = re.compile(r"0*([1-9][0-9]{0,3})\s*[x*×]\s*0*([1-9][0-9]{0,3})", re.IGNORECASE)


def canonical(text: str) -> str:
    """`auto`, or WIDTHxHEIGHT, from any usual spelling: 832x480, 832*480, 832 × 480, Auto.

    ValueError, whose text says what a size is, for any other text.
    """
    written = text.strip()
    return AUTO if written.lower() == AUTO else exact(written, f"{AUTO} or ")


def exact(text: str, otherwise: str = "") -> str:
    """The same where `auto` is none. `otherwise` is what else may be given, in words."""
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
    """The size within that one whose sides are multiples of `multiple`, and no smaller.

    The bridge's feeder asks it for an input, a pipeline for text alone.
    """
    return max(multiple, width - width % multiple), max(multiple, height - height % multiple)
