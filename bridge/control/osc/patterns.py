"""OSC address patterns: `?`, `*`, `[a-z]`, `[!a-z]`, `{one,other}`.

All addresses are matched together, joined into one string: a set of positions is an integer with
one bit per position. Each character of a pattern advances all positions at once, so that the time
depends only on the pattern's length, whatever its form.

How much the patterns of a datagram may set: `MOST_BY_PATTERN` in `handler.py`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

WILD = frozenset("*?[{")
LONGEST = 256  # characters of a pattern
KEPT = 256  # patterns whose matches are cached
END = "\0"  # terminates each address in the string; no pattern can contain it
TOKEN = re.compile(r"\*+|\?|\[(!?)([^\[\]/]+)\]|\{([^{}]*)\}|([^*?\[\]{}]+)")


def is_pattern(address: str) -> bool:
    """Whether an address is a pattern."""
    return not WILD.isdisjoint(address[: LONGEST + 1])


class Patterns:
    """Matches patterns against a fixed set of addresses."""

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
        """The addresses that match; none if the pattern is malformed or too long."""
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
        """The positions reached from these by a part of a pattern."""
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
        """Any number of characters, up to the next slash: an addition carries through a run of
        ones, and so marks all positions from the first of each run to just past its end.
        """
        run = self._inner
        return places | (((places & run) + run) ^ run)


@lru_cache(KEPT)
def _set(body: str) -> frozenset[str]:
    """The characters of `a-fx`; a trailing hyphen is literal."""
    letters: set[str] = set()
    for low, high in re.findall(r"(.)(?:-(.))?", body):
        letters |= {chr(code) for code in range(ord(low), ord(high or low) + 1)}
    return frozenset(letters)
