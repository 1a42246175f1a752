"""EngineHost: starts, watches, restarts and switches engine workers.

One thread, the host's, makes all decisions and writes all attributes; other threads only leave
requests. Messages of workers reach it as events; of requests only the newest is kept. At any time
one worker of its `Crew` (`crew.py`) is `current` (shown), one may be `coming`, and one may be
ending: no other starts before that is gone. `breaker.py` decides whether a dead one restarts,
`machine.py` whether two fit into memory, `troubles.py` which errors are reported. A hanging worker
is ended by its own watchdog (`engine/worker/watchdog.py`); if that fails, by the host, for its
silence.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.state.actions import ActionError
from bridge.state.status import Counters, EngineState, Readiness, StandbyTold
from bridge.system.loops import explained, repeat
from bridge.workers.breaker import DEATHS, Breaker
from bridge.workers.client import (
    IDLE,
    Guided,
    News,
    SwapDone,
    SwapFailed,
    WorkerClient,
    WorkerConfig,
    WorkerGone,
    not_loaded,
)
from bridge.workers.crew import Crew
from bridge.workers.direct import Direct
from bridge.workers.feeder import Feeder
from bridge.workers.machine import Machine
from bridge.workers.rollback import Rollback
from bridge.workers.standby import Prepared, Standby
from bridge.workers.troubles import Troubles
from engine.catalog.rows import PipelineRow
from engine.ipc.messages import BlockMade, BlockUnusable, Exit, FrameMade, brief
from engine.ipc.segments import RingError
from engine.parameters import Load, Value

log = logging.getLogger(__name__)

TELL = 3.0  # seconds without a block until the reason for waiting is shown
CALM = 60.0  # seconds until a way to end the first block after a change is mentioned
TICK = 0.05  # seconds between checks of the clock
HANG = 3.0  # seconds without a frame until a worker is ended, or five blocks' time if longer
SOUND = (EngineState.RUNNING, EngineState.WARMUP)
SPARE_RETRY = 5.0  # seconds until the fallback's worker is restarted after its death
MOST_TRIED = 12  # deaths of workers that tried something, between two requests
QUIET = 0.25  # seconds without a new request until a coming worker is replaced


@dataclass(frozen=True, slots=True)
class Wish:
    """What to show next; with `anew` in a new worker, whatever the current one can do."""

    orders: WorkerConfig
    anew: bool
    at: float


@dataclass(frozen=True, slots=True)
class Unloadable:
    """What could not be loaded, and why, in a sentence. `bad_file` says that a file cannot be used;
    `blames` are the load parameters that name such files, each with its sentence. `broken` says why
    a package cannot be imported, as in `WorkerClient.broken`.
    """

    orders: WorkerConfig
    why: str
    bad_file: bool = False
    blames: Mapping[str, str] = field(default_factory=dict[str, str])
    broken: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, link: WorkerClient) -> "Unloadable":
        """What a worker that has ended could not load."""
        bad, broken = link.code == Exit.FILE, link.broken
        return cls(link.orders, link.why(), bad, {} if broken else link.blames, broken)

    @property
    def lasting(self) -> bool:
        """Whether it would only fail again."""
        return self.bad_file or bool(self.broken)


class EngineHost:
    """All methods return at once; `state`, `reason` and `error` report progress."""

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
        """`machine` runs the workers; `values` returns the newest parameter snapshot: number and
        values by name; `changed_over` is called when another pipeline is shown; `has_input` tells
        whether `newest_input` comes from a real source; `guides` returns what belongs to frames of
        some times; see `Feeder`.
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
        self._standby = Standby(
            self._crew, settings.settle_s, values, self._lacks_room, self._heard_standby
        )
        self._taken: WorkerClient | None = None  # it stood by; shown with its first new frame
        self._takes = 0  # threads that set values for what a switch brings
        self._pinned: WorkerClient | None = None  # shown until then, with the values of before
        self._asked_at = 0.0  # when what was taken was requested
        self.took = 0.0  # seconds from the last request of what stood by to its first frame
        self._before: WorkerConfig | None = None  # what ended to make room for the coming one
        self._rolled_back = False
        self._tried: set[tuple[str, str]] = set()  # pipelines with what workers died of trying
        self._stopping = threading.Event()
        self._spare_wanted: WorkerConfig | None = None
        self._spare_at = 0.0  # earliest time to start it
        self.spare_trouble = ""  # why the fallback's last worker ended
        self.rollback: Rollback | None = None  # undoes a change that fails
        self.restarts = 0
        # Called by the host's thread: with what could not be loaded and what runs instead; and
        # where nothing runs, for what to load instead, None to try the same again.
        self.kept: Callable[[Unloadable, WorkerConfig], None] = lambda failed, runs: None
        self.instead: Callable[[Unloadable], WorkerConfig | None] = lambda failed: None
        # Called in a worker's reading thread when a frame of it can be shown.
        self.arrived: Callable[[], None] = lambda: None

    # Requests; any thread.

    def start(self, row: PipelineRow, load: Load, lacking: str = "") -> None:
        """Start the first worker; if something is `lacking`, start none and report that."""
        self._troubles.refuse(lacking)  # whose thread does not run yet
        self._thread.start()
        if not lacking:
            self.switch(row, load)

    def stop(self, timeout: float = 1.5) -> None:
        """End all workers; those that do not end in time are killed."""
        self._stopping.set()
        self._events.put(None)
        self._thread.join(timeout)
        self._crew.kill()

    def switch(self, row: PipelineRow, load: Load) -> None:
        """Switch to another pipeline, or reload the current one."""
        self._ask(lambda: self.orders(row, load), anew=False)

    def reload(self) -> None:
        """Reload the pipeline; also recovers from an open breaker."""
        self._ask(lambda: self.aim, anew=True)

    def _ask(self, orders: Callable[[], WorkerConfig | None], *, anew: bool) -> None:
        """Replace an older request; `orders` returns None if there is nothing to do.

        With `anew`, a pending request is what gets reloaded.
        """
        with self._wishing:
            asleep = self._wish is None
            if (wanted := orders()) is not None:
                self._wish = Wish(wanted, anew, perf_counter())
        if asleep:
            self._events.put(None)

    def want_spare(self, orders: WorkerConfig | None) -> None:
        """Run a second worker, `spare`, beside the shown one while this is requested."""
        self._spare_wanted = orders

    def want_standby(self, wanted: Prepared | None) -> None:
        """Have this ready from now on, to be shown at once by a switch to it; None for nothing."""
        self._standby.wanted = wanted
        self._events.put(None)

    @contextlib.contextmanager
    def taking(self) -> Generator[None]:
        """What is set in this context is for what a switch in it brings, if that stands by: the
        shown worker keeps its values until then.
        """
        ready = self._crew.standby is not None and self.standby.state is Readiness.READY
        with self._wishing:
            self._takes += 1
            if ready:
                self._pinned = self.current
        try:
            yield
        finally:
            with self._wishing:
                self._takes -= 1
            self._events.put(None)

    def reset(self) -> None:
        """Make the pipeline forget its stream's history."""
        for link in self.links:
            link.reset()

    def kill(self) -> None:
        """Kill a worker as a crash would: the coming one, else the current one, never one that
        stands by. What is shown continues or is restarted. ActionError if there is none.
        """
        links = [link for link in (self.coming, self.current) if link]
        for link in links:
            if not isinstance(link, Direct):
                link.kill(asked=True)
                return
        why = f": {links[-1].row.id} needs none" if links else ""
        raise ActionError(f"No engine runs{why}.")

    def set_parameters(self, number: int, values: Mapping[str, Value]) -> None:
        """Hand a new parameter snapshot to the workers. Never waits."""
        for link in self.links:
            self._give(link, number, values)

    def _give(self, link: WorkerClient, number: int, values: Mapping[str, Value]) -> None:
        if link is self._crew.standby:
            self._standby.give(number, values)
        elif link is not self._pinned:
            link.set_parameters(number, values)

    def orders(self, row: PipelineRow, load: Load) -> WorkerConfig:
        """The start configuration for a pipeline."""
        chosen = self._settings.hang_s
        hang_s = HANG if chosen is None else chosen
        return WorkerConfig(row=row, load=load, hang_s=hang_s, load_s=self._settings.load_s)

    # State; any thread.

    @property
    def current(self) -> WorkerClient | None:
        """The worker being shown."""
        return self._crew.current

    @property
    def coming(self) -> WorkerClient | None:
        """Its replacement."""
        return self._crew.coming

    @property
    def spare(self) -> WorkerClient | None:
        """The fallback's worker."""
        return self._crew.spare

    @property
    def aside(self) -> WorkerClient | None:
        """The next cue's worker."""
        return self._crew.standby

    @property
    def links(self) -> list[WorkerClient]:
        """All workers."""
        return self._crew.all

    @property
    def breaker_open(self) -> bool:
        """Whether the worker has died so often that restarts are paused."""
        return self._breaker.open

    @property
    def aim(self) -> WorkerConfig | None:
        """What is shown once all requests are done; None for nothing."""
        wish, coming, current = self._wish, self.coming, self.current
        if wish or coming:
            return wish.orders if wish else coming.orders if coming else None
        return (current.swapping or current.orders) if current else self._before

    @property
    def state(self) -> EngineState:
        """The engine's state."""
        link = self.current
        if self.breaker_open:
            return EngineState.FAILED
        if self._line:
            return EngineState.RECONNECTING
        if link is None:
            link = self.coming
            state = link.state if link else EngineState.IDLE
            if state is EngineState.IDLE and (link or self._wish):  # one that died is replaced
                return EngineState.LOADING
            return EngineState.WARMUP if state is EngineState.RUNNING else state
        if link.state is EngineState.RUNNING:
            return EngineState.DEGRADED if link.degraded else EngineState.RUNNING
        return EngineState.RESTARTING if self.restarts else link.state

    @property
    def loading(self) -> WorkerConfig | None:
        """What is being loaded to be shown."""
        coming, current, wish = self.coming, self.current, self._wish
        if coming or (current and current.swapping):
            return coming.orders if coming else current.swapping if current else None
        return wish.orders if wish else None

    @property
    def progress(self) -> tuple[str, float]:
        """What is being loaded or warmed up, and the fraction done; nothing and 1 when idle."""
        link = self.coming or self.current
        return link.progress if link and link.state is not EngineState.IDLE else IDLE

    @property
    def refused(self) -> str:
        """The last failed request; see `Troubles`."""
        return self._troubles.refused

    @property
    def trouble(self) -> str:
        """The last failure without a request; see `Troubles`."""
        return self._troubles.trouble

    @property
    def error(self) -> str:
        """What is wrong, in one sentence; empty if all is well."""
        return self.refused or self.trouble or self.unfed

    @property
    def lowered(self) -> str:
        """What workers died of trying, and what is used instead, in a sentence; told for a while
        once that runs.
        """
        link, lost = self.coming or self.current, self._troubles.lost
        if link is None or not lost:
            return ""
        if link.gone:
            now = "is restarting"
        elif link.tried:
            now = f"now {'tries' if link.trying else 'runs'} {link.tried}"
        else:
            now = "now uses a slower way"
        return f"The engine worker died while trying {', then '.join(lost)}; {link.row.id} {now}."

    @property
    def unfed(self) -> str:
        """Why blocks are not made as requested, or not at all; empty if they are."""
        link = self.current or self.coming
        shown = (link for link in self.links if link is not self._crew.standby)
        short = next((link.short for link in shown if link.short), "")
        return self._crew.trouble(link) or short

    @property
    def standby(self) -> StandbyTold:
        """How what the next cue needs is doing."""
        link = self.current
        return self._standby.told(link.orders if link else None, self._busy, self._waits)

    @property
    def _busy(self) -> str:
        """Why no worker may stand by now, in a sentence; empty if one may."""
        wish, link = self._wish, self.current
        if wish and not wish.anew and self._standby.has(wish.orders):
            return ""
        if loading := self.loading:
            return f"{loading.row.id} is loaded first."
        if link and (changed := link.reshapes) and "size" in changed.names:
            return f"{link.row.id}, which is shown, changes its size first."
        return ""

    @property
    def _waits(self) -> str:
        """Why no worker may be started to stand by, in a sentence; empty if one may."""
        link = self.current
        if link is None or link.state in SOUND or self.breaker_open:
            return ""
        return f"{link.row.id}, which is shown, is restarted first."

    @property
    def reason(self) -> str:
        """The reason for the state, in one sentence."""
        link = self.current
        if self.breaker_open:
            return (
                f"The engine died {DEATHS} times in a row; use reload, or wait for the next retry."
            )
        if self._line:
            return self._line
        if link and (told := link.note or link.degraded):
            return told
        if warming := self._warming:
            return warming
        if first := self._first_block:
            return first
        if link and link.state is EngineState.WARMUP and link.inbox.newest is None:
            who = link.row.id if isinstance(link, Direct) else "The engine is ready and"
            return f"{who} waits for a frame."
        if (coming := self.coming) and coming.line:
            return coming.line
        if loading := self.loading or (link and link.state is EngineState.LOADING and link.orders):
            return f"{loading.row.id} is loading."
        if link and link.state is not EngineState.RUNNING:
            what = "is restarting" if link.gone else "is warming up"
            return f"{link.row.id} {what}."
        return brief(str(link.report.get("notice", ""))) if link else ""

    @property
    def _line(self) -> str:
        """Why the machine with the shown worker cannot be reached, in a sentence; else empty."""
        link = self.current or self.coming
        return link.line if link and not link.gone else ""

    @property
    def _warming(self) -> str:
        """What the next block waits for, in a sentence; empty if nothing was reported."""
        link = self.coming or self.current
        phase, loads = self.progress[0], EngineState.LOADING
        warms = link and link.state is not loads and not link.swapping
        return f"{link.row.id} is warming up: {phase}." if link and warms and phase else ""

    @property
    def _first_block(self) -> str:
        """How long the first block of a shape has taken, in a sentence; empty if none is made."""
        link = self.coming or self.current
        seconds = _first_takes(link) if link else 0.0
        begins = link and link.state is EngineState.WARMUP
        if link is None or not seconds or (seconds <= TELL and not begins):
            return ""
        what, cure = f"{link.row.id} makes its first block", "; `kill_engine` ends it"
        if seconds <= TELL:
            return f"{what}."
        if begins:
            return (
                f"The first block of {link.row.id} has taken {seconds:.0f} s of at most "
                f"{link.limit:.0f} s{cure}."
            )
        changed = link.reshapes
        after = " and ".join(changed.names) if changed else "inputs"
        seconds = perf_counter() - changed.time if changed else seconds
        cure = cure if seconds > CALM else ""
        return (
            f"{what} after a change of {after}: {seconds:.0f} s so far, "
            f"at most {link.limit:.0f} s{cure}."
        )

    def told(self) -> dict[str, Any]:
        """Its part of `Status`, without the errors."""
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
            "take_time": round(self.took * 1e3, 1),
            "dropped_input": link.inbox.dropped if link else 0,
            "engine_size": "x".join(map(str, link.size)) if link and link.size else "",
            "device": link.device if link else "",
            "worker": link.pid if link and not link.gone else 0,
            "notes": link.report if link else {},
        }

    # Called in each worker's own reading thread.

    def _heard(self, link: WorkerClient, news: News) -> None:
        """All news of a worker; those with consequences become events for the host's thread."""
        if isinstance(news, FrameMade):
            self.arrived()
            if link is self._taken:
                self._events.put(None)  # shown from now on
            return
        if self.rollback:
            self.rollback.heard(link, news)
        if isinstance(news, BlockMade):  # at once: rates depend on the moment; any thread
            self._counters.engine_rate.tick(count=news.frames)
            self._counters.block_time.add(news.seconds)
            self.arrived()  # the next block is expected from now on: other frames may be due
        if isinstance(news, BlockMade | BlockUnusable | SwapDone | SwapFailed | WorkerGone):
            self._events.put((link, news))

    def _heard_spare(self, link: WorkerClient, news: News) -> None:
        """The same for the fallback's worker, whose frames and errors do not count."""
        if isinstance(news, FrameMade):
            self.arrived()
        if isinstance(news, WorkerGone):
            self._events.put((link, news))

    def _heard_standby(self, link: WorkerClient, news: News) -> None:
        """The same for one that stands by, until it is taken."""
        if link in (self.coming, self.current):
            self._heard(link, news)
            return
        self._standby.heard(link, news)
        if isinstance(news, BlockMade | WorkerGone):
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
        if self._degraded:
            self._standby.end()
        link = self.current
        self._standby.mind(perf_counter(), link.orders if link else None, self._busy, self._waits)
        self._unpin()

    def _stumbled(self, error: Exception) -> None:
        self._note_trouble(explained(error, RingError))

    def _note_trouble(self, text: str) -> None:
        self._troubles.note(text, perf_counter())

    def _decide(self, link: WorkerClient, news: News) -> None:
        """Act on a worker's news; of a block, only that it came matters."""
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
                self._kept(Unloadable(failed, text), link.orders)
            case _:
                pass

    def _fed(self, link: WorkerClient) -> Feeder:
        """The feeder of a new worker."""
        return Feeder(
            link, lambda: str(self._values()[1].get("size", "auto")), self._settings.fit,
            lambda: self._counters.input_rate.value, self._has_input,
            lambda: float(self._values()[1].get("max_fps", 0.0)), self._guides,
            self._settings.output_fps,
        )  # fmt: skip

    def _advance(self) -> None:
        """Start the newest request: in the current worker if it is of the same family and needs no
        reload, else beside it if memory allows, else in its place.

        Requests may come faster than workers start. So the coming worker keeps loading until
        requests have paused for a moment, and a worker that must go is gone before another starts.
        """
        wish, old = self._wish, self.current
        if wish is None:
            return
        if not wish.anew and self._standby.has(wish.orders):
            self._take(wish)
            return
        self._standby.end()
        if old and not wish.anew and _takes_in(old, wish.orders.row):
            self._crew.end_coming()
            if self._crew.crowded():  # by what takes memory
                return
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

    def _take(self, wish: Wish) -> None:
        """Show what stands by with its first new frame."""
        self._taken, self._asked_at = self._standby.take(), wish.at
        if self._taken:
            self._taken.set_parameters(*self._values())  # of a cue no longer
        self._granted(wish)

    def _unpin(self) -> None:
        """Give the shown worker the newest values again: nothing was taken, or it has failed."""
        self._taken = self._taken if self._taken is self.coming else None
        with self._wishing:
            if self._takes == 0 and self._wish is None and self._taken is None:
                self._pinned = None

    def _lacks_room(self, orders: WorkerConfig) -> str:
        """Why a worker does not fit beside the current ones, in a sentence; empty if it does."""
        if link := self._degraded:
            return f"{link.row.id}, which is shown, has too little memory itself."
        size = str(self._values()[1].get("size", "auto"))
        fit = self._machine.fit_beside(orders.row, orders.load, size)
        beside = f" beside {self.current.row.id}" if self.current else ""
        return "" if fit.fits else f"No room{beside}: {fit.told(orders.row.id)}."

    @property
    def _degraded(self) -> WorkerClient | None:
        """The shown worker if it ran out of memory."""
        link = self.current
        return link if link and link.degraded else None

    def _granted(self, wish: Wish) -> None:
        """A request is being carried out, which also clears the count of deaths."""
        self._breaker.reset()
        self._tried.clear()
        self._troubles.forget_lost()
        with self._wishing:
            if self._wish is wish:  # else a newer one is pending
                self._wish = None

    def _too_big(self, orders: WorkerConfig) -> bool:
        """Whether a worker does not fit beside the current one."""
        size = str(self._values()[1].get("size", "auto"))
        return not self._machine.fit_beside(orders.row, orders.load, size).fits

    def _try(self, orders: WorkerConfig) -> WorkerClient | None:
        try:
            return self._crew.start(orders, self._heard)
        except (OSError, RingError) as error:
            self._troubles.refuse(f"The engine worker could not be started: {error}")
            return None

    def _seed(self) -> None:
        """Give a new worker the newest frame, since a still sender gives no other, and the values
        that changed while it started.
        """
        number, values = self._values()
        for link in self.links:
            if link.parameters_number < number:
                self._give(link, number, values)
        newest = self._newest_input()
        for link in self.links:
            if newest and link.inbox.newest is None:
                link.inbox.put(newest)

    def _look(self) -> None:
        """Time-based checks: a worker that is warm, silent, or due again."""
        now = perf_counter()
        coming = self.coming
        if coming and _warm(coming) and (coming is not self._taken or _is_fresh(coming)):
            self._change_over()
        for link in self.links:
            if link.silent() and self._settings.engine != "thread":
                link.error = "The engine worker stopped responding and was killed."
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
        if self._crew.coming is self._taken:
            self._taken, self.took = None, perf_counter() - self._asked_at
        self._pinned = None
        self._crew.change_over()
        if not self._rolled_back:
            self._troubles.succeeded()
        self._before, self._rolled_back = None, False
        self._changed_over()
        self.arrived()

    def _swapped(self) -> None:
        """The current worker now runs another pipeline."""
        self._troubles.succeeded()
        self._changed_over()

    def _ended(self, link: WorkerClient, loading: WorkerConfig | None) -> None:
        """A worker is gone, for whatever reason; `loading` is what it was meant to run next."""
        if not self._crew.is_gone(link):
            return  # on purpose
        if link is self.spare:
            self._spare_ended(link.why())
            return
        if link is self._crew.standby:
            self._standby.ended(link, spared=self._is_excused(link))
            return
        if loading:
            self._troubles.refuse(not_loaded(loading, link.orders, link.why()))
        if link.swapping and link.swapping is not loading:
            link.orders = link.swapping  # requested, and not the cause of death
        link.swapping = None
        if link is self.coming and self._wish is None and self._excused(link):
            self._crew.coming = self._try(link.orders)  # on a lower rung
            self._seed()
        elif link is self.coming and self.current:
            self._crew.coming = None
            runs = self.current.orders
            self._troubles.refuse(not_loaded(link.orders, runs, link.why()))
            log.log(_severity(link), "%s", self.refused)
            self._kept(Unloadable.of(link), runs)
        elif link is self.coming and self._before:
            self._troubles.refuse(not_loaded(link.orders, self._before, link.why()))
            orders, self._before, self._rolled_back = self._before, None, True
            self._kept(Unloadable.of(link), orders)
            self._crew.coming = self._try(orders)
            self._seed()
        elif link is self.coming:
            self._crew.current, self._crew.coming = link, None
            self._died(link, requested=True)
        elif link is self.current:
            self._died(link, requested=loading is not None)

    def _kept(self, failed: Unloadable, runs: WorkerConfig) -> None:
        """A request could not be loaded: keep what was loaded before, unless there is a newer
        request.
        """
        self._troubles.forget_lost()
        if self._wish is None:
            self.kept(failed, runs)

    def _died(self, link: WorkerClient, *, requested: bool) -> None:
        """The shown worker died, perhaps of what was `requested`: the breaker decides when it is
        replaced. One whose files cannot be used would only die again.
        """
        failed = Unloadable.of(link)
        if failed.lasting and self._wish is None and (instead := self.instead(failed)):
            log.error("%s could not be loaded: %s", link.row.id, failed.why)
            self._crew.current = None
            self._ask(lambda: None if self._wish else instead, anew=True)
            return
        if link.code == Exit.MEMORY and self._crew.standby:
            self._standby.bar(f"{link.row.id}, which is shown, ran out of memory beside it.")
        now = perf_counter()
        (self._troubles.note if requested else self._troubles.died)(link.why(), now)
        self.restarts += 1
        if link.asked_to_die:
            log.info("%s", link.why())
        if link.asked_to_die or self._excused(link):
            self._breaker.dismissed(link.started, now)
            return
        self._breaker.died(now)
        words = " | ".join(list(link.log)[-30:]) or "none"
        log.error("%s Its last lines: %s", self.trouble, words)

    def _excused(self, link: WorkerClient) -> bool:
        """Whether a worker died of what was tried for the first time, which is then told."""
        excused = self._is_excused(link)
        if excused:
            log.error("%s The next one uses a slower way.", link.why())
            self._troubles.lose(link.trying)
        return excused

    def _is_excused(self, link: WorkerClient) -> bool:
        """Whether a worker died of what was tried for the first time: the next one finds that
        written down and uses a slower way.
        """
        rung = link.row.id, link.trying
        if link.asked_to_die:
            return False
        excused = bool(link.trying) and rung not in self._tried and len(self._tried) < MOST_TRIED
        self._tried.add(rung)
        return excused

    def _revive(self, link: WorkerClient) -> None:
        self._breaker.starting()
        fresh = self._try(link.orders)
        if fresh is None:
            self._breaker.died(perf_counter())
            return
        self._breaker.started()
        self._crew.current = fresh
        self._seed()


def _severity(link: WorkerClient) -> int:
    """How the end of a worker is logged."""
    return logging.INFO if link.asked_to_die else logging.ERROR


def _warm(link: WorkerClient) -> bool:
    """Whether a worker has shown a frame, or has no input to show one from."""
    if link.state is EngineState.RUNNING:
        return True
    return link.loaded and link.inbox.newest is None and perf_counter() - link.started > 0.5


def _is_fresh(link: WorkerClient) -> bool:
    """Whether one that stood by has made a frame since, or is given nothing to make one from."""
    return link.waiting > 0 or link.inbox.newest is None


def _first_takes(link: WorkerClient) -> float:
    """Seconds for which a worker has been making the first block of a shape; 0 if it is not."""
    since, first = link.block_since, link.limit >= link.orders.load_s
    return perf_counter() - since if since and first and link.state in SOUND else 0.0


def _takes_in(link: WorkerClient, row: PipelineRow) -> bool:
    """Whether a worker can swap in a pipeline in place of its own."""
    able = link.state in SOUND or link.swapping is not None  # the newest follows the current swap
    return bool(row.family) and row.family == link.row.family and able
