"""Texts as they may be kept and shown: without halves of surrogate pairs, which nothing encodes;
"Did you mean X?" for a mistyped name; quotes around a path in a command.

JSON's `\\ud83d` gives one, and so does an argument or a variable of the environment with a byte
that is no UTF-8. Every door mends what comes in; what a foreign thing is called (a file, a
sender) is mended where it is told.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

HALF = re.compile("[\ud800-\udfff]")
PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
INSTEAD = "\ufffd"
LONGEST_GUESSED = 80  # letters of a word that is compared with others


def mended(text: str) -> str:
    """The text with each half of a surrogate pair as U+FFFD; two halves side by side are one
    character.
    """
    if text.isascii() or not HALF.search(text):
        return text
    whole = PAIR.sub(lambda m: m.group().encode("utf-16-le", "surrogatepass").decode("utf-16-le"),
                     text)  # fmt: skip
    return HALF.sub(INSTEAD, whole)


def mended_all(value: Any) -> Any:
    """The same for every text and key within lists, tuples and mappings."""
    if isinstance(value, str):
        # an Enum that is a text stays one
        return mended(value) if type(value) is str else value
    if isinstance(value, Mapping):
        named = cast("Mapping[object, object]", value)  # isinstance leaves its parts unknown
        return {mended_all(key): mended_all(part) for key, part in named.items()}
    if isinstance(value, (list, tuple)):
        parts = cast("Sequence[object]", value)  # isinstance leaves its parts unknown
        return [mended_all(part) for part in parts]
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?` with the one of `known` that is most like a word; empty for none."""
    from difflib import get_close_matches  # rarely needed

    names = {name.casefold(): name for name in known}
    found = get_close_matches(word[:LONGEST_GUESSED].casefold(), names, 1)
    return f" Did you mean {names[found[0]]}?" if found else ""


def quoted(path: object) -> str:
    """A path to paste after a flag: sh, cmd.exe and PowerShell all accept these quotes."""
    return f"{path}" if re.fullmatch(r"[\w.:/\\-]+", str(path)) else f'"{path}"'
