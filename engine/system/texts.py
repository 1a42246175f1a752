"""Texts that can be stored and shown: without lone surrogates, which cannot be encoded.

JSON's `\\ud83d` gives one, and so does an argument or environment variable with a byte that is not
UTF-8. Every input is repaired on arrival; names from outside (of a file, a sender) are repaired
where they are shown.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

HALF = re.compile("[\ud800-\udfff]")
PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
INSTEAD = "\ufffd"
LONGEST_GUESSED = 80  # characters of a word that is compared with others


def counted(number: int, what: str) -> str:
    """A number with its noun: 1 layer, 2 layers."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def mended(text: str) -> str:
    """The text with each lone surrogate as U+FFFD; a pair becomes one character."""
    if text.isascii() or not HALF.search(text):
        return text
    whole = PAIR.sub(lambda m: m.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"),
                     text)  # fmt: skip
    return HALF.sub(INSTEAD, whole)


def mended_all(value: Any) -> Any:
    """The same for every text and key in lists, tuples and mappings."""
    if isinstance(value, str):
        # a text Enum stays an Enum
        return mended(value) if type(value) is str else value
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)  # isinstance leaves its parts unknown
        return {mended_all(key): mended_all(part) for key, part in named.items()}
    if isinstance(value, (list, tuple)):
        parts = cast("Sequence[object]", value)  # isinstance leaves its parts unknown
        return [mended_all(part) for part in parts]
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?` with the `known` word closest to this one; empty if none is close."""
    from difflib import get_close_matches  # rarely needed

    names = {name.casefold(): name for name in known}
    found = get_close_matches(word[:LONGEST_GUESSED].casefold(), names, 1)
    return f" Did you mean {names[found[0]]}?" if found else ""


def quoted(path: object) -> str:
    """A path to paste after a flag: sh, cmd.exe and PowerShell all accept these quotes."""
    return f"{path}" if re.fullmatch(r"[\w.:/\\-]+", str(path)) else f'"{path}"'
