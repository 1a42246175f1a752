"""What a JSON body may be before anything reads it: bounded in depth and digits, each key once."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

DEPTH = 32  # brackets within brackets
DIGITS = 20  # of a whole number; the largest that a parameter takes has 16


class BadBody(ValueError):
    """A body is refused; one sentence says why."""


def check(body: bytes) -> None:
    """BadBody for what no parameter could be. What is no text at all is left to the reader."""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        return
    try:
        found = json.loads(
            text,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise BadBody(
            f"The body is no JSON: {error.msg}, line {error.lineno}, column {error.colno}."
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > DEPTH:
        _check_depth(found)


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise BadBody(f"A whole number has at most {DIGITS} digits.")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadBody(f"{text[:40]} is more than a number may be.")
    return number


def _constant(name: str) -> Any:
    raise BadBody(f"{name} is no number here.")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise BadBody(f"{twice[:80]!a} is in the body twice; give it once.")
    return found


def _check_depth(found: Any) -> None:
    level = [found]
    for _ in range(DEPTH):
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
    return BadBody(f"The body is nested deeper than {DEPTH} levels.")
