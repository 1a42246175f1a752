"""The live inputs beside the first, both optional: control video and mask."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import sleep

import numpy as np

from bridge.frames.frame import Frame
from bridge.frames.history import History
from bridge.playout.receive import Receiving
from bridge.state.inputs import GUIDES, NONE, Guide, named
from bridge.transports import Source
from bridge.transports.base import TransportBase
from bridge.workers.client import UNGUIDED, Guided

GREY = Frame(np.full((64, 64, 4), 128, np.uint8), 0.0, 0)  # a control video without content


class GuideInput(Receiving):
    """One of them: received like the input, and held when lost."""

    nothing = NONE

    def __init__(self, role: Guide, uri: str, open_: Callable[[str], Source]) -> None:
        """`uri` is the first one, if any."""
        super().__init__(f"receive {role}", uri or NONE, self._opened, self._keep)
        self.role: Guide = role
        self._open_named = open_
        self._history = History()

    def set_source(self, uri: str, attached: Callable[[], None]) -> None:
        """Switch to another source, or to none; see `Receiving.set_source`."""
        if named(uri):
            super().set_source(uri, attached)
        else:
            self._wish_for(NONE, partial(self._forgotten, attached))

    def at(self, times: Sequence[float], late: float) -> list[Frame]:
        """The frames received at those times; see `History.at`."""
        return self._history.at(times, late) if self.asked else []

    @property
    def asked(self) -> bool:
        """Whether it is in use or coming."""
        return self.wanted != NONE

    @property
    def wanted(self) -> str:
        """The URI in use, or if none yet, the coming one; `none` for none."""
        coming = self._coming
        return coming.uri if coming and self.uri == NONE else super().wanted

    @property
    def status(self) -> str:
        """The URI and the transport's status; empty for none."""
        if self.uri == NONE:
            return f"{self.wanted} · opening" if self.asked else ""
        return super().status

    @property
    def condition(self) -> str:
        """Its condition, as in `Status.control_input`."""
        if self.uri == NONE:
            return "opening" if self.asked else NONE
        return super().condition

    @property
    def trouble(self) -> str:
        """What is wrong with it, in sentences; empty if all is well."""
        then = "its last frame is held" if self.newest else "it has no effect until its first frame"
        if problem := self.problem:
            return f"The {self.role} cannot be received: {problem} I{then[1:]}."
        if self.condition != "waiting":
            return ""
        if self.heard:
            return f"The {self.role} {self.wanted} is lost; {then}."
        then = "the last frame of the previous one is held" if self.newest else then
        return f"The {self.role} {self.wanted} has sent no frame yet; {then}."

    def _opened(self, uri: str) -> Source:
        return Nothing() if uri == NONE else self._open_named(uri)

    def _keep(self, frame: Frame) -> None:
        self._history.put(frame)

    def _forgotten(self, attached: Callable[[], None]) -> None:
        """Drop the held frame: there will be none."""
        self.newest, self._history = None, History()
        attached()


class Nothing(TransportBase):
    """The source of an unused live input."""

    status = ""

    def receive(self, timeout: float) -> Frame | None:
        """No frame, after `timeout`."""
        sleep(timeout)
        return None


class GuideInputs:
    """Both. Any thread may ask."""

    def __init__(
        self,
        first: Mapping[Guide, str],
        open_: Callable[[Guide, str], Source],
        period: Callable[[], float],
    ) -> None:
        """`first` has the URIs to start with; `period` returns the seconds between frames of the
        input.
        """
        self._period = period
        self._of = {role: GuideInput(role, first[role], partial(open_, role)) for role in GUIDES}
        self._control, self._mask = self.each = self._of["control"], self._of["mask"]

    def __getitem__(self, role: Guide) -> GuideInput:
        return self._of[role]

    def beside(self, times: Sequence[float], fed: bool) -> Guided:
        """The guide frames for frames of those times: each the nearest one received, at most one
        period later. If frames are `fed`, grey stands in for a control video before its first one:
        the input does not replace it.
        """
        late = self._period()
        control = self._control.at(times, late)
        if self._control.asked and not control:
            return Guided(control=[GREY] * len(times)) if fed else UNGUIDED
        return Guided(control=control, mask=self._mask.at(times, late))
