"""The input, passed on by the bridge itself, for a pipeline that changes nothing.

To the host and the output clock it looks like a worker, but it has no process, no feeder and no
ring: the frames received are the frames shown.
"""

from collections.abc import Callable, Mapping
from time import perf_counter

from bridge.frames.frame import Frame
from bridge.frames.mailbox import Mailbox
from bridge.state.status import EngineState
from bridge.workers.client import IDLE, News, WorkerClient, WorkerConfig, WorkerPlace
from bridge.workers.feeder import Cap
from engine.ipc.messages import FrameMade
from engine.ipc.ring import Slot
from engine.parameters import Value

NO_ENGINE = "none"  # what computes
MOST = 4  # frames that may wait


class Passage(Mailbox[Frame]):
    """Received frames that wait to be shown; read like a worker's ring."""

    def __init__(self, came: Callable[[], None], snapshot: Callable[[], int]) -> None:
        """`came` is called after each frame; `snapshot` returns the number of the newest
        parameters.
        """
        super().__init__(MOST)
        self.most = 0.0  # frames a second; 0 for no limit
        self._came = came
        self._snapshot = snapshot
        self._cap = Cap()
        self._number = 0

    def put(self, item: Frame) -> None:
        """Add a received frame."""
        with self._changed:
            if self.most > 0:  # the newest is shown when it may be
                self.dropped += len(self._items)
                self._items.clear()
            super().put(item)
        self._came()

    @property
    def waiting(self) -> int:
        """How many frames may be shown now."""
        if not self._items or perf_counter() < self._cap.due(1, self.most):
            return 0
        return len(self._items)

    def skip(self, count: int) -> None:
        """Skip the next `count` frames."""
        with self._changed:
            for _ in range(min(count, len(self._items))):
                self._items.popleft()

    def next(self, *, borrowed: bool = False) -> Slot | None:
        """The next frame, itself and never a `borrowed` one; None if there is none."""
        with self._changed:
            if not self._items:
                return None
            frame = self._items.popleft()
        self._cap.begin(self._cap.due(1, self.most), perf_counter())
        self._number += 1
        return Slot(self._number, self._number, frame.time, self._snapshot(), frame.image)


class Direct(WorkerClient):
    """In place of a worker; see above. It runs from its start to its end, and nothing kills it."""

    def __init__(
        self,
        orders: WorkerConfig,
        place: WorkerPlace,
        heard: Callable[[WorkerClient, News], None],
    ) -> None:
        """As a worker; of its news there is only `FrameMade`, by the thread that receives."""
        super().__init__(orders, place, heard)
        self.device = NO_ENGINE
        self.block.warm = 0.0  # nothing is loaded
        self._passage = Passage(self._came, lambda: self.parameters_number)
        self.inbox = self.ring = self._passage

    def start(self, number: int, values: Mapping[str, Value]) -> None:
        """Start with these parameter values."""
        self.set_parameters(number, values)
        self.state, self.loaded, self.progress = EngineState.WARMUP, True, IDLE

    def set_parameters(self, number: int, values: Mapping[str, Value]) -> None:
        """As a worker's: of the values only `max_fps` matters."""
        super().set_parameters(number, values)
        self._passage.most = float(values.get("max_fps", 0.0))

    def reset(self) -> None:
        """There is no history to forget."""

    def stop(self) -> None:
        """End at once."""
        self._over = True

    def silent(self) -> bool:
        """Never: it has nothing to say."""
        return False

    def _came(self) -> None:
        if self.state is not EngineState.RUNNING:
            self.state, self.running_since = EngineState.RUNNING, perf_counter()
        self._heard(self, FrameMade())
