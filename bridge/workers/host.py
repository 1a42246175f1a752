"""EngineHost: starts, watches, restarts and switches engine workers.

One thread, the host's, decides, and writes all that is here but the wishes of others. What workers
say reaches it as events; of what other threads ask for only the newest wish is kept. At any time
one worker of its `Crew` (`crew.py`) is `current` (its pictures are shown), one may be `coming`, and
one may be ending: no other is started before that is gone. Whether one that died is started again
says `breaker.py`, whether two have room `machine.py`, what is told to be wrong `troubles.py`. One
that hangs is ended by its own watchdog (`engine/worker/watchdog.py`); where that cannot, by the
host, for its silence.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.state.status import Counters, EngineState
from bridge.system.loops import explained, repeat
from bridge.workers.breaker import DEATHS, Breaker
from bridge.workers.client import (
    Guided,
    News,
    SwapDone,
    SwapFailed,
    WorkerClient,
    WorkerConfig,
    WorkerGone,
)
from bridge.workers.crew import Crew
from bridge.workers.feeder import Feeder
from bridge.workers.machine import Machine
from bridge.workers.rollback import Rollback
from bridge.workers.troubles import Troubles
from engine.catalog.rows import PipelineRow
from engine.ipc.messages import BlockMade, BlockUnusable, brief
from engine.ipc.segments import RingError
from engine.parameters import Load, Value

log = logging.getLogger(__name__)

TELL = 3.0  # seconds without a block from which on it is said what is waited for
TICK = 0.05  # seconds between looks at the clock
HANG = 3.0  # seconds without a picture until a worker is ended, or five blocks' time if longer
SOUND = (EngineState.RUNNING, EngineState.WARMUP)
SPARE_RETRY = 5.0  # seconds until the fallback's worker is started again when it died
QUIET = 0.25  # seconds without another wish until one takes the place of a worker that is coming


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be shown next: `anew`, in a worker of its own, whatever the current one can do."""

    orders: WorkerConfig
    anew: bool
    at: float


class EngineHost:
    """What is asked of it returns at once; `state`, `reason` and `error` tell how it goes."""

    def __init__(
        self,
        settings: Settings,
        machine: Machine,
        counters: Counters,
        values: Callable[[], tuple[int, Mapping[str, Value]]],
        newest_input: Callable[[], Frame | None],
        has_input: Callable[[], bool],
        guides: Callable[[Sequence[float], bool], Guided],
        changed_over: Callable[[], None],
    ) -> None:
        """`machine` runs the workers; `values` gives the newest parameter snapshot: its number and
        all values by name; `changed_over` is called when another pipeline is shown; `has_input`
        says whether what `newest_input` gives is somebody's; `guides` gives what belongs to
        pictures of some times; see `Feeder`.
        """
        self._changed_over = changed_over
        self._guides = guides
        self._newest_input = newest_input
        self._has_input = has_input
        self._settings = settings
        self._machine = machine
        self._counters = counters
        self._values = values
        self._events: queue.SimpleQueue[tuple[WorkerClient, News] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="engine host", daemon=True)
        self._breaker = Breaker(settings.settle_s)
        self._troubles = Troubles(settings.settle_s)
        self._wish: Wish | None = None
        self._wishing = threading.Lock()
        self._crew = Crew(machine, values, self._fed)
        self._before: WorkerConfig | None = None  # what ended to make room for what is coming
        self._rolled_back = False
        self._stopping = threading.Event()
        self._spare_wanted: WorkerConfig | None = None
        self._spare_at = 0.0  # from when on it may be started
        self.spare_trouble = ""  # what the fallback's last worker ended of
        self.rollback: Rollback | None = None  # what takes back a change that does no good
        self.restarts = 0
        # told, by the host's thread, what could not be loaded and what runs instead
        self.kept: Callable[[WorkerConfig, WorkerConfig], None] = lambda failed, runs: None

    # What others ask for; any thread.

    def start(self, row: PipelineRow, load: Load, lacking: str = "") -> None:
        """Start the first worker; or none, and say so, where it would lack something."""
        self._troubles.refuse(lacking)  # whose thread does not run yet
        self._thread.start()
        if not lacking:
            self.switch(row, load)

    def stop(self, timeout: float = 1.5) -> None:
        """End all workers; those that do not end by themselves in time are killed."""
        self._stopping.set()
        self._events.put(None)
        self._thread.join(timeout)
        self._crew.kill()

    def switch(self, row: PipelineRow, load: Load) -> None:
        """Change to another pipeline, or to the same one built anew."""
        self._ask(lambda: self.orders(row, load), anew=False)

    def reload(self) -> None:
        """Build the pipeline anew; after a breaker this is the way back."""
        self._ask(lambda: self.aim, anew=True)

    def _ask(self, orders: Callable[[], WorkerConfig | None], *, anew: bool) -> None:
        """Take the place of an older wish; `orders` gives None where there is nothing to ask for.

        What is built anew is what was asked for, when that is still to come.
        """
        with self._wishing:
            asleep = self._wish is None
            if (wanted := orders()) is not None:
                self._wish = Wish(wanted, anew, perf_counter())
        if asleep:
            self._events.put(None)

    def want_spare(self, orders: WorkerConfig | None) -> None:
        """Run another worker beside the shown one for as long as this is asked; `spare` is it."""
        self._spare_wanted = orders

    def reset(self) -> None:
        """Let the pipeline forget the past of its stream."""
        for link in self.links:
            link.reset()

    def kill(self) -> None:
        """End the worker as a crash would; it is replaced."""
        if self.current:
            self.current.kill(asked=True)

    def set_parameters(self, number: int, values: Mapping[str, Value]) -> None:
        """Hand a new parameter snapshot to the workers. Never waits."""
        for link in self.links:
            link.set_parameters(number, values)

    def orders(self, row: PipelineRow, load: Load) -> WorkerConfig:
        """What a worker of a pipeline is started with."""
        chosen = self._settings.hang_s
        hang_s = HANG if chosen is None else chosen
        return WorkerConfig(row=row, load=load, hang_s=hang_s, load_s=self._settings.load_s)

    # What others may know; any thread.

    @property
    def current(self) -> WorkerClient | None:
        """The worker whose pictures are shown."""
        return self._crew.current

    @property
    def coming(self) -> WorkerClient | None:
        """The worker that is to take its place."""
        return self._crew.coming

    @property
    def spare(self) -> WorkerClient | None:
        """The fallback's worker."""
        return self._crew.spare

    @property
    def links(self) -> list[WorkerClient]:
        """The workers there are."""
        return self._crew.all

    @property
    def breaker_open(self) -> bool:
        """Whether the worker has died so often that it is not started again for a while."""
        return self._breaker.open

    @property
    def aim(self) -> WorkerConfig | None:
        """What is shown when all that was asked for has come; None where there is nothing."""
        wish, coming, current = self._wish, self.coming, self.current
        if wish or coming:
            return wish.orders if wish else coming.orders if coming else None
        return (current.swapping or current.orders) if current else self._before

    @property
    def state(self) -> EngineState:
        """Where the engine stands."""
        link = self.current
        if self.breaker_open:
            return EngineState.FAILED
        if link is None:
            coming = EngineState.LOADING if self._wish else EngineState.IDLE
            coming = self.coming.state if self.coming else coming
            return EngineState.WARMUP if coming is EngineState.RUNNING else coming
        if link.state is EngineState.RUNNING:
            return EngineState.DEGRADED if link.degraded else EngineState.RUNNING
        return EngineState.RESTARTING if self.restarts else link.state

    @property
    def loading(self) -> WorkerConfig | None:
        """What is on its way to be shown."""
        coming, current, wish = self.coming, self.current, self._wish
        if coming or (current and current.swapping):
            return coming.orders if coming else current.swapping if current else None
        return wish.orders if wish else None

    @property
    def progress(self) -> tuple[str, float]:
        """What is being loaded, and the part of it that is done; nothing and 1 for nothing."""
        current = self.current
        link = self.coming or (current if current and current.swapping else None)
        return link.progress if link else ("", 1.0)

    @property
    def refused(self) -> str:
        """What was asked for and could not be; see `Troubles`."""
        return self._troubles.refused

    @property
    def trouble(self) -> str:
        """What went wrong by itself; see `Troubles`."""
        return self._troubles.trouble

    @property
    def error(self) -> str:
        """What is wrong, in one sentence; empty when all is well."""
        return self.refused or self.trouble or self.unfed

    @property
    def unfed(self) -> str:
        """Why blocks are made otherwise than asked for, or not at all; empty when they are."""
        link = self.current or self.coming
        short = next((link.short for link in self.links if link.short), "")
        return self._crew.trouble(link) or short

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        link = self.current
        if self.breaker_open:
            return (
                f"The engine died {DEATHS} times in a row; use reload, or it is tried each minute."
            )
        if link and link.degraded:
            return link.degraded
        if link and link.state is EngineState.WARMUP and link.inbox.newest is None:
            return "The engine is ready and waits for a picture."
        if loading := self.loading:
            return f"{loading.row.id} is being loaded."
        waits = perf_counter() - link.block.ended if link and link.block.made else 0.0
        if link and waits > TELL and link.limit >= link.orders.load_s:
            return (
                f"The first block of another size, steps or inputs has taken {waits:.0f} s so far, "
                f"of {link.limit:.0f} s that it may; `kill_engine` ends it."
            )
        return brief(str(link.report.get("notice", ""))) if link else ""

    def told(self) -> dict[str, Any]:
        """Its part of `Status`, but for what is wrong."""
        link, loading = self.current, self.loading
        phase, progress = self.progress
        return {
            "state": self.state,
            "reason": self.reason,
            "pipeline": link.row.id if link else "",
            "loading": loading.row.id if loading else "",
            "progress": progress,
            "phase": phase,
            "restarts": self.restarts,
            "dropped_input": link.inbox.dropped if link else 0,
            "engine_size": "x".join(map(str, link.size)) if link and link.size else "",
            "worker": link.pid if link and not link.gone else 0,
            "notes": link.report if link else {},
        }

    # A worker's listening thread, of each worker its own.

    def _heard(self, link: WorkerClient, news: News) -> None:
        """All news of a worker; those that lead to something are events for the host's thread."""
        if self.rollback:
            self.rollback.heard(link, news)
        if isinstance(news, BlockMade):  # as it comes: rates are of moments, and take any thread
            for _ in range(news.frames):
                self._counters.engine_rate.tick()
            self._counters.block_time.add(news.seconds)
        if isinstance(news, BlockMade | BlockUnusable | SwapDone | SwapFailed | WorkerGone):
            self._events.put((link, news))

    def _heard_spare(self, link: WorkerClient, news: News) -> None:
        """The same for the fallback's worker, whose pictures and troubles do not count."""
        if isinstance(news, WorkerGone):
            self._events.put((link, news))

    # The host's own thread.

    def _run(self) -> None:
        repeat(self._step, self._stopping, self._stumbled, TICK)
        self._crew.end()

    def _step(self) -> None:
        with contextlib.suppress(queue.Empty):
            if event := self._events.get(timeout=TICK):
                self._decide(*event)
        self._seed()
        self._look()
        self._advance()

    def _stumbled(self, error: Exception) -> None:
        self._note_trouble(explained(error, RingError))

    def _note_trouble(self, text: str) -> None:
        self._troubles.note(text, perf_counter())

    def _decide(self, link: WorkerClient, news: News) -> None:
        """What news of a worker lead to; of a block that was made it is enough that it came."""
        match news:
            case WorkerGone(loading=loading):
                self._ended(link, loading)
            case BlockUnusable(text=text):
                self._counters.bad_blocks += 1
                self._note_trouble(text)
            case SwapDone(runs=runs):
                link.end_swap(runs)
                self._swapped()
            case SwapFailed(failed=failed, text=text):
                link.end_swap(failed)
                self._troubles.refuse(text)
                self._kept(failed, link.orders)
            case _:
                pass

    def _fed(self, link: WorkerClient) -> Feeder:
        """Who answers what a new worker asks for."""
        return Feeder(
            link, lambda: str(self._values()[1].get("size", "auto")), self._settings.fit,
            lambda: self._counters.input_rate.value, self._has_input,
            lambda: float(self._values()[1].get("max_fps", 0.0)), self._guides,
        )  # fmt: skip

    def _advance(self) -> None:
        """Begin what was asked for last: in the current worker where it is of the family and need
        not be built anew, else beside it where memory allows, else in its place.

        Wishes may come faster than workers start. So what is coming goes on until the wishes have
        rested for a moment, and who has to go is gone before another comes.
        """
        wish, old = self._wish, self.current
        if wish is None:
            return
        if old and not wish.anew and _takes_in(old, wish.orders.row):
            self._crew.end_coming()
            if old.swapping != wish.orders:
                old.swap(wish.orders)
            self._granted(wish)
        elif self.coming and self.coming.orders == wish.orders and not wish.anew:
            self._granted(wish)
        elif self.coming:
            if perf_counter() - wish.at > QUIET:
                self._crew.end_coming()
        elif not self._crew.crowded():
            if old and self._too_big(wish.orders):
                self._before = old.orders
                self._crew.end_current()
                return
            self._crew.coming = self._try(wish.orders)
            self._seed()
            self._granted(wish)

    def _granted(self, wish: Wish) -> None:
        """A wish is being fulfilled, which also ends what there was of deaths."""
        self._breaker.reset()
        with self._wishing:
            if self._wish is wish:  # else a newer one is to come
                self._wish = None

    def _too_big(self, orders: WorkerConfig) -> bool:
        """Whether a worker does not fit beside the one there is."""
        size = str(self._values()[1].get("size", "auto"))
        return not self._machine.fit_beside(orders.row, orders.load, size).fits

    def _try(self, orders: WorkerConfig) -> WorkerClient | None:
        try:
            return self._crew.start(orders, self._heard)
        except (OSError, RingError) as error:
            self._troubles.refuse(f"The engine worker could not be started: {error}")
            return None

    def _seed(self) -> None:
        """Give a new worker the newest picture, for a still sender has nothing else to give, and
        the values that came while it was started and nobody knew of it.
        """
        number, values = self._values()
        for link in self.links:
            if link.parameters_number < number:
                link.set_parameters(number, values)
        newest = self._newest_input()
        for link in self.links:
            if newest and link.inbox.newest is None:
                link.inbox.put(newest)

    def _look(self) -> None:
        """What time brings: a worker that is warm, one that is silent, one that is due again."""
        now = perf_counter()
        if self.coming and _warm(self.coming):
            self._change_over()
        for link in self.links:
            if link.silent() and self._settings.engine == "process":
                link.error = "The engine worker gave no sign of life and was ended."
                link.kill()
        link = self.current
        running = link is not None and link.state is EngineState.RUNNING
        if link and running and self._breaker.runs(now - link.running_since):
            self._troubles.runs_well(now, loading=self.loading is not None)
        if link and self._breaker.due(now) and not self._crew.crowded():
            self._revive(link)
        self._mind_spare(now)

    def _mind_spare(self, now: float) -> None:
        """Start and end the fallback's worker."""
        wanted, link = self._spare_wanted, self.spare
        if link and wanted is None:
            self._crew.end_spare()
        elif wanted and link is None and now >= self._spare_at and not self._crew.crowded():
            try:
                self._crew.spare = self._crew.start(wanted, self._heard_spare)
            except (OSError, RingError) as error:
                self._spare_ended(str(error))

    def _spare_ended(self, why: str) -> None:
        self._crew.spare, self.spare_trouble = None, why
        self._spare_at = perf_counter() + SPARE_RETRY

    def _change_over(self) -> None:
        self._crew.change_over()
        if not self._rolled_back:
            self._troubles.succeeded()
        self._before, self._rolled_back = None, False
        self._changed_over()

    def _swapped(self) -> None:
        """Another pipeline runs in the current worker."""
        self._troubles.succeeded()
        self._changed_over()

    def _ended(self, link: WorkerClient, loading: WorkerConfig | None) -> None:
        """A worker is gone, whatever the reason; `loading` is what it was to run instead."""
        if not self._crew.is_gone(link):
            return  # it was to go
        if link is self.spare:
            self._spare_ended(link.why())
            return
        if loading:
            self._troubles.refuse(f"{loading.row.id} could not be loaded: {link.why()}")
        if link.swapping and link.swapping is not loading:
            link.orders = link.swapping  # asked for, and not what the worker died of
        link.swapping = None
        if link is self.coming and self.current:
            self._crew.coming = None
            self._troubles.refuse(f"{link.row.id} could not be loaded: {link.why()}")
            log.error(self.refused)
            self._kept(link.orders, self.current.orders)
        elif link is self.coming and self._before:
            self._troubles.refuse(f"{link.row.id} could not be loaded: {link.why()}")
            orders, self._before, self._rolled_back = self._before, None, True
            self._kept(link.orders, orders)
            self._crew.coming = self._try(orders)
            self._seed()
        elif link is self.coming:
            self._crew.current, self._crew.coming = link, None
            self._died(link)
        elif link is self.current:
            self._died(link)

    def _kept(self, failed: WorkerConfig, runs: WorkerConfig) -> None:
        """What was asked for could not be loaded, and what was loaded before holds, unless
        something newer was asked for meanwhile.
        """
        if self._wish is None:
            self.kept(failed, runs)

    def _died(self, link: WorkerClient) -> None:
        """The shown pipeline's worker died: the breaker says when it is replaced."""
        now = perf_counter()
        self._note_trouble(link.why())
        self.restarts += 1
        if link.asked_to_die:
            self._breaker.dismissed(link.started, now)
            log.info(self.trouble)
            return
        self._breaker.died(now)
        words = " | ".join(list(link.log)[-30:]) or "none"
        log.error("%s Its last words: %s", self.trouble, words)

    def _revive(self, link: WorkerClient) -> None:
        self._breaker.starting()
        fresh = self._try(link.orders)
        if fresh is None:
            self._breaker.died(perf_counter())
            return
        self._breaker.started()
        self._crew.current = fresh
        self._seed()


def _warm(link: WorkerClient) -> bool:
    """Whether a worker has shown what it can, or has nothing to show it on."""
    if link.state is EngineState.RUNNING:
        return True
    return link.loaded and link.inbox.newest is None and perf_counter() - link.started > 0.5


def _takes_in(link: WorkerClient, row: PipelineRow) -> bool:
    """Whether a worker can put a pipeline in place of its own."""
    able = link.state in SOUND or link.swapping is not None  # the newest comes after what is begun
    return bool(row.family) and row.family == link.row.family and able
