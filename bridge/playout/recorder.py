"""Records the output beside the sink while `record` is on, each time in a new file."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, strftime
from typing import TYPE_CHECKING

from bridge.frames.frame import Frame
from bridge.playout.endpoint import TOLD, Carrier
from bridge.system.loops import explained
from bridge.system.timing import Ticker
from bridge.transports import Options, TransportError
from engine.system import held

if TYPE_CHECKING:
    from bridge.transports.recording import Recording

log = logging.getLogger(__name__)

MOST = 3  # composed frames that wait for their beat


class Recorder:
    """Any thread may call any method, and none but `join` waits: a file is opened, written and
    closed by the thread of its recording, which has the beat of the output and holds what does not
    change. One that fails ends, and the sink never hears of it.
    """

    def __init__(self, folder: Path, options: Options, failed: Callable[[str], None]) -> None:
        """`failed` is called when a recording ended by itself, with the sentence that says why."""
        self.dropped = 0  # frames for which it was too slow
        self.recorded = 0.0  # seconds, of this recording or the last one
        self._folder, self._options, self._told = folder, options, failed
        self._carrier: Carrier[Recording] | None = None
        self._left: list[Carrier[Recording]] = []  # asked to close
        self._frames: deque[Frame] = deque(maxlen=MOST)
        self._index = -1  # of the newest frame put
        self._lock = threading.Lock()  # of which recording is the current one
        self._why, self._why_until = "", 0.0

    @property
    def file(self) -> str:
        """The name of the file being recorded; empty for none."""
        carrier = self._carrier
        recording = carrier.transport if carrier else None
        return recording.path.name if recording else ""

    @property
    def problem(self) -> str:
        """Why the last recording ended, for a while, or what the current one lacks: a sentence."""
        carrier = self._carrier
        if carrier and carrier.hangs:
            return f"{carrier.uri} has taken no frame for {carrier.busy:.0f} s; still waiting."
        if carrier:
            return carrier.word.problem
        return self._why if perf_counter() < self._why_until else ""

    def put(self, frame: Frame) -> None:
        """A frame was composed."""
        carrier, frames = self._carrier, self._frames
        if carrier and frame.index != self._index:
            self._index = frame.index
            self.dropped += carrier.transport is not None and len(frames) == MOST
            frames.append(frame)

    def turn(self, on: bool, shown: Frame | None = None) -> None:
        """Begin to record, with the frame `shown` now, or end; what is so already stays."""
        with self._lock:
            if not on:
                self._leave()
            elif not self._carrier:
                self._begin(shown)

    def stop(self) -> None:
        """Start to close the file."""
        self.turn(on=False)

    def join(self, until: float) -> None:
        """Wait until the files are closed, at most until that time (perf_counter, seconds)."""
        for carrier in [*self._left]:
            if not carrier.hangs:
                carrier.ended.wait(max(0.0, until - perf_counter()))

    def _begin(self, shown: Frame | None) -> None:
        self._why, self.recorded = "", 0.0
        self._left = [carrier for carrier in self._left if not carrier.ended.is_set()]
        self._frames = frames = deque([shown] if shown else [], MOST)
        self._index = shown.index if shown else -1
        paced = Paced(frames, Ticker(self._options.fps))
        path = self._folder / strftime("%Y-%m-%d %H.%M.%S.mp4")
        self._carrier = Carrier(
            "record", str(path), self._open, partial(self._step, paced), self._stumbled,
            self._heard,
        )  # fmt: skip
        self._carrier.take_up()

    def _leave(self) -> None:
        if carrier := self._carrier:
            carrier.let_go()
            self._left, self._carrier = [*self._left, carrier], None

    def _end(self, carrier: "Carrier[Recording]", why: str) -> None:
        """This recording failed; one that was ended already is of no interest."""
        with self._lock:
            if carrier is not self._carrier:
                return
            self._leave()
            self._why, self._why_until = why, perf_counter() + TOLD
        log.warning("the recording ended: %s", why)
        self._told(why)

    # The recording's thread.

    def _open(self, path: str) -> "Recording":
        from bridge.transports.recording import Recording, Wishes  # loads the codecs

        if any(carrier.hangs for carrier in self._left):
            raise TransportError(
                f"The recording before has not been closed: the disk of {self._folder} does not "
                "answer; wait until it does."
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TransportError(
                f"The folder {self._folder} for recordings cannot be made ({held.told(error)}); "
                "remove what is in its way, or make the folder around it writable."
            ) from error
        return Recording(Path(path), Wishes(), self._options)

    def _step(self, paced: "Paced", carrier: "Carrier[Recording]", recording: "Recording") -> None:
        frame = paced.next()
        if frame is None or carrier is not self._carrier:
            return
        recording.send(frame)
        self.recorded = paced.lasted
        if recording.stopped:
            self._end(carrier, recording.stopped)

    def _stumbled(self, carrier: "Carrier[Recording]", error: Exception) -> None:
        self._end(carrier, explained(error, TransportError))

    def _heard(self) -> None:
        """A carrier opened or ended: the current one only if its file could not be opened."""
        with self._lock:
            carrier = self._carrier
        if carrier and carrier.ended.is_set():
            error = carrier.error or TransportError(f"{carrier.uri} ended while it was opened.")
            self._end(carrier, explained(error, TransportError))


class Paced:
    """The frames of one recording, one at every tick: the next that waits, else the last again."""

    def __init__(self, frames: deque[Frame], ticker: Ticker) -> None:
        self._frames, self._ticker = frames, ticker
        self._last: Frame | None = None
        self._began = 0.0

    def next(self) -> Frame | None:
        """Wait for the next tick; its frame, None before the first."""
        self._ticker.wait()
        while self._frames:
            self._last = self._frames.popleft()
            if self._began:
                break  # else older ones waited for the file to open
        if self._last and not self._began:
            self._began = perf_counter()
        return self._last

    @property
    def lasted(self) -> float:
        """Seconds since the first frame."""
        return perf_counter() - self._began
