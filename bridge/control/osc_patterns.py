"""OSC address patterns: `?`, `*`, `[a-z]`, `[!a-z]`, `{one,other}`.

A pattern is followed as a set of places reached so far, not by going back and forth as a regular
expression does: a hostile `*a*a*a*a*b` takes no longer than an honest pattern of its length.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeAlias

WILD = frozenset("*?[{")
LONGEST = 256  # letters of a pattern
TOKEN = re.compile(r"\*+|\?|\[(!?)([^\[\]/]+)\]|\{([^{}]*)\}|([^*?\[\]{}]+)")

Step: TypeAlias = Callable[[str, int], Iterable[int]]


def is_pattern(address: str) -> bool:
    """Whether an address means several."""
    return not WILD.isdisjoint(address)


def matching(pattern: str, known: Iterable[str]) -> list[str]:
    """The addresses that a pattern means; none where it is malformed."""
    steps = _compiled(pattern) if len(pattern) <= LONGEST else None
    return [address for address in known if _matches(steps, address)] if steps else []


def _matches(steps: tuple[Step, ...], text: str) -> bool:
    places = {0}
    for step in steps:
        places = {after for place in places for after in step(text, place)}
        if not places:
            return False
    return len(text) in places


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> tuple[Step, ...] | None:
    steps: list[Step] = []
    place = 0
    while place < len(pattern):
        token = TOKEN.match(pattern, place)
        if not token or not pattern.isascii():
            return None
        steps.append(_step(token))
        place = token.end()
    return tuple(steps)


def _step(token: re.Match[str]) -> Step:
    """From a place in a text to the places where it may go on."""
    negated, letters, choices, plain = token.groups()
    if plain is not None:
        return _one_of([plain])
    if choices is not None:
        return _one_of(choices.split(","))
    if letters is not None:
        return _letter(_set(letters), wanted=not negated)
    return _letter(frozenset(), wanted=False) if token.group() == "?" else _any


def _one_of(choices: Iterable[str]) -> Step:
    known = tuple(choices)
    return lambda text, place: [place + len(c) for c in known if text.startswith(c, place)]


def _letter(letters: frozenset[str], wanted: bool) -> Step:
    def step(text: str, place: int) -> Iterable[int]:
        letter = text[place : place + 1]
        fits = letter not in ("", "/") and (letter in letters) is wanted
        return [place + 1] if fits else []

    return step


def _any(text: str, place: int) -> Iterable[int]:
    """Any number of letters, up to the next slash."""
    slash = text.find("/", place)
    return range(place, (len(text) if slash < 0 else slash) + 1)


def _set(body: str) -> frozenset[str]:
    """The letters of `a-fx`; a hyphen at the end is one itself."""
    letters: set[str] = set()
    for low, high in re.findall(r"(.)(?:-(.))?", body):
        letters |= {chr(code) for code in range(ord(low), ord(high or low) + 1)}
    return frozenset(letters)
