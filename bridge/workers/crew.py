"""Crew: the workers that there are, with the feeder of each: the one that is shown, the one that
comes, the fallback's, and those that end. `bridge/workers/host.py` decides which there are to be.
"""

import logging
from collections.abc import Callable, Mapping
from time import perf_counter

from bridge.state.status import EngineState
from bridge.workers.client import News, WorkerClient, WorkerConfig
from bridge.workers.feeder import Feeder
from bridge.workers.machine import Machine
from engine.parameters import Value

log = logging.getLogger(__name__)

GRACE = 5.0  # seconds after which a worker that does not even die is waited for no longer


class Crew:
    """The host's thread calls all methods but `trouble`, which any may call; who is there may be
    read by any.
    """

    def __init__(
        self,
        machine: Machine,
        values: Callable[[], tuple[int, Mapping[str, Value]]],
        feed: Callable[[WorkerClient], Feeder],
    ) -> None:
        """`machine` runs them; `values` gives the newest parameter snapshot: its number and all
        values by name; `feed` begins to answer what one asks for.
        """
        self.current: WorkerClient | None = None  # whose pictures are shown
        self.coming: WorkerClient | None = None  # which is to take its place
        self.spare: WorkerClient | None = None  # the fallback's
        self._machine = machine
        self._values = values
        self._feed = feed
        self._feeders: dict[WorkerClient, Feeder] = {}
        self._ending: dict[WorkerClient, float] = {}  # when each was told to end

    @property
    def all(self) -> list[WorkerClient]:
        """Those that are not ending."""
        return [link for link in (self.current, self.coming, self.spare) if link]

    def start(
        self, orders: WorkerConfig, heard: Callable[[WorkerClient, News], None]
    ) -> WorkerClient:
        """A new worker, which is in no place yet; as `Machine.start`."""
        link = self._machine.start(orders, heard, *self._values())
        self._feeders[link] = self._feed(link)
        log.info("engine worker %d starts with %s", link.pid, orders.row.id)
        return link

    def change_over(self) -> None:
        """What was coming is shown now, and what was shown ends: the new one first."""
        old, self.current, self.coming = self.current, self.coming, None
        if old:
            self._retire(old)

    def end_current(self) -> None:
        """Nothing is shown until what is to come is there: the old one first, for lack of room."""
        old, self.current = self.current, None
        if old:
            self._retire(old)

    def end_coming(self) -> None:
        """What was coming is not wanted any more."""
        given_up, self.coming = self.coming, None
        if given_up:
            self._retire(given_up)

    def end_spare(self) -> None:
        """The fallback is not wanted any more."""
        spare, self.spare = self.spare, None
        if spare:
            self._retire(spare)

    def is_gone(self, link: WorkerClient) -> bool:
        """Of a worker that is there no more: whether it was still wanted, which it then keeps the
        place for that it had.
        """
        self._ending.pop(link, None)
        if feeder := self._feeders.pop(link, None):
            feeder.stop()
        return link in self.all

    def crowded(self) -> bool:
        """Whether a worker is still ending."""
        now = perf_counter()
        for link, told in list(self._ending.items()):
            if link.gone or now - told > GRACE:
                del self._ending[link]
        return bool(self._ending)

    def trouble(self, link: WorkerClient | None) -> str:
        """Why a worker is fed otherwise than asked, or not at all, in a sentence; else empty."""
        feeder = self._feeders.get(link) if link else None
        return feeder.trouble if feeder else ""

    def end(self) -> None:
        """Tell all to end."""
        for link in self.all:
            self._retire(link)

    def kill(self) -> None:
        """End by force who is still there; when the host's thread has ended."""
        for link in (*self.all, *list(self._ending)):
            if not link.join(0.2):
                link.kill()
                link.join(1)

    def _retire(self, link: WorkerClient) -> None:
        if feeder := self._feeders.pop(link, None):
            feeder.stop()
        self._ending[link] = perf_counter()
        link.stop()
        if not link.loaded and link.state is not EngineState.RUNNING:
            link.kill()  # it hears nothing while it loads, and nobody saw anything of it
