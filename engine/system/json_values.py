"""Whether a JSON value is an object or a list, in a way that the type checker understands."""

from typing import Any, TypeGuard


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether it is an object of JSON, whose names are texts."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether it is a list of JSON."""
    return isinstance(value, list)
