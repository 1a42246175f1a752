"""Which OSC address means what: made from the specs and the actions, kept as one dict."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from bridge.control.desk import Desk
from engine.parameters import Kind, ParameterSpec

ROOT = "/bridge/"
PATTERN = frozenset("*?[{")
LONGEST_NAME = 4096  # bytes of a text that is no prompt
ASSET = re.compile(r"^[\w-][\w. -]{0,119}$")
Arguments: TypeAlias = "list[Any]"


def addresses(specs: Iterable[ParameterSpec]) -> dict[str, ParameterSpec]:
    """Every address of every parameter: its short name, its long name, and X/1 for an X that has
    an X/2.
    """
    found: dict[str, ParameterSpec] = {}
    specs = list(specs)
    for spec in specs:
        found[ROOT + spec.name] = spec
    for spec in specs:
        found[ROOT + spec.osc] = spec
    for address in list(found):
        if f"{address}/2" in found:
            found.setdefault(f"{address}/1", found[address])
    return found


def triggered(arguments: Arguments) -> bool:
    """Whether a message to a button means a press: everything does but 0 and False."""
    return not arguments or arguments[0] not in (0, 0.0, False)


def value(spec: ParameterSpec, arguments: Arguments, assets: Path) -> object:
    """The one value that a message carries; ValueError with a sentence for what is none."""
    flat = [item for argument in arguments for item in _items(argument)]
    if not flat:
        raise ValueError(f"{spec.name} takes {spec.wants}, and the message carries no value.")
    first = flat[0]
    if isinstance(first, str) and spec.kind is not Kind.TEXT and len(first) > LONGEST_NAME:
        raise ValueError(f"{spec.name} takes {spec.wants}, not {len(first)} letters.")
    if spec.asset and first != "":
        _check_asset(spec.name, first, assets)
    return first


def matching(pattern: str, known: Iterable[str]) -> list[str]:
    """The addresses that an OSC pattern means (OSC 1.0: ? * [a-z] [!a-z] {one,other})."""
    expression = _compiled(pattern)
    return [address for address in known if expression.fullmatch(address)] if expression else []


def is_pattern(address: str) -> bool:
    """Whether an address means several."""
    return not PATTERN.isdisjoint(address)


def buttons(desk: Desk) -> Mapping[str, Callable[[], None]]:
    """The address of every action, and of every pipeline."""
    found: dict[str, Callable[[], None]] = {
        ROOT + name: action.run for name, action in desk.actions.items()
    }
    for row in desk.pipelines():
        found[f"{ROOT}pipeline/{row['id']}"] = _switch(desk, row["id"])
    return found


def _switch(desk: Desk, pipeline: str) -> Callable[[], None]:
    return lambda: desk.switch(pipeline)


def _items(argument: Any) -> Arguments:
    return argument if isinstance(argument, list) else [argument]


def _check_asset(name: str, given: object, folder: Path) -> None:
    text = given if isinstance(given, str) else ""
    found = ASSET.match(text) and ((folder / text).is_file() or any(folder.glob(f"{text}.*")))
    if not found:
        raise ValueError(f"{name} takes the name of a file in the assets folder, not {given!r}.")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    parts = {"?": "[^/]", "*": "[^/]*", "{": "(?:", "}": ")", ",": "|"}
    text, place, inside = "", 0, False
    while place < len(pattern):
        letter = pattern[place]
        if letter == "[":
            end = pattern.find("]", place)
            if end < 0:
                return None
            body = pattern[place + 1 : end]
            text += "[" + ("^" if body.startswith("!") else "") + _set(body.lstrip("!")) + "]"
            place = end
        else:
            inside = (inside or letter == "{") and letter != "}"
            plain = letter == "," and not inside
            text += re.escape(letter) if plain else parts.get(letter, re.escape(letter))
        place += 1
    try:
        return re.compile(text)
    except re.error:
        return None


def _set(body: str) -> str:
    return re.sub(r"([\\\]^\[])", r"\\\1", body)
