"""Standby: what the next cue needs, loaded aside by a worker that is not shown.

It makes its first blocks from the newest input with the cue's own values, which loads what they
name; then it is READY: its feeder begins no further block, and its stream is reset, so that the
first block that is shown begins at once and anew. What it did before is not counted and not shown.

A cue with the load of the shown worker needs no other: that one prepares its prompts and references
while it makes blocks.

Only one worker at a time is loaded beside the shown one: what is requested to be shown goes first,
and the standby is loaded again afterwards. If it dies, another is started as `breaker.py` decides;
its deaths do not count for the shown worker.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from bridge.state.status import EngineState, Readiness, StandbyTold
from bridge.workers.breaker import RETRY, Breaker
from bridge.workers.client import Block, News, WorkerClient, WorkerConfig
from bridge.workers.crew import Crew
from engine.ipc.messages import BlockMade
from engine.ipc.segments import RingError
from engine.parameters import Value

log = logging.getLogger(__name__)

LOOK = 5.0  # seconds between checks whether there is room beside the shown worker now
UNFED = 0.5  # seconds after which a loaded worker without any input counts as ready


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the next cue needs: a worker, and the values of its first block over those of now.
    `lack` is why it cannot be loaded, in a sentence, empty if it can.
    """

    orders: WorkerConfig
    values: Mapping[str, Value]
    lack: str = ""


class Standby:
    """The host's thread calls all methods but `heard`, which the worker's reading thread calls;
    attributes may be read from any thread.
    """

    def __init__(
        self,
        crew: Crew,
        settle: float,
        values: Callable[[], tuple[int, Mapping[str, Value]]],
        lacks_room: Callable[[WorkerConfig], str],
        heard: Callable[[WorkerClient, News], None],
    ) -> None:
        """`values` returns the newest parameter snapshot: number and values by name; `lacks_room`
        why a worker does not fit beside the others now, in a sentence, empty if it does; `heard`
        receives the news of the worker. One that runs for `settle` seconds clears the count of
        deaths.
        """
        self.wanted: Prepared | None = None  # by any thread
        self._crew = crew
        self._settle = settle
        self._values = values
        self._lacks_room = lacks_room
        self._heard = heard
        self._breaker = Breaker(settle)
        self._died = False  # the breaker decides when the next one starts
        self._minded: Prepared | None = None  # what was wanted at the last look
        self._asked: tuple[WorkerClient, Prepared] | None = None  # who prepares what is shown by it
        self._why = ""  # why none is loaded, or why the last one ended; a sentence
        self._no_room = False  # beside the shown worker
        self._look_at = 0.0
        self._lock = threading.Lock()
        self._held = False  # it is ready, and no further block begins
        self._blocks = 1  # that it must still make until it is ready

    def has(self, orders: WorkerConfig) -> bool:
        """Whether its worker would run exactly this."""
        link = self._crew.standby
        return link is not None and not link.gone and link.orders == orders

    def give(self, number: int, values: Mapping[str, Value]) -> None:
        """Give its worker a new parameter snapshot, with the cue's values. Any thread."""
        if link := self._crew.standby:
            link.set_parameters(number, self._over(values))

    def mind(self, now: float, shown: WorkerConfig | None, busy: str, waits: str) -> None:
        """Start and end its worker while `shown` runs. `busy` says why none may be there now,
        `waits` why none may be started now, each in a sentence or empty.
        """
        wanted, link = self.wanted, self._crew.standby
        self._notice(wanted)
        if self._asked and self._asked[1].orders != shown:
            self._asked = None  # it runs another pipeline meanwhile
        if link and (busy or wanted is None or link.orders != wanted.orders):
            self.end()
        elif wanted is None or busy:
            pass
        elif self._needless(wanted, shown):
            self.end()
            self._ask_shown(wanted)
        elif link:
            if self._held and link.reshapes:
                self._prepare(link)
            if link.state is EngineState.RUNNING:
                self._breaker.runs(now - link.running_since)
        elif not (waits or wanted.lack) and self._is_due(now) and not self._crew.crowded():
            self._begin(wanted, now)

    def take(self) -> WorkerClient | None:
        """Its worker, which is the coming one now: it makes blocks again."""
        link = self._crew.take_standby()
        if link:
            self._forget()
            self._crew.release(link)
        return link

    def end(self) -> None:
        """End its worker, if there is one."""
        if self._crew.standby:
            self._crew.end_standby()
            self._forget()
            self._look_at = 0.0

    def bar(self, why: str) -> None:
        """The shown worker needs the memory: end the standby, and load none for a while."""
        self.end()
        self._why, self._no_room = why, True
        self._look_at = perf_counter() + RETRY

    def ended(self, link: WorkerClient, *, spared: bool) -> None:
        """Its worker is gone by itself; one that is `spared` tried something for the first time."""
        log.warning("Standby: %s", link.why())
        self._crew.standby = None
        self._forget()
        if spared:
            self._died = True
            self._breaker.dismissed(link.started, perf_counter())
        else:
            self._failed(f"{link.row.id} could not be loaded: {link.why()}")

    def told(self, shown: WorkerConfig | None, busy: str, waits: str) -> StandbyTold:
        """How it is doing; the arguments are as in `mind`. Any thread."""
        wanted, link = self.wanted, self._crew.standby
        if wanted is None:
            return StandbyTold()
        row = wanted.orders.row
        if not busy and self._needless(wanted, shown):
            return self._told_by_shown(wanted)
        if link is None or link.gone or link.orders != wanted.orders:
            why = wanted.lack or busy or waits or self._why or f"{row.id} is about to be loaded."
            in_place = self._no_room and self._minded == wanted and not (wanted.lack or busy)
            return StandbyTold(Readiness.NOT_READY, why, in_place=in_place)
        if self._minded == wanted and self._ready(link):
            return StandbyTold(Readiness.READY, f"{row.id} is loaded and warm.")
        phase, part = link.progress
        what = f": {phase}" if phase else ""
        doing = "is warming up" if link.loaded else "is loading"
        return StandbyTold(Readiness.LOADING, f"{row.id} {doing}{what}.", part)

    def heard(self, link: WorkerClient, news: News) -> None:
        """News of its worker, in its reading thread; also of those that stood by once."""
        if not isinstance(news, BlockMade) or link is not self._crew.standby:
            return
        # Its blocks do not follow one another: there is no pace to remember, and nobody shows them.
        link.block = Block(frames=link.block.frames, seconds=link.block.seconds)
        if ring := link.ring:
            ring.skip(ring.waiting)
        if not news.frames or news.report.get("arriving") or news.report.get("fade_left"):
            return
        with self._lock:
            if link is not self._crew.standby:
                return  # taken or ended meanwhile: the next one's blocks are counted
            self._blocks -= 1
            if self._blocks > 0 or self._held:
                return
            self._held = True
            self._crew.hold(link)
        link.reset()

    def _notice(self, wanted: Prepared | None) -> None:
        """Act on what was wanted meanwhile: other values of the same load are prepared by the
        worker that is there.
        """
        before, self._minded = self._minded, wanted
        if wanted == before:
            return
        if wanted is None or before is None or wanted.orders != before.orders:
            self._breaker, self._died, self._look_at = Breaker(self._settle), False, 0.0
            self._why, self._no_room = "", False
        elif link := self._crew.standby:
            self.give(*self._values())
            self._prepare(link)

    def _prepare(self, link: WorkerClient) -> None:
        """Have it make blocks with its newest values until it is ready again."""
        with self._lock:
            # A block that is being made now began with the values before.
            self._blocks, self._held = (1 if self._held else 2), False
        self._crew.release(link)

    def _ask_shown(self, wanted: Prepared) -> None:
        """Have the shown worker prepare what the cue needs, once."""
        link = self._crew.current
        if link and not wanted.orders.row.direct and self._asked != (link, wanted):
            link.prepare(self._over(self._values()[1]))
            self._asked = link, wanted

    def _told_by_shown(self, wanted: Prepared) -> StandbyTold:
        """How the shown worker is doing with a cue that needs no other."""
        row, link = wanted.orders.row, self._crew.current
        if row.direct or link is None or _unfed(link):
            return StandbyTold(Readiness.READY, f"{row.id} needs no other worker.")
        if link.state is not EngineState.RUNNING:
            why = f"{row.id}, which is shown, does not run yet."
            return StandbyTold(Readiness.NOT_READY, why, in_place=True)
        answer = link.prepared if self._asked == (link, wanted) else None
        if answer and answer.problem:
            return StandbyTold(Readiness.NOT_READY, answer.problem, in_place=True)
        if answer and answer.ready:
            return StandbyTold(Readiness.READY, f"{row.id} has its prompts and references.")
        return StandbyTold(Readiness.LOADING, f"{row.id} is preparing its prompts and references.")

    def _needless(self, wanted: Prepared, shown: WorkerConfig | None) -> bool:
        """Whether the cue needs no worker beside the shown one."""
        return wanted.orders.row.direct or wanted.orders == shown

    def _over(self, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """The values with the cue's over them. Nothing fades before it is shown."""
        wanted = self.wanted
        if wanted is None:
            return values
        over = {**values, **wanted.values}
        return {**over, "fade": 0.0} if "fade" in over else over

    def _ready(self, link: WorkerClient) -> bool:
        """Whether it would give a block at once, or at the first frame of an input."""
        return self._held or (_unfed(link) and perf_counter() - link.started > UNFED)

    def _is_due(self, now: float) -> bool:
        return now >= self._look_at and (not self._died or self._breaker.due(now))

    def _begin(self, wanted: Prepared, now: float) -> None:
        if why := self._lacks_room(wanted.orders):
            self._why, self._no_room, self._look_at = why, True, now + LOOK
            return
        self._no_room = False
        self._breaker.starting()
        try:
            self._crew.start_standby(wanted.orders, self._heard, self._over)
        except (OSError, RingError) as error:
            self._failed(f"The engine worker could not be started: {error}")
            return
        self._breaker.started()

    def _failed(self, why: str) -> None:
        self._died, self._why = True, why
        self._breaker.died(perf_counter())

    def _forget(self) -> None:
        with self._lock:
            self._held, self._blocks = False, 1


def _unfed(link: WorkerClient) -> bool:
    """Whether a worker is loaded and has no input to make a block from."""
    return link.loaded and link.inbox.newest is None
