"""The type of a JSON value, for the type checker too, and objects in which no name occurs twice."""

from typing import Any, TypeGuard


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
