"""Answers a worker's requests: decides when a block begins and which pictures it gets. In which
size says `engine.sizes.engine_size`.

The worker asks for n pictures; it gets them as soon as n new ones are there. A slow or still
sender starves nothing: after a while the newest is repeated. In text mode (n = 0) the next block
begins only while less than one block waits to be shown, so generation never runs ahead. And no
block begins before `max_fps` allows it. What a block is made with goes out with its pictures, so
a change of it ends the waiting for new ones. A live control video and mask go along with the
pictures: of each what came when they did.
"""

import threading
from collections.abc import Callable, Sequence
from time import perf_counter, sleep

from bridge.frames.frame import Frame
from bridge.frames.pixels import Fit
from bridge.system.loops import explained, repeat
from bridge.workers.client import UNGUIDED, Guided, WorkerClient
from engine import sizes
from engine.ipc.messages import FrameRequest, PipelineReady
from engine.ipc.segments import RingError

GLANCE = 0.004  # seconds between looks at what may have changed
LONGEST_WAIT = 1.0  # seconds that a block waits at most for pictures that may not come
SLACK = 0.02  # seconds that a block may be late without being so for good
RETRY = 1.0  # seconds until a block that could not be fed is tried again
STILL_WAIT = 0.25  # seconds between the pictures that are made of a still input


def patience(count: int, input_fps: float) -> float:
    """Seconds that a block of `count` pictures waits for new ones before old ones are repeated."""
    if input_fps <= 0:
        return STILL_WAIT
    return min(max(1.5 * count / input_fps, STILL_WAIT), LONGEST_WAIT)


class Cap:
    """At most so many pictures a second: when the next block may begin. Times in seconds."""

    def __init__(self) -> None:
        self._began = float("-inf")

    def due(self, frames: int, most: float) -> float:
        """From when on the next block may begin, where the one before made `frames` pictures and
        `most` are wanted a second; 0 for any number.
        """
        return self._began + frames / most if most > 0 else float("-inf")

    def begin(self, due: float, now: float) -> None:
        """A block begins now that was due. One that is a little late leaves the beat as it is, one
        that is much later begins it anew: nothing is made up for.
        """
        self._began = due if now - due < SLACK else now


class Feeder:
    """Feeds one worker from its inbox until the worker is gone, in a thread of its own; `stop` may
    be called by any.
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
    ) -> None:
        """Where `has_input` is not so, a pipeline that can make pictures of nothing is granted
        none. `max_fps` caps the pictures that are made a second, where it is not 0. `guides` gives
        what belongs to pictures of some times; told, too, whether there are any such pictures.
        """
        self.trouble = ""  # why the last block was fed otherwise than asked, or not at all
        self._link = link
        self._size = size
        self._how: Fit = how
        self._input_fps = input_fps
        self._has_input = has_input
        self._max_fps = max_fps
        self._guides = guides
        self._guided_at = perf_counter()  # up to when guides without pictures were granted
        self._cap = Cap()
        self._stopped = threading.Event()
        self._steered = 0  # the snapshot that was granted last
        self._held: tuple[int, int] | None = None  # size of the last block that was fed
        threading.Thread(target=self._run, name="feeder", daemon=True).start()

    def stop(self) -> None:
        """Feed no more."""
        self._stopped.set()

    def _run(self) -> None:
        repeat(self._feed, self._stopped, self._failed, RETRY)

    def _failed(self, error: Exception) -> None:
        self.trouble = explained(error, RingError, ValueError)

    def _feed(self) -> None:
        if not self._link.requests.wait(1, 0.2):
            return
        (request,) = self._link.requests.take(1)
        try:
            self._answer(request)
        except Exception:
            self._link.requests.put(request)  # the worker still waits for it
            raise

    def _answer(self, request: FrameRequest | PipelineReady) -> None:
        link, count, guides, may = self._link, 0, 0, True
        if isinstance(request, FrameRequest):
            guides = request.guides
            count = 0 if link.row.text and not self._has_input() else request.count
            may = self._may_begin() and (self._room() if count == 0 else self._pictures(count))
        if link.swap_waits and not self._stopped.is_set():
            link.grant_swap()
        elif isinstance(request, PipelineReady):
            self._steered = link.grant([], None, self._how)
        elif may:
            frames = link.inbox.take(count)
            self._grant(frames, self._beside(frames, guides))

    def _beside(self, frames: list[Frame], count: int) -> Guided:
        """What guides a block: of each what came with its frames, or without frames `count` that
        are spread over the time since the last block.
        """
        since, self._guided_at = self._guided_at, perf_counter()
        if not count:
            return UNGUIDED
        span = min(self._guided_at - since, LONGEST_WAIT)
        spread = (self._guided_at - span * (count - 1 - place) / count for place in range(count))
        return self._guides([frame.time for frame in frames] or [*spread], bool(frames))

    def _grant(self, frames: list[Frame], guides: Guided) -> None:
        self._cap.begin(self._due(), perf_counter())
        self._link.invents = not frames
        trouble = ""
        try:
            size = self._size_for(frames or guides.control)
            self._steered = self._link.grant(frames, size, self._how, guides)
        except (ValueError, RingError) as error:
            # of a size that nobody understands, or that there is no room for: the show goes on
            if self._held is None:
                raise
            trouble = f"{error} The size stays {'x'.join(map(str, self._held))}."
            size = self._held
            self._steered = self._link.grant(frames, size, self._how, guides)
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

    def _may_begin(self) -> bool:
        """Wait until a block does not make more pictures a second than are wanted."""
        while (wait := self._due() - perf_counter()) > 0:
            if self._stopped.is_set() or self._link.swap_waits:
                return False
            sleep(min(wait, GLANCE))
        return True

    def _room(self) -> bool:
        """Wait until less than one block waits to be shown."""
        while self._link.waiting >= self._link.block.frames and self._link.waiting:
            if self._stopped.is_set() or self._link.swap_waits:
                return False
            sleep(GLANCE)
        return not self._stopped.is_set()

    def _pictures(self, count: int) -> bool:
        """Wait until the block's pictures are there, or what is there must do."""
        inbox = self._link.inbox
        asked = perf_counter()
        while not (self._stopped.is_set() or self._link.swap_waits):
            if inbox.wait(count, 0.02) >= count:
                return True
            if inbox.newest is None:
                continue
            steered = self._link.parameters_number != self._steered
            if steered or perf_counter() - asked > patience(count, self._input_fps()):
                return True
        return False
