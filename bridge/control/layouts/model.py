"""The pages of a controller layout, from the schema; independent of any file format."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from bridge.control.osc.routes import ROOT
from engine.system.texts import did_you_mean

Schema: TypeAlias = Mapping[str, Any]

BUTTONS = 8  # of an action that needs a number
LOOKS = ("look", "cue", "go", "back", "undo", "redo")  # actions, by first word, of that page
TOLD = ("look", "look_name", "standby", "standby_reason", "undo", "redo")  # readings there
WIDEST = 10_000  # largest range for a fader: beyond it no finger hits a number, so it is text


class Look(StrEnum):
    """The type of a control."""

    FADER = "fader"
    SWITCH = "switch"
    CHOICE = "choice"
    TEXT = "text"
    BUTTON = "button"
    READING = "reading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One address. `picks` are values that buttons send, `press` is the value of a single button;
    `low` and `high` are a fader's range.

    A reading only listens; `digits` marks a number with a fraction.
    """

    look: Look
    address: str
    label: str
    help: str = ""
    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    digits: bool = False
    start: bool | int | float | str = ""
    press: int = 1
    picks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of controls."""

    title: str
    controls: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All pages, and the port on which the controller receives feedback."""

    pages: tuple[Page, ...]
    reply_port: int

    @property
    def addresses(self) -> set[str]:
        """Every address that is sent or received."""
        return {control.address for page in self.pages for control in page.controls}


def layout(
    schema: Schema,
    pipeline: str = "",
    picks: Mapping[str, Sequence[str]] | None = None,
    reply_port: int = 9000,
) -> Layout:
    """Build a layout from a schema, as in `bridge.control.schema` and `GET /api/v1/schema`.

    `pipeline` limits it to that pipeline's parameters. `picks` are values to choose from, by
    parameter, for those that are not a fader, switch or choice. ValueError for unknown names.
    """
    picks = dict(picks or {})
    pages: dict[str, list[Control]] = {}
    for spec in _of(schema, pipeline):
        control = _parameter(spec)
        if control.look is Look.TEXT:
            every = (*picks.pop(spec["name"], ()), *control.picks)
            control = replace(control, picks=tuple(dict.fromkeys(every)))
        pages.setdefault(spec["page"] or "More", []).append(control)
    for name in picks:
        raise ValueError(f"{name!r} is not a parameter that buttons can be made for.")
    show = next(iter(pages.values()), [])
    looks: list[Control] = []
    for row in schema["actions"]:
        (looks if row["name"].partition("/")[0] in LOOKS else show).extend(_action(row))
    told = [row for row in schema["state"] if row["name"] in TOLD]
    pages["Looks"] = [*looks, *map(_reading, told)]
    pages["Pipeline"] = _pipelines(schema["pipelines"])
    pages["State"] = [_reading(row) for row in schema["state"] if row not in told]
    # A controller started after the bridge has received nothing yet.
    pages["State"].append(
        Control(look=Look.BUTTON, address=f"{ROOT}query", label="request all values",
                help="Have the bridge send all values again.", press=reply_port)
    )  # fmt: skip
    made = tuple(Page(title, tuple(controls)) for title, controls in pages.items())
    return Layout(made, reply_port)


def _of(schema: Schema, pipeline: str) -> list[Mapping[str, Any]]:
    """The parameters of the output and of one pipeline, or of all."""
    rows = {row["id"]: {*row["parameters"], *row["load"]} for row in schema["pipelines"]}
    if pipeline and pipeline not in rows:
        choose = f"choose {', '.join(rows)}.{did_you_mean(pipeline, rows)}"
        raise ValueError(f"Unknown pipeline {pipeline!r}; {choose}")
    others = set[str]().union(*rows.values()) - rows[pipeline] if pipeline else set[str]()
    return [spec for spec in schema["parameters"] if spec["name"] not in others]


def _parameter(spec: Mapping[str, Any]) -> Control:
    control = Control(
        look=Look.TEXT,
        address=ROOT + spec["osc"],
        label=_words(spec["name"], spec["unit"]),
        help=spec["help"],
        start=spec["default"],
    )
    low, high = spec["minimum"], spec["maximum"]
    match spec["kind"]:
        case "bool":
            return replace(control, look=Look.SWITCH)
        case "choice":
            return replace(control, look=Look.CHOICE, picks=tuple(spec["choices"]))
        case "float" | "int" if low is not None and high is not None and high - low <= WIDEST:
            whole = spec["kind"] == "int"
            return replace(
                control, look=Look.FADER, low=low, high=high, whole=whole, digits=not whole
            )
        case "text" | "size" | "steps":
            return replace(
                control, picks=tuple(row["value"] for row in spec.get("suggestions", ()))
            )
        case _:
            return control


def _action(row: Mapping[str, Any]) -> list[Control]:
    """An action's button; one for each of the first numbers, if it needs a number that may end an
    address; none if it needs another value, since buttons send 1, and a fader would press it all
    the way.
    """
    argument = row.get("argument")
    if not argument or not argument["needed"]:
        names = [row["name"]]
    elif argument["index"]:
        first = int(argument["minimum"] or 0)
        names = [f"{row['name']}/{number}" for number in range(first, first + BUTTONS)]
    else:
        names = []
    return [
        Control(look=Look.BUTTON, address=ROOT + name, label=_words(name), help=row["help"])
        for name in names
    ]


def _pipelines(rows: Sequence[Mapping[str, Any]]) -> list[Control]:
    """The pipeline being shown, and a button for each."""
    shown = Control(
        look=Look.READING,
        address=f"{ROOT}pipeline",
        label="pipeline",
        help="The pipeline shown now.",
    )
    return [
        shown,
        *(
            Control(look=Look.BUTTON, address=f"{ROOT}pipeline/{row['id']}", label=row["id"],
                    help=row["title"])
            for row in rows
        ),
    ]  # fmt: skip


def _reading(row: Mapping[str, Any]) -> Control:
    """A value of the state."""
    return Control(
        look=Look.READING,
        address=f"{ROOT}state/{row['name']}",
        label=_words(row["name"], row["unit"]),
        help=row["help"],
        digits=row["metric"] == "gauge",
    )


def _words(name: str, unit: str = "") -> str:
    words = name.replace("_", " ")
    return f"{words} ({unit})" if unit else words
