"""Checks on a JSON body before anything reads it: UTF-8, no lone surrogates, limited depth, digits
and names, each key once.

`"\\ud83d"` is valid JSON, but text containing it could not be encoded later: it is repaired.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from engine.system.json_values import DEEPEST

NAMES = 1000  # in one object: there are about sixty parameters
DIGITS = 20  # of an integer; the largest that a parameter takes has 16
# Escapes one by one, so that no backslash counts twice: a surrogate pair, a lone one, any other.
ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
INSTEAD = r"\ufffd"
# Our words for an error, by the start of Python's
WORDS = {
    "Expecting property name": "expected a name in double quotes",
    "Expecting value": "expected a value; put text in double quotes",
    "Expecting ',' delimiter": "expected a comma or the end",
    "Expecting ':' delimiter": "expected a colon",
    "Extra data": "extra data after the end",
    "Unterminated string": "a string has no closing quote",
    "Invalid control character": "a string contains a line break or tab; write \\n or \\t",
    "Invalid \\": "invalid backslash; write two",
    "Illegal trailing comma": "trailing comma",
}


class BadBody(ValueError):
    """A body is refused; the text is one sentence."""


class NoText(BadBody):
    """The same for an encoding that JSON does not allow."""


def taken(body: bytes) -> bytes:
    """The body, safe to read. BadBody if no parameter could accept it, NoText if it is not UTF-8:
    UTF-16 and UTF-32 contain zero bytes, JSON does not.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_text(error.start, body[error.start]) from None
    if "\0" in text:
        raise _no_text(body.index(b"\0"), 0)
    text = ESCAPE.sub(lambda found: INSTEAD if found[1] else found[0], text)
    _check(text)
    return text.encode()


def _no_text(place: int, byte: int) -> NoText:
    return NoText(f"The body is not UTF-8 (at byte {place}: {byte:#04x}); send JSON as UTF-8.")


def _check(text: str) -> None:
    try:
        found = json.loads(
            text,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        why = next((ours for began, ours in WORDS.items() if error.msg.startswith(began)), "")
        place = f"line {error.lineno}, column {error.colno}"
        raise BadBody(f"The body is not valid JSON ({place}){why and f': {why}'}.") from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > DEEPEST:
        _check_depth(found)


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise BadBody(f"A whole number has at most {DIGITS} digits.")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadBody(f"{text[:40]} is too large for a number.")
    return number


def _constant(name: str) -> Any:
    raise BadBody(f"{name} is not accepted as a number.")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadBody(f"{twice[:80]!a} appears twice in the body; give it once.")
    if len(pairs) > NAMES:
        raise BadBody(f"At most {NAMES} names are accepted at once, not {len(pairs)}.")
    return found


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    if any(isinstance(inner, (dict, list)) for inner in level):
        raise _too_deep()


def _too_deep() -> BadBody:
    return BadBody(f"The body is nested deeper than {DEEPEST} levels.")
