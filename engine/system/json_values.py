"""The type of a JSON value, for the type checker too; objects in which no name occurs twice; and
values that every program can write and read.
"""

import math
from typing import Any, TypeGuard

from engine.system.texts import mended_all

DEEPEST = 32  # lists and objects within each other


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object, whose names are texts."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether it is a JSON list."""
    return isinstance(value, list)


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object for `json.loads` as `object_pairs_hook`; ValueError if a name occurs twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def plain(value: object) -> Any:
    """A value as every program can write and read it: with each lone surrogate as U+FFFD.
    ValueError, with the reason, for NaN and infinity, and for deep nesting.
    """
    _check(value, DEEPEST)
    return mended_all(value)


def _check(value: object, left: int) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number in it is not finite")
    if not is_object(value) and not is_list(value):
        return
    if not left:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    for inner in value.values() if is_object(value) else value:
        _check(inner, left - 1)
