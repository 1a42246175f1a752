"""Answers a worker's requests: decides when a block begins and which frames it gets. Their size is
chosen by `engine.sizes.engine_size`.

The worker requests n frames and gets them as soon as n new ones are available. A slow or still
sender does not stall it: after a while the newest frame is repeated. In text mode (n = 0) the next
block begins as soon as it would end with hardly more than itself waiting to be shown: the engine
neither idles for the output nor runs ahead of it. No block begins before `max_fps` allows it. A
block's parameters are sent with its frames, so a change of the pipeline's own ends the wait for new
frames.
Live control and mask frames go along with the input's: those received at the same time.
A streaming worker passes everything on to another machine, where a feeder decides all this.
"""

import threading
from collections.abc import Callable, Sequence
from time import perf_counter, sleep

from bridge.frames.frame import Frame
from bridge.frames.mailbox import spread
from bridge.frames.pixels import Fit
from bridge.system.loops import explained, repeat
from bridge.workers.client import UNGUIDED, Feed, Guided, WorkerClient
from engine import sizes
from engine.ipc.messages import FrameRequest, PipelineReady
from engine.ipc.segments import RingError

GLANCE = 0.004  # seconds between polls
LONGEST_WAIT = 1.0  # seconds that a block waits at most for frames that may not come
SLACK = 0.02  # seconds by which a block may be late without shifting the beat
RETRY = 1.0  # seconds until a block that could not be fed is tried again
STILL_WAIT = 0.25  # seconds between frames made of a still input
STREAMED = 1 / 30  # seconds between guides that are streamed without frames
LOOK = 0.008  # seconds for which a streaming worker's next frame is waited for at a time


def patience(count: int, input_fps: float) -> float:
    """Seconds that a block of `count` frames waits for new ones before old ones are repeated."""
    if input_fps <= 0:
        return STILL_WAIT
    return min(max(1.5 * count / input_fps, STILL_WAIT), LONGEST_WAIT)


def surplus(frames: int) -> int:
    """How many frames may still wait, at most, when the next block of `frames` is done; the output
    skips what is beyond (`bridge/playout/pacer.py`).
    """
    return frames // 3


def room(frames: int, seconds: float, fps: float) -> int:
    """How many frames may wait, at most, when a block begins without input: it has `frames` and
    takes `seconds`, and `fps` frames are shown a second, at most.
    """
    return min(int(seconds * fps), frames) + surplus(frames)


class Cap:
    """Frame rate cap: when the next block may begin. Times in seconds."""

    def __init__(self) -> None:
        self._began = float("-inf")

    def due(self, frames: int, most: float) -> float:
        """When the next block may begin, if the previous one made `frames` frames and at most
        `most` a second are wanted; 0 for no limit.
        """
        return self._began + frames / most if most > 0 else float("-inf")

    def begin(self, due: float, now: float) -> None:
        """A block that was `due` begins now. A slightly late one keeps the beat, a much later one
        restarts it: nothing is caught up.
        """
        self._began = due if now - due < SLACK else now


class Feeder:
    """Feeds one worker from its inbox until the worker is gone, in a thread of its own; `stop` may
    be called from any thread.
    """

    def __init__(
        self,
        link: WorkerClient,
        size: Callable[[], str],
        how: Fit,
        input_fps: Callable[[], float],
        has_input: Callable[[], bool] = lambda: True,
        max_fps: Callable[[], float] = lambda: 0.0,
        guides: Callable[[Sequence[float], bool], Guided] = lambda times, fed: UNGUIDED,
        output_fps: float = 60.0,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Without `has_input`, a pipeline that can generate from nothing is granted no frames.
        `max_fps` caps the frames generated per second, 0 for no cap. `guides` returns what belongs
        to frames of some times, given also whether there are such frames. `output_fps` frames are
        shown a second, at most. Without `has_room`, no block begins without input: frames wait
        elsewhere too.
        """
        self.trouble = ""  # why the last block was not fed as requested, or not at all
        self._link = link
        self._size = size
        self._how: Fit = how
        self._input_fps = input_fps
        self._has_input = has_input
        self._max_fps = max_fps
        self._guides = guides
        self._output_fps = output_fps
        self._has_room = has_room
        self._guided_at = perf_counter()  # up to when guides without frames were granted
        self._cap = Cap()
        self._stopped = threading.Event()
        self._open = threading.Event()  # blocks may begin
        self._open.set()
        self._resumed = False  # frames have waited for longer than a block
        self._granted: tuple[int, list[Frame]] = (
            -1,
            [],
        )  # blocks made before; the frames of the last
        self._steered = 0  # the snapshot granted last
        self._held: tuple[int, int] | None = None  # size of the last block fed
        self._fed: Feed | None = None  # as streamed last
        self._streamed_at = 0.0  # when a frame was streamed last
        threading.Thread(target=self._run, name="feeder", daemon=True).start()

    def stop(self) -> None:
        """Stop feeding."""
        self._stopped.set()

    def hold(self) -> None:
        """Begin no further block until `release`: none if called with its worker's news of one."""
        self._open.clear()
        self._granted = -1, []

    def release(self) -> None:
        """Begin blocks again, with the newest frames."""
        self._resumed = True
        self._open.set()

    def _run(self) -> None:
        repeat(self._feed, self._stopped, self._failed, RETRY)

    def _failed(self, error: Exception) -> None:
        self.trouble = explained(error, RingError, ValueError)

    def _feed(self) -> None:
        if not self._open.wait(0.2) or not self._link.requests.wait(1, 0.2):
            return
        (request,) = self._link.requests.take(1)
        try:
            self._answer(request)
        except Exception:
            self._link.requests.put(request)  # the worker still waits for it
            raise

    def _answer(self, request: FrameRequest | PipelineReady) -> None:
        link, count, guides, may = self._link, 0, 0, True
        if isinstance(request, FrameRequest) and request.streaming and not link.swap_waits:
            if not self._stream(request):
                link.requests.put(request)  # the worker still waits for it
            return
        if isinstance(request, FrameRequest):
            guides = request.guides
            count = 0 if link.row.text and not self._has_input() else request.count
            may = self._may_begin() and (
                self._room() if count == 0 else bool(self._unused(count)) or self._pictures(count)
            )
            may = may and self._open.is_set()
        if link.swap_waits and not self._stopped.is_set():
            link.grant_swap()
        elif isinstance(request, PipelineReady):
            self._steered, self._fed = link.grant([], None, self._how), None
        elif may:
            frames = self._frames(count)
            self._granted = link.block.made, frames
            self._grant(frames, self._beside(frames, guides))
        else:  # the worker still waits for it
            link.requests.put(request)

    def _stream(self, request: FrameRequest) -> bool:
        """Grant a streaming worker its next frame if it is there, also a still one now and then, or
        what else has changed; False if there is neither.
        """
        link, block, now = self._link, self._link.block, perf_counter()
        has_input = not link.row.text or self._has_input()
        waiting = has_input and bool(link.inbox.wait(1, LOOK))
        if has_input and not waiting and now - self._streamed_at > LONGEST_WAIT:
            waiting = link.inbox.newest is not None
        if not has_input:
            sleep(LOOK)
        most = room(block.frames, block.seconds, self._output_fps)
        feed = Feed(has_input, link.waiting <= most, self._max_fps())
        due = request.guides and not has_input and now - self._guided_at > STREAMED
        if not (waiting or due or feed != self._fed or link.steered > self._steered):
            return False
        frames = link.inbox.take(1) if waiting else []
        self._streamed_at = now if frames else self._streamed_at
        guides = self._beside(frames, request.guides if frames or due else 0)
        self._grant(frames, guides, feed)
        self._fed = feed
        return True

    def _unused(self, count: int) -> list[Frame]:
        """The frames granted last, if no block was made of them as it takes another `count`."""
        made, frames = self._granted
        return frames if made == self._link.block.made and len(frames) != count else []

    def _frames(self, count: int) -> list[Frame]:
        """The frames of a block."""
        inbox, unused, resumed = self._link.inbox, self._unused(count), self._resumed
        self._resumed = False
        if count and unused:
            return [unused[place] for place in spread(len(unused), count)]
        if count and resumed:
            return inbox.take(max(count, inbox.wait(1, 0)))[-count:]
        return inbox.take(count)

    def _beside(self, frames: list[Frame], count: int) -> Guided:
        """Guides of a block: those received with its frames, or without frames `count` spread over
        the time since the last block.
        """
        since, self._guided_at = self._guided_at, perf_counter()
        if not count:
            return UNGUIDED
        span = min(self._guided_at - since, LONGEST_WAIT)
        spread = (self._guided_at - span * (count - 1 - place) / count for place in range(count))
        return self._guides([frame.time for frame in frames] or [*spread], bool(frames))

    def _grant(self, frames: list[Frame], guides: Guided, feed: Feed | None = None) -> None:
        self._cap.begin(self._due(), perf_counter())
        self._link.invents = not feed.has_input if feed else not frames
        trouble = ""
        try:
            size = self._size_for(frames or guides.control)
            self._steered = self._link.grant(frames, size, self._how, guides, feed)
        except (ValueError, RingError) as error:
            # an invalid size, or one without room: keep running at the old one
            if self._held is None:
                raise
            trouble = f"{error} The size stays {'x'.join(map(str, self._held))}."
            size = self._held
            self._steered = self._link.grant(frames, size, self._how, guides, feed)
        self._held, self.trouble = size or self._held, trouble

    def _size_for(self, frames: Sequence[Frame]) -> tuple[int, int] | None:
        row = self._link.row
        if row.native_size or not frames:
            return None
        rows, columns = frames[-1].image.shape[:2]
        return sizes.engine_size(self._size(), row.multiple, (columns, rows))

    def _due(self) -> float:
        block = self._link.block
        return self._cap.due(block.frames if block.made else 0, self._max_fps())

    @property
    def _interrupted(self) -> bool:
        """Whether a block that waits for its time, frames or room must not begin."""
        return self._stopped.is_set() or self._link.swap_waits or not self._open.is_set()

    def _may_begin(self) -> bool:
        """Wait until a block stays within the wanted frame rate."""
        while (wait := self._due() - perf_counter()) > 0:
            if self._interrupted:
                return False
            sleep(min(wait, GLANCE))
        return True

    def _room(self) -> bool:
        """Wait until few enough frames wait to be shown."""
        block = self._link.block
        most = room(block.frames, block.seconds, self._output_fps)
        while self._link.waiting > most or not self._has_room():
            if self._interrupted:
                return False
            sleep(GLANCE)
        return not self._stopped.is_set()

    def _pictures(self, count: int) -> bool:
        """Wait until the block's frames are available, or the available ones must do."""
        inbox = self._link.inbox
        asked = perf_counter()
        while not self._interrupted:
            if inbox.wait(count, 0.02) >= count:
                return True
            if inbox.newest is None:
                continue
            steered = self._link.steered > self._steered
            if steered or perf_counter() - asked > patience(count, self._input_fps()):
                return True
        return False
