"""The actions: what happens once when a button is pressed. The session binds what each one does."""

from dataclasses import dataclass

from bridge.state.inputs import ROLES


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action by its name, `/bridge/NAME` over OSC, and what it does in a sentence."""

    name: str
    help: str


ACTIONS = (
    ActionSpec("reset", "Let the pipeline forget the past of its stream."),
    ActionSpec("reload", "Build the pipeline anew."),
    ActionSpec("kill_engine", "Kill the engine worker, to see that the output goes on."),
    ActionSpec("panic", "Black, and hold what comes after: black and freeze on."),
    ActionSpec("live", "Back to the live picture: black, freeze and bypass off."),
    ActionSpec("ref/snap", "Take the present picture of the input as the reference."),
    ActionSpec("defaults", "All parameters back to their defaults."),
)

# What else follows /bridge/ in OSC: commands with an argument, questions, and what is told.
COMMANDS = frozenset({
    "pipeline", *ROLES, "download", "ping", "query", "subscribe", "unsubscribe",
    "error", "pong", "state",
})  # fmt: skip
