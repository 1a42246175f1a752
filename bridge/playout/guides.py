"""The live inputs beside the first, either of which may be none: control video and mask."""

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

GREY = Frame(np.full((64, 64, 4), 128, np.uint8), 0.0, 0)  # a control video that says nothing


class GuideInput(Receiving):
    """One of them: received as the input is, and held when it is lost."""

    nothing = NONE

    def __init__(self, role: Guide, uri: str, open_: Callable[[str], Source]) -> None:
        """`uri` is the one to begin with, if any."""
        super().__init__(f"receive {role}", uri or NONE, self._opened, self._keep)
        self.role: Guide = role
        self._open_named = open_
        self._history = History()

    def set_source(self, uri: str, attached: Callable[[], None]) -> None:
        """Receive from another source from now on, or from none; see `Receiving.set_source`."""
        if named(uri):
            super().set_source(uri, attached)
        else:
            self._wish_for(NONE, partial(self._forgotten, attached))

    def at(self, times: Sequence[float], late: float) -> list[Frame]:
        """What came with pictures of those times; see `History.at`."""
        return self._history.at(times, late) if self.asked else []

    @property
    def asked(self) -> bool:
        """Whether there is to be one."""
        return self.wanted != NONE

    @property
    def wanted(self) -> str:
        """The URI of what is in use or, where nothing is, of what is to be; `none` for none."""
        coming = self._coming
        return coming.uri if coming and self.uri == NONE else super().wanted

    @property
    def status(self) -> str:
        """The URI and what its transport says; empty for none."""
        if self.uri == NONE:
            return f"{self.wanted} · opening" if self.asked else ""
        return super().status

    @property
    def condition(self) -> str:
        """How it stands, as `Status.control_input` has it."""
        if self.uri == NONE:
            return "opening" if self.asked else NONE
        return super().condition

    @property
    def trouble(self) -> str:
        """What is wrong with it, in sentences; empty when all is well."""
        then = "its last picture is held" if self.newest else "it steers nothing before its first"
        if problem := self.problem:
            return f"The {self.role} fails, {then}: {problem}"
        if self.condition != "waiting":
            return ""
        lost = "is lost" if self.newest else "has given no picture yet"
        return f"The {self.role} {self.wanted} {lost}; {then}."

    def _opened(self, uri: str) -> Source:
        return Nothing() if uri == NONE else self._open_named(uri)

    def _keep(self, frame: Frame) -> None:
        self._history.put(frame)

    def _forgotten(self, attached: Callable[[], None]) -> None:
        """What was held goes: there is to be none."""
        self.newest, self._history = None, History()
        attached()


class Nothing(TransportBase):
    """The source of an input that there is none of."""

    status = ""

    def receive(self, timeout: float) -> Frame | None:
        """No frame, after that time."""
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
        """`first` has the URIs to begin with; `period` gives the seconds between the input's
        pictures.
        """
        self._period = period
        self._of = {role: GuideInput(role, first[role], partial(open_, role)) for role in GUIDES}
        self._control, self._mask = self.each = self._of["control"], self._of["mask"]

    def __getitem__(self, role: Guide) -> GuideInput:
        return self._of[role]

    def beside(self, times: Sequence[float], fed: bool) -> Guided:
        """What belongs to pictures of those times, each the nearest that came, and not more than a
        period later. Where pictures are `fed`, grey stands in for a control video before its
        first: they do not take its place.
        """
        late = self._period()
        control = self._control.at(times, late)
        if self._control.asked and not control:
            return Guided(control=[GREY] * len(times)) if fed else UNGUIDED
        return Guided(control=control, mask=self._mask.at(times, late))
