"""What a list of noise levels may be written as: the one parser of every door and every reader."""

import re
import unicodedata

MOST = 10  # levels of a block
NOISIEST = 1000  # of a level
PLACES = 3  # decimals of a level that are kept
BETWEEN = re.compile(r"\s*(?:[,;|/、→]|[-=]>)\s*|\s+")
LEVEL = re.compile(r"[0-9]{1,8}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}")
AROUND = "[](){}<>\"'` \t\r\n"  # brackets and quotes that may stand around a list
EXAMPLE = "1000,750,500"
KIND = f"at most {MOST} numbers falling from {NOISIEST} to 0 such as {EXAMPLE}, or how many"


def canonical(text: str) -> str:
    """The levels as `1000,750,500`, as they are typed: in brackets, with semicolons or blanks
    between them, with decimals. A whole number from 1 to 10 alone is how many.

    ValueError, whose text says what is taken, for any other.
    """
    return ",".join(f"{level:g}" for level in levels(text))


def levels(text: str) -> tuple[float, ...]:
    """The same as numbers."""
    parts = _parts(text)
    if not parts or not all(LEVEL.fullmatch(part) for part in parts):
        raise ValueError(f"takes {KIND}, not {text!r:.80}")
    found = tuple(round(float(part), PLACES) for part in parts)
    if len(found) == 1 and found[0] <= MOST and found[0].is_integer() and found[0]:
        return evenly(int(found[0]))
    if len(found) > MOST:
        raise ValueError(f"takes at most {MOST} numbers, not {len(found)}")
    if max(found) <= 1 and any("." in part for part in parts):
        whole = canonical(",".join(f"{NOISIEST * level:g}" for level in found))
        raise ValueError(f"counts from {NOISIEST} down, not from 1; write {whole}")
    if found[0] > NOISIEST or (len(found) == 1 and found[0] <= MOST):
        raise ValueError(f"takes {KIND}, not {text!r:.80}")
    if list(found) != sorted(found, reverse=True):
        falling = ",".join(f"{level:g}" for level in sorted(found, reverse=True))
        raise ValueError(f"falls from noise to picture; write {falling}")
    return found


def evenly(count: int) -> tuple[float, ...]:
    """So many levels from 1000 down, without the last, 0: 1000, 750, 500, 250 for four."""
    return tuple(float(round(NOISIEST * (count - step) / count)) for step in range(count))


def _parts(text: str) -> list[str]:
    written = unicodedata.normalize("NFKC", text).strip(AROUND).rstrip(",; ")
    return BETWEEN.split(written) if len(written) <= 1000 else []
