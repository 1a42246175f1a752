"""The bridge as control surfaces see it; implemented by the session and by test doubles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bridge.control.midi.control import Midi
from bridge.downloads.weights import Weights
from bridge.frames.frame import Frame
from bridge.show.control import ShowControl
from bridge.state.actions import Argument
from bridge.state.inputs import Role
from bridge.state.status import Counters, Status
from bridge.state.store import ParameterStore
from bridge.transports import Offer
from engine.parameters import Value


@dataclass(frozen=True, slots=True)
class Action:
    """A one-shot action: its help sentence and the function that runs it, with the checked value of
    its argument, if one was given. It may answer with a value, such as the number of what it made;
    it raises ActionError if it cannot do it now. `waits` and `each` as in `ActionSpec`.
    """

    help: str
    run: Callable[..., Value | None]
    argument: Argument | None = None
    waits: bool = field(default=False, kw_only=True)
    each: bool = field(default=False, kw_only=True)

    def takes(self, *given: object) -> tuple[Value, ...]:
        """What to run it with; ValueError with one sentence for a value that it does not take, or
        without one that it needs.
        """
        if not given:
            if self.argument and self.argument.needed:
                spec = self.argument.spec
                raise ValueError(f"The {spec.name} is missing: {spec.accepts}.")
            return ()
        if self.argument is None:
            raise ValueError("This action takes no value.")
        return (self.argument.check(given[0]),)


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
        """Counters for what a surface receives."""
        ...

    @property
    def assets(self) -> Path:
        """The folder of reference images."""
        ...

    @property
    def weights(self) -> Weights:
        """The pipelines' weights and their downloads."""
        ...

    @property
    def show(self) -> ShowControl:
        """What a performer prepares: looks, and which parameters they leave alone."""
        ...

    @property
    def midi(self) -> Midi:
        """MIDI ports, and which of their controls move what."""
        ...

    def status(self) -> Status:
        """The complete current state."""
        ...

    def pipelines(self) -> Sequence[Mapping[str, Any]]:
        """One `{id, title, active, missing, parameters: [names], load: [names]}` per pipeline."""
        ...

    def switch(self, pipeline: str, load: Mapping[str, object] | None = None) -> None:
        """Start switching to another pipeline; the output keeps running meanwhile.

        Raises LookupError for an unknown pipeline, ParameterError for a bad load value and
        MissingWeights for missing files; later failures are reported in `status().error`, and the
        old pipeline stays.
        """
        ...

    def offers(self) -> Sequence[Offer]:
        """The senders and devices available now."""
        ...

    def set_source(self, uri: str, role: Role = "source") -> None:
        """Switch the source of the input, or of the control video or mask beside it; `none` ends
        those two. Raises TransportError for an invalid URI, or if the pipeline takes no such input;
        a source that cannot be opened is reported in `status().error`, and the previous one stays.
        """
        ...

    def latest_frame(self, side: str) -> Frame | None:
        """The newest frame of one of `SIDES`; None before the first one, and for a control video
        or mask that is not set.
        """
        ...
