"""The actions: what a button triggers. The session binds each to its function.

When an OSC message presses one: `triggered` in `bridge/control/osc/routes.py`.
"""

from dataclasses import dataclass

from bridge.state.inputs import ROLES


class ActionError(ValueError):
    """An action has nothing to act on now; one sentence."""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action: its name, `/bridge/NAME` over OSC, and what it does, in one sentence."""

    name: str
    help: str


ACTIONS = (
    ActionSpec("reset", "Restart the stream: the pipeline forgets its past frames."),
    ActionSpec("reload", "Reload the pipeline."),
    ActionSpec(
        "kill_engine", "Kill the engine worker: the one being prepared, else the one that runs."
    ),
    ActionSpec("panic", "Fade to black and hold: black and freeze on."),
    ActionSpec("live", "Back to live: black, freeze and bypass off."),
    ActionSpec("ref/snap", "Use the current input frame as the reference."),
    ActionSpec("defaults", "Reset all parameters to their defaults."),
)

# What else follows /bridge/ in OSC: commands with an argument, queries, and replies.
COMMANDS = frozenset({
    "pipeline", *ROLES, "download", "ping", "query", "subscribe", "unsubscribe",
    "error", "pong", "state",
})  # fmt: skip
