"""The actions: what a button triggers. The session binds each to its function.

When an OSC message presses one: `pressed` in `bridge/control/osc/routes.py`.
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from bridge.state.inputs import ROLES
from engine.parameters import Kind, ParameterSpec, Value


class ActionError(ValueError):
    """An action cannot do it now; one sentence. `status` is what HTTP answers."""

    def __init__(self, text: str, status: int = 409) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Argument:
    """The one value that an action takes: a number in its range, or a text. Unless `needed`, the
    action can be pressed without it. If it is an `index`, /bridge/NAME/3 is a button of its own.
    """

    name: str
    kind: Kind
    help: str
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    needed: bool = False
    index: bool = False

    @cached_property
    def spec(self) -> ParameterSpec:
        """What checks a value, at every door: `spec.check` raises ValueError with one sentence."""
        least = "" if self.kind is Kind.TEXT else self.minimum or 0
        return ParameterSpec(
            name=self.name, osc=self.name, kind=self.kind, default=least, help=self.help,
            minimum=self.minimum, maximum=self.maximum, unit=self.unit,
        )  # fmt: skip

    def check(self, value: object) -> Value:
        """The value if it is accepted; ValueError with one sentence if not."""
        return self.spec.check(value)


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action: its name, `/bridge/NAME` over OSC, and what it does, in one sentence. It may take
    an argument. One that `waits` may wait for a disk; of those that come meanwhile only the newest
    is done, unless `each` counts.
    """

    name: str
    help: str
    argument: Argument | None = None
    waits: bool = False
    each: bool = False

    def told(self) -> dict[str, Any]:
        """As the schema has it."""
        argument = asdict(self.argument) if self.argument else None
        return {"name": self.name, "help": self.help, "argument": argument}


TARGET = Argument(
    name="target", kind=Kind.TEXT, help="A parameter, or an action with its value: look 3.",
    needed=True,
)  # fmt: skip
CUE = Argument(
    name="number", kind=Kind.FLOAT, help="The cue's number, such as 3 or 3.5.",
    minimum=0.001, maximum=9999, needed=True,
)  # fmt: skip
BLIND_FADE = Argument(
    name="fade", kind=Kind.FLOAT, help="Time to fade to it; by default as `look_fade` says.",
    minimum=0, maximum=60, unit="s",
)  # fmt: skip
LOOK = Argument(
    name="number", kind=Kind.INT, help="The look's number.", minimum=1, maximum=999, index=True
)
ACTIONS = (
    ActionSpec("reset", "Restart the stream: the pipeline forgets its past frames."),
    ActionSpec("reload", "Reload the pipeline.", waits=True),
    ActionSpec(
        "kill_engine", "Kill the engine worker: the one being prepared, else the one that runs."
    ),
    ActionSpec("panic", "Fade to black and hold: black and freeze on."),
    ActionSpec("live", "Back to live: black, freeze and bypass off."),
    ActionSpec("ref/snap", "Use the current input frame as the reference.", waits=True),
    ActionSpec(
        "look",
        "Recall a look; the numbers and the prompt fade.",
        replace(LOOK, needed=True),
        waits=True,
    ),
    ActionSpec(
        "look/save",
        "Save the current look, under this number or the next free one.",
        LOOK,
        waits=True,
        each=True,
    ),
    ActionSpec("go", "Show the next cue, once it is ready."),
    ActionSpec("cue", "Show the cue of this number, once it is ready.", CUE),
    ActionSpec("cue/back", "Show the cue before the one shown last, once it is ready."),
    ActionSpec("cue/cancel", "Let a cue that waits not go, nor the next one by itself."),
    ActionSpec(
        "blind", "Edit the next look of the pipeline that runs without touching the output."
    ),
    ActionSpec("blind/take", "Show the look that was edited blind.", BLIND_FADE, waits=True),
    ActionSpec("blind/discard", "Drop the look that was edited blind."),
    ActionSpec(
        "defaults",
        "Reset all parameters to their defaults, except black, freeze, bypass and record.",
        waits=True,
    ),
    ActionSpec(
        "undo",
        "Take back the last step: what one hand changed without a rest, or a switch.",
        waits=True,
        each=True,
    ),
    ActionSpec("redo", "Make the step again that was taken back last.", waits=True, each=True),
    ActionSpec("tap", "A beat is now; several set the tempo."),
    ActionSpec(
        "beat",
        "A beat is now: the one of this number in its bar.",
        Argument(
            name="number",
            kind=Kind.INT,
            help="The beat's number in its bar.",
            minimum=1,
            maximum=4,
            needed=True,
        ),
    ),
    ActionSpec("learn", "Let the next MIDI control that moves within 10 s move this.", TARGET),
    ActionSpec("learn/cancel", "Stop waiting for a MIDI control."),
    ActionSpec(
        "learn/forget", "No MIDI control moves this any more.", TARGET, waits=True, each=True
    ),
)

# What else follows /bridge/ in OSC: commands with an argument, queries, and replies.
COMMANDS = frozenset({
    "pipeline", *ROLES, "download", "ping", "query", "subscribe", "unsubscribe", "who",
    "error", "pong", "state",
})  # fmt: skip
