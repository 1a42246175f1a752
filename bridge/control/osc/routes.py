"""OSC addresses and what their arguments mean, made from the specs and actions as one dict; when
a message presses a button: `triggered` and `pressed`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from struct import Struct

from bridge.control.bridge_api import Action, BridgeApi
from bridge.control.osc.inbox import Sender
from bridge.control.osc.packets import Arguments, encoded
from bridge.state.renamed import RENAMED, renamed
from engine.parameters import ALL_UNITS, Kind, ParameterSpec, Value, digits

ROOT = "/bridge/"
BLIND = ROOT + "blind/"  # what is set at these addresses is for the next look
BLIND_PIPELINE = BLIND + "pipeline"  # which that look has not
LONGEST_NAME = 4096  # characters of a text other than a prompt
DIGITS = 9  # of a number in an address
NUMBERS = (Kind.FLOAT, Kind.INT)
FLOAT = Struct(">f")  # what follows the head of a fader's message
BETWEEN = {
    Kind.TEXT: " ",
    Kind.SIZE: "x",
    Kind.STEPS: ",",
}  # separators where several numbers form one value


def addresses(specs: Iterable[ParameterSpec]) -> dict[str, ParameterSpec]:
    """Every address of every parameter, former ones included."""
    specs = list(specs)
    found = _addresses(specs)
    return found | {old: found[new] for old, new in _former(specs).items()}


def blind(found: Mapping[str, ParameterSpec]) -> dict[str, ParameterSpec]:
    """The address of each parameter of a look with which it is set blind: /bridge/blind/prompt."""
    return {
        f"{BLIND}{address.removeprefix(ROOT)}": spec
        for address, spec in found.items()
        if spec.in_looks
    }


def former(desk: BridgeApi) -> dict[str, str]:
    """The former addresses of parameters and actions, each with its current one."""
    pressed = renamed("action", desk.actions.keys())
    return _former(desk.store.specs.values()) | {ROOT + old: ROOT + new for old, new in pressed}


def _addresses(specs: Iterable[ParameterSpec]) -> dict[str, ParameterSpec]:
    """The current ones: the short name, the long name, and X/1 for an X that has an X/2."""
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


def _former(specs: Iterable[ParameterSpec]) -> dict[str, str]:
    specs = list(specs)
    names = {address.removeprefix(ROOT) for address in _addresses(specs)}
    # An address that was a long name may now be the short one: lora_1.
    own = {spec.osc for spec in specs}
    found = (*renamed("parameter", names), *renamed("address", own))
    return {ROOT + old: ROOT + new for old, new in found}


def faders(desk: BridgeApi) -> dict[bytes, tuple[str, ParameterSpec]]:
    """Address and parameter by the bytes of a message before its value, if that value is a float
    that holds as it was sent whenever it is in the range.
    """
    old = former(desk)
    return {
        encoded(address, 0.0)[: -FLOAT.size]: (address, spec)
        for address, spec in addresses(desk.store.specs.values()).items()
        if spec.kind is Kind.FLOAT
        and not (spec.looks or spec.conditional or spec.draws)
        and address not in old
    }


def former_words(specs: Iterable[ParameterSpec]) -> dict[str, dict[str, str]]:
    """The former words for values at former addresses, by current word; only where they differ."""
    there = _former(specs)
    return {
        ROOT + row.old: {new: old for old, new in row.values.items()}
        for row in RENAMED
        if row.values and ROOT + row.old in there
    }


def triggered(arguments: Arguments) -> bool:
    """Whether a message presses a button: anything except 0 and False does. ValueError for NaN, and
    for a question, since a button has no value.
    """
    first = arguments[0] if arguments else True
    if first == "?":
        raise ValueError("A button has no value to ask for; send 1 to press it.")
    if isinstance(first, float) and math.isnan(first):
        raise ValueError("A button takes 1 or no value, not NaN.")
    return first not in (0, 0.0, False)


def pressed(action: Action, arguments: Arguments) -> tuple[Value, ...] | None:
    """What a message runs an action with; None if it presses nothing. ValueError as `Action.takes`.

    A button sends 1 when pressed and 0 when released: where the argument can be left out, those are
    no values of it.
    """
    argument = action.argument
    if argument is None or arguments == ["?"]:
        return () if triggered(arguments) else None
    first = arguments[0] if arguments else None
    number = isinstance(first, (bool, int, float))
    if number and first == 0 and not (argument.needed and argument.spec.within(0)):
        return None
    if first is None or first is True or (number and first == 1 and not argument.needed):
        return action.takes()
    return action.takes(value(argument.spec, arguments))


def indexed(buttons: Mapping[str, Action], address: str) -> tuple[str, Value] | None:
    """The action's address and the argument in an address such as /bridge/look/3; None if it is no
    such address. ValueError if the action does not take that number.
    """
    above, _, number = address.rpartition("/")
    action = buttons.get(above)
    if not action or not action.argument or not action.argument.index or not number.isdecimal():
        return None
    return above, action.argument.check(int(number[:DIGITS]))


def value(spec: ParameterSpec, arguments: Arguments) -> object:
    """The value of a message; ValueError with a sentence if it has none. A size may be two numbers,
    a list of steps several; several words form one text; a number may be followed by its unit.
    """
    if not arguments:
        raise ValueError(f"{spec.name} takes {spec.accepts}, but the message has no value.")
    for given in arguments:
        if isinstance(given, float) and not math.isfinite(given):
            raise ValueError(f"{spec.name} takes {spec.accepts}, not {given}.")
    first = arguments[0]
    if spec.kind in BETWEEN and len(arguments) > 1:
        if not all(isinstance(given, (int, float, str)) for given in arguments):
            raise ValueError(
                f"{spec.name} takes {spec.accepts}, not these {len(arguments)} values."
            )
        first = joined(arguments, BETWEEN[spec.kind])
    elif spec.kind in NUMBERS and len(arguments) > 1 and _is_unit(arguments[1]):
        first = joined(arguments[:2])  # as Max and Pure Data send `50 %`
    if isinstance(first, str) and spec.kind is not Kind.TEXT and len(first) > LONGEST_NAME:
        raise ValueError(f"{spec.name} takes {spec.accepts}, not {len(first)} characters.")
    return first


def _is_unit(given: object) -> bool:
    return isinstance(given, str) and given.strip().lower() in ALL_UNITS


def joined(arguments: Arguments, between: str = " ") -> str:
    """Join the words of one text, which Max, Pure Data and others send one by one; `between`
    separates them if all are numbers. Empty for none.
    """
    words = [digits(g) if isinstance(g, (int, float)) else str(g) for g in arguments]
    return (" " if any(isinstance(given, str) for given in arguments) else between).join(words)


def reply_to(arguments: Arguments, sender: Sender) -> Sender:
    """Where answers go: the sender's machine, at the port it names or sent from."""
    port = arguments[0] if arguments else sender[1]
    if isinstance(port, bool) or not isinstance(port, (int, float)) or not 1 <= port < 65536:
        raise ValueError("The port must be a number from 1 to 65535.")
    return sender[0], int(port)


def buttons(desk: BridgeApi) -> Mapping[str, Action]:
    """What a press does: every action, and for every pipeline a switch to it."""
    found = {ROOT + name: action for name, action in desk.actions.items()}
    for old, new in renamed("action", desk.actions.keys()):
        found[ROOT + old] = found[ROOT + new]
    for row in desk.pipelines():
        switch = _switch(desk, row["id"])
        found[f"{ROOT}pipeline/{row['id']}"] = Action(str(row["title"]), switch, waits=True)
    return found


def _switch(desk: BridgeApi, pipeline: str) -> Callable[[], None]:
    return lambda: desk.switch(pipeline)
