"""The live inputs beside the first, either of which may be none: control video and mask."""

import threading
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from bridge.frames.frame import Frame
from bridge.frames.history import History
from bridge.playout.receive import Receiving
from bridge.state.inputs import GUIDES, NONE, Guide, named
from bridge.transports import Source, check_source
from bridge.workers.client import UNGUIDED, Guided

GREY = Frame(np.full((64, 64, 4), 128, np.uint8), 0.0, 0)  # a control video that says nothing


class GuideInput:
    """One of them: received as the input is, and held when it is lost. Any thread may ask."""

    def __init__(self, role: Guide, open_: Callable[[str], Source]) -> None:
        self.role: Guide = role
        self._open = open_
        self._receiving: Receiving | None = None
        self._history = History()
        self._choosing = threading.Lock()

    def start(self, uri: str, attached: Callable[[], None], *, again: bool) -> None:
        """Begin with a URI, or with none; one that was in use before, `again`, is waited for where
        it cannot be had.
        """
        if named(uri):
            self._history = history = History()
            self._receiving = Receiving(f"receive {self.role}", uri, self._open, history.put)
            self._receiving.start(uri if again else "", attached)

    def check(self, until: float) -> None:
        """Wait for it, at most until `until`; TransportError where it cannot be had."""
        if self._receiving:
            self._receiving.check(until)

    def set_source(self, uri: str, attached: Callable[[], None]) -> None:
        """Receive from another source from now on, or from none; see `Receiving.set_source`."""
        if named(uri):
            check_source(uri)
        with self._choosing:
            receiving = self._receiving
            if receiving and named(uri):
                receiving.set_source(uri, attached)
                return
            if receiving:
                self._receiving = None
                receiving.stop()
            self.start(uri, attached, again=True)
        attached()

    def stop(self) -> None:
        """Begin to end."""
        if self._receiving:
            self._receiving.stop()

    def join(self) -> None:
        """Wait for the end."""
        if self._receiving:
            self._receiving.join()

    def at(self, times: Sequence[float], late: float) -> list[Frame]:
        """What came with pictures of those times; see `History.at`."""
        return self._history.at(times, late) if self._receiving else []

    @property
    def asked(self) -> bool:
        """Whether there is to be one."""
        return self._receiving is not None

    @property
    def newest(self) -> Frame | None:
        """The newest picture; None before the first."""
        return self._receiving.newest if self._receiving else None

    @property
    def wanted(self) -> str:
        """The URI of what is in use, or to be; `none` for none."""
        return self._receiving.wanted if self._receiving else NONE

    @property
    def status(self) -> str:
        """The URI and what its transport says; empty for none."""
        return self._receiving.status if self._receiving else ""

    @property
    def condition(self) -> str:
        """How it stands, as `Status.control_input` has it."""
        return self._receiving.condition if self._receiving else NONE

    @property
    def stuck(self) -> int:
        """How many sources were left behind in calls that have not returned."""
        return self._receiving.stuck if self._receiving else 0

    @property
    def trouble(self) -> str:
        """What is wrong with it, in sentences; empty when all is well."""
        receiving = self._receiving
        if receiving is None:
            return ""
        then = (
            "its last picture is held" if receiving.newest else "it steers nothing before its first"
        )
        if problem := receiving.problem:
            return f"The {self.role} fails, {then}: {problem}"
        if receiving.condition != "waiting":
            return ""
        lost = "is lost" if receiving.newest else "has given no picture yet"
        return f"The {self.role} {receiving.wanted} {lost}; {then}."


class GuideInputs:
    """Both. `period` gives the seconds between the input's pictures."""

    def __init__(self, open_: Callable[[Guide, str], Source], period: Callable[[], float]) -> None:
        self._period = period
        self._of = {role: GuideInput(role, partial(open_, role)) for role in GUIDES}
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
