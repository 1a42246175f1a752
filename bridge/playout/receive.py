"""The receiving end of the frame path: whether an input is live, still, waiting or failed."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from bridge.frames.frame import Frame
from bridge.playout.endpoint import WAIT, Endpoint
from bridge.transports import Source, TransportError, check_source

STILL = 2.0  # seconds without a new frame until an input counts as still


class Receiving(Endpoint[Source]):
    """Takes every frame and never waits for the engine."""

    def __init__(
        self, name: str, uri: str, open_: Callable[[str], Source], took: Callable[[Frame], None]
    ) -> None:
        """`took` is called with every frame in the receiving thread, which has that `name`."""
        super().__init__(name, uri, open_)
        self.newest: Frame | None = None
        self._took = took
        self._sender: Source | None = None  # of the newest frame
        self._switched_at: float | None = None  # None for the first source

    def set_source(self, uri: str, attached: Callable[[], None]) -> None:
        """Switch to another source and then call `attached`; TransportError for an invalid URI. If
        the source cannot be opened, `refused` says why and the previous one stays in use. Touches
        neither disk nor driver.
        """
        check_source(uri)
        self._switched_at = perf_counter()
        self._wish_for(uri, attached)

    @property
    def condition(self) -> str:
        """Its condition, as in `Status.input`."""
        using = self._using
        if using is None:
            return "failed" if self.refused else "opening"
        if using.hangs or self.error or using.word.problem:
            return "failed"
        if self.newest and perf_counter() - self.newest.time < STILL:
            return "live"
        return "still" if self.heard and using.word.there else "waiting"

    @property
    def heard(self) -> bool:
        """Whether the newest frame is of the source in use."""
        using = self._using
        return using is not None and using.transport is self._sender

    @property
    def silence(self) -> str:
        """That the source was lost, or was switched to and sends nothing, in a sentence; else
        empty. A first source that has not started is not a problem: the state shows it.
        """
        if self.condition != "waiting":
            return ""
        if self.heard:
            return f"The input {self.uri} is lost; its last frame is held until it is back."
        if self._switched_at is None or perf_counter() - self._switched_at < STILL:
            return ""
        then = "; the last frame of the previous input is held" if self.newest else ""
        return f"The input {self.uri} has sent no frame yet{then}."

    @property
    def alive(self) -> bool:
        """Whether there is a real input: it has sent a frame, is present and is not a stand-in."""
        using = self._using
        if using is None or self.newest is None:
            return False
        return not (using.word.stands_in or using.word.problem or self.error)

    def _step(self, transport: Source, in_use: Callable[[], bool]) -> None:
        frame = transport.receive(WAIT)
        if not in_use():  # overtaken meanwhile
            return
        if frame is not None:
            _check(frame.image)
        self.error = ""
        if frame is None:
            return
        self.newest, self._sender, self._well_at = frame, transport, perf_counter()
        self._took(frame)


def _check(image: object) -> None:
    """TransportError if a source, perhaps a plug-in, returns something that is not an image: it
    would be shown as black, or break the scaling.
    """
    if not isinstance(image, np.ndarray):
        raise TransportError(f"The source returned {type(image).__name__} instead of an image.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 4 or not image.size:
        shape = "x".join(map(str, image.shape))
        raise TransportError(
            f"The source returned {shape} of {image.dtype}; an image is height x width x 4, uint8."
        )
