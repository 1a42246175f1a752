"""Crew: the current workers with their feeders: the one shown, the one coming or standing by, the
fallback's, and those that are ending. `bridge/workers/host.py` decides which should run.
"""

import logging
from collections.abc import Callable, Mapping
from time import perf_counter

from bridge.state.status import EngineState
from bridge.workers.client import News, WorkerClient, WorkerConfig
from bridge.workers.direct import Direct
from bridge.workers.feeder import Feeder
from bridge.workers.machine import Machine
from engine.parameters import Value

log = logging.getLogger(__name__)

LEAVE = 0.8  # seconds for all to leave; a relay tells its server, which ends its engine
GRACE = 5.0  # seconds to wait for a killed worker to disappear


class Crew:
    """The host's thread calls all methods but `trouble` and `hold`, which any thread may call;
    attributes may be read from any thread.
    """

    def __init__(
        self,
        machine: Machine,
        values: Callable[[], tuple[int, Mapping[str, Value]]],
        feed: Callable[[WorkerClient], Feeder],
    ) -> None:
        """`machine` runs the workers; `values` returns the newest parameter snapshot: number and
        values by name; `feed` starts answering a worker's requests.
        """
        self.current: WorkerClient | None = None  # the one shown
        self.coming: WorkerClient | None = None  # its replacement
        self.standby: WorkerClient | None = None  # the next cue's
        self.spare: WorkerClient | None = None  # the fallback's
        self._machine = machine
        self._values = values
        self._feed = feed
        self._feeders: dict[WorkerClient, Feeder] = {}
        self._ending: dict[WorkerClient, float] = {}  # when each was asked to end

    @property
    def all(self) -> list[WorkerClient]:
        """All that are not ending."""
        each = self.current, self.coming, self.standby, self.spare
        return [link for link in each if link]

    def start(
        self,
        orders: WorkerConfig,
        heard: Callable[[WorkerClient, News], None],
        over: Callable[[Mapping[str, Value]], Mapping[str, Value]] = lambda values: values,
    ) -> WorkerClient:
        """Start a worker without a role yet; as `Machine.start`. It gets the values that `over`
        makes of the newest.
        """
        number, values = self._values()
        link = self._machine.start(orders, heard, number, over(values))
        if isinstance(link, Direct):
            log.info("the bridge itself passes frames on for %s", orders.row.id)
            return link
        self._feeders[link] = self._feed(link)
        log.info("engine worker %d starts with %s", link.pid, orders.row.id)
        return link

    def start_standby(
        self,
        orders: WorkerConfig,
        heard: Callable[[WorkerClient, News], None],
        over: Callable[[Mapping[str, Value]], Mapping[str, Value]],
    ) -> None:
        """Start the next cue's worker; as `start`."""
        self.standby = self.start(orders, heard, over)

    def take_standby(self) -> WorkerClient | None:
        """Make the next cue's worker the coming one, and return it."""
        self.coming, self.standby = self.standby, None
        return self.coming

    def hold(self, link: WorkerClient) -> None:
        """Let a worker begin no further block: none if called with its news of a block."""
        if feeder := self._feeders.get(link):
            feeder.hold()

    def release(self, link: WorkerClient) -> None:
        """Let it begin blocks again."""
        if feeder := self._feeders.get(link):
            feeder.release()

    def change_over(self) -> None:
        """Show the coming worker and end the current one, in this order."""
        old, self.current, self.coming = self.current, self.coming, None
        if old:
            self._retire(old)

    def end_current(self) -> None:
        """End the current worker before its replacement is ready, for lack of memory."""
        old, self.current = self.current, None
        if old:
            self._retire(old)

    def end_coming(self) -> None:
        """End the coming worker, which is no longer needed."""
        given_up, self.coming = self.coming, None
        if given_up:
            self._retire(given_up)

    def end_standby(self) -> None:
        """End the next cue's worker, which must make room or is no longer needed."""
        standby, self.standby = self.standby, None
        if standby:
            self._retire(standby)

    def end_spare(self) -> None:
        """End the fallback's worker, which is no longer needed."""
        spare, self.spare = self.spare, None
        if spare:
            self._retire(spare)

    def is_gone(self, link: WorkerClient) -> bool:
        """Whether a worker that has ended was still wanted; if so, it keeps its role."""
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
        """Why a worker is not fed as requested, or not at all, in a sentence; else empty."""
        feeder = self._feeders.get(link) if link else None
        return feeder.trouble if feeder else ""

    def end(self) -> None:
        """Ask all to end, and give them a moment: on Linux a process ends with the thread that has
        started it, which is the host's.
        """
        for link in self.all:
            self._retire(link)
        until = perf_counter() + LEAVE
        for link in list(self._ending):
            link.join(max(0.0, until - perf_counter()))

    def kill(self) -> None:
        """Kill those still running, once the host's thread has ended."""
        for link in (*self.all, *list(self._ending)):
            if not link.join(0.2):
                link.kill()
                link.join(1)

    def _retire(self, link: WorkerClient) -> None:
        if feeder := self._feeders.pop(link, None):
            feeder.stop()
        self._ending[link] = perf_counter()
        link.stop()
        if not link.loaded and link.state is not EngineState.RUNNING and not link.is_relay:
            link.kill()  # it reads no messages while loading, and none of its frames were shown
