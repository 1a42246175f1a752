"""OSC address patterns: `?`, `*`, `[a-z]`, `[!a-z]`, `{one,other}`.

All addresses are looked at together, as one row of places: a set of places is a whole number, each
place a bit of it. Each letter of a pattern moves all places at once, and none twice, so that no
pattern takes longer than its length allows, however it is made.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

WILD = frozenset("*?[{")
LONGEST = 256  # letters of a pattern
KEPT = 256  # patterns whose meaning is remembered
END = "\0"  # stands behind each address in the row; no pattern can hold it
TOKEN = re.compile(r"\*+|\?|\[(!?)([^\[\]/]+)\]|\{([^{}]*)\}|([^*?\[\]{}]+)")


def is_pattern(address: str) -> bool:
    """Whether an address means several."""
    return not WILD.isdisjoint(address[: LONGEST + 1])


class Patterns:
    """What patterns mean among a fixed set of addresses."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)
        row = "".join(address + END for address in self._known)
        self._at: dict[str, int] = {}
        for place, letter in enumerate(row):
            self._at[letter] = self._at.get(letter, 0) | 1 << place
        self._ends = [place for place, letter in enumerate(row) if letter == END]
        self._starts = sum(1 << place for place in (0, *(end + 1 for end in self._ends[:-1])))
        self._inner = sum(bits for letter, bits in self._at.items() if letter not in ("/", END))
        self._matching = lru_cache(KEPT)(self._match)

    def matching(self, pattern: str) -> tuple[str, ...]:
        """The addresses that a pattern means; none where it is malformed or too long."""
        return self._matching(pattern) if len(pattern) <= LONGEST and self._known else ()

    def _match(self, pattern: str) -> tuple[str, ...]:
        if not pattern.isascii():
            return ()
        places, read = self._starts, 0
        while read < len(pattern):
            token = TOKEN.match(pattern, read)
            if not token:
                return ()
            places, read = self._after(token, places), token.end()
        reached = zip(self._known, self._ends, strict=True)
        return tuple(address for address, end in reached if places >> end & 1)

    def _after(self, token: re.Match[str], places: int) -> int:
        """Where a part of a pattern leads to from these places."""
        negated, letters, choices, plain = token.groups()
        if plain is not None:
            return self._word(plain, places)
        if choices is not None:
            found = 0
            for choice in choices.split(","):
                found |= self._word(choice, places)
            return found
        if letters is not None:
            meant = sum(self._at[letter] for letter in _set(letters) & self._at.keys())
            return (places & self._inner & (~meant if negated else meant)) << 1
        return (places & self._inner) << 1 if token.group() == "?" else self._any(places)

    def _word(self, word: str, places: int) -> int:
        for letter in word:
            places = (places & self._at.get(letter, 0)) << 1
        return places

    def _any(self, places: int) -> int:
        """Any number of letters, up to the next slash: a sum carries through a run of ones, and so
        marks all places from the first one of each run to behind its end.
        """
        run = self._inner
        return places | (((places & run) + run) ^ run)


@lru_cache(KEPT)
def _set(body: str) -> frozenset[str]:
    """The letters of `a-fx`; a hyphen at the end is one itself."""
    letters: set[str] = set()
    for low, high in re.findall(r"(.)(?:-(.))?", body):
        letters |= {chr(code) for code in range(ord(low), ord(high or low) + 1)}
    return frozenset(letters)
