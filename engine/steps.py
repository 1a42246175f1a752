"""Lists of noise levels: the one parser for all inputs and readers."""

import re
import unicodedata

MOST = 10  # most levels of a block
NOISIEST = 1000  # the highest level
PLACES = 3  # decimals kept of a level
BETWEEN = re.compile(r"\s*(?:[,;|/、→]|[-=]>)\s*|\s+")
LEVEL = re.compile(r"[0-9]{1,8}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}")
COUNTED = re.compile(r"\s*([0-9]{1,8})\s*steps?\s*", re.IGNORECASE)
# In a list with semicolons, as in many European spreadsheets: a level such as 937,5
WITH_COMMAS = re.compile(r"\s*[0-9]{1,4}(?:,[0-9]{1,2})?\s*")
AROUND = "[](){}<>\"'` \t\r\n"  # brackets and quotes that may surround a list
OPENS = "[({<"  # these begin a list, even of one level
EXAMPLE = "1000,750,500"
KIND = f"at most {MOST} levels from {NOISIEST} down such as {EXAMPLE}, or a number of steps"


def canonical(text: str) -> str:
    """The levels as `1000,750,500`, from any typed form: in brackets, separated by semicolons or
    spaces, with decimals. A single whole number from 1 to 10 is a count, and may be followed by
    `steps`. A single level other than 1000 needs brackets: `[750]`.

    ValueError for anything else, saying what is accepted.
    """
    found = levels(text)
    written = ",".join(f"{level:g}" for level in found)
    return f"[{written}]" if len(found) == 1 and found[0] != NOISIEST else written


def levels(text: str) -> tuple[float, ...]:
    """The same as numbers."""
    listed = unicodedata.normalize("NFKC", text)
    if counted := COUNTED.fullmatch(listed):
        return _alone(int(counted[1]), f"{counted[1]} steps")
    parts = _parts(listed)
    if not parts or not all(LEVEL.fullmatch(part) for part in parts):
        raise ValueError(f"takes {KIND}, not {text!r:.80}")
    found = tuple(round(float(part), PLACES) for part in parts)
    if len(found) == 1 and (found[0] <= MOST or listed.strip(" '\"`\t\r\n")[0] not in OPENS):
        return _alone(found[0], parts[0])
    if len(found) > MOST:
        raise ValueError(f"takes at most {MOST} levels, not {len(found)}")
    if max(found) <= 1 and any("." in part for part in parts):
        whole = canonical(",".join(f"{NOISIEST * level:g}" for level in found))
        raise ValueError(f"counts from {NOISIEST} down, not from 1; write {whole}")
    if found[0] > NOISIEST:
        raise ValueError(f"takes {KIND}, not {text!r:.80}")
    if list(found) != sorted(found, reverse=True):
        descending = ",".join(f"{level:g}" for level in sorted(found, reverse=True))
        raise ValueError(f"must descend from noise to image; write {descending}")
    return found


def evenly(count: int) -> tuple[float, ...]:
    """This many levels from 1000 down, without the final 0: 1000, 750, 500, 250 for four."""
    return tuple(float(round(NOISIEST * (count - step) / count)) for step in range(count))


def _alone(number: float, written: str) -> tuple[float, ...]:
    """The meaning of a single number: a count, or 1000, with which one step begins.
    Whoever writes 20 means so many steps.
    """
    if number == NOISIEST:
        return (number,)
    if 1 <= number <= MOST and number == int(number):
        return evenly(int(number))
    one = f"; [{number:g}] is one level" if MOST < number < NOISIEST else ""
    raise ValueError(
        f"takes a number of steps from 1 to {MOST}, or levels such as {EXAMPLE}, not "
        f"{written!r:.80} alone{one}"
    )


def _parts(listed: str) -> list[str]:
    written = listed.strip(AROUND).rstrip(",; ")
    if len(written) > 1000:
        return []
    if ";" in written and all(map(WITH_COMMAS.fullmatch, written.split(";"))):
        written = written.replace(",", ".")
    return BETWEEN.split(written)
