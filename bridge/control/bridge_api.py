"""What a control surface may see and do; the session is one, a test's double another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bridge.downloads.inventory import Weights
from bridge.frames.frame import Frame
from bridge.state.inputs import Role
from bridge.state.status import Counters, Status
from bridge.state.store import ParameterStore
from bridge.transports import Offer


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happens once when asked for: what it does in a sentence, and the doing."""

    help: str
    run: Callable[[], None]


class BridgeApi(Protocol):
    """Any thread may call any method; none waits for the engine."""

    @property
    def store(self) -> ParameterStore:
        """The parameters."""
        ...

    @property
    def actions(self) -> Mapping[str, Action]:
        """The actions by name."""
        ...

    @property
    def counters(self) -> Counters:
        """Where a surface counts what it received."""
        ...

    @property
    def assets(self) -> Path:
        """The folder of reference images."""
        ...

    @property
    def weights(self) -> Weights:
        """What the pipelines are loaded from, and its downloads."""
        ...

    def status(self) -> Status:
        """Everything there is to tell, now."""
        ...

    def pipelines(self) -> Sequence[Mapping[str, Any]]:
        """One `{id, title, active, missing, parameters: [names], load: [names]}` per pipeline."""
        ...

    def switch(self, pipeline: str, load: Mapping[str, object] | None = None) -> None:
        """Begin to change to another pipeline; the output goes on meanwhile.

        Raises LookupError for an unknown pipeline, ParameterError for a bad load value and
        MissingWeights where files are not here; what goes wrong later stands in
        `status().error`, and the old pipeline stays.
        """
        ...

    def offers(self) -> Sequence[Offer]:
        """The senders and devices that there are to receive from now."""
        ...

    def set_source(self, uri: str, role: Role = "source") -> None:
        """Receive from another source from now on, as the input, or as the control video or mask
        beside it, for which `none` is none. Raises TransportError for what is no URI, and where the
        pipeline takes no such input; what cannot be opened stands in `status().error`, and the
        source before it goes on.
        """
        ...

    def latest_frame(self, side: str) -> Frame | None:
        """The newest frame of one of `SIDES`; None when there was never one, and of a control video
        or mask when there is to be none.
        """
        ...
