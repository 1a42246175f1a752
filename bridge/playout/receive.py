"""The end of the frame path where frames come in, and how the input stands."""

from collections.abc import Callable
from time import perf_counter

import numpy as np

from bridge.frames.frame import Frame
from bridge.playout.endpoint import WAIT, Endpoint
from bridge.transports import Source, TransportError, check_source

STILL = 2.0  # seconds without a new picture from which on an input is still


class Receiving(Endpoint[Source]):
    """Takes what comes and never waits for the engine."""

    def __init__(
        self, name: str, uri: str, open_: Callable[[str], Source], took: Callable[[Frame], None]
    ) -> None:
        """`took` is called with every frame, by the thread that receives, which has that `name`."""
        super().__init__(name, uri, open_)
        self.newest: Frame | None = None
        self._took = took

    def set_source(self, uri: str, attached: Callable[[], None]) -> None:
        """Receive from another source from now on, and call `attached`; TransportError for what is
        no URI. What cannot be opened is told in `refused`, and the source before it goes on.
        Neither disk nor driver is touched here.
        """
        check_source(uri)
        self._wish_for(uri, attached)

    @property
    def condition(self) -> str:
        """How it stands, as `Status.input` has it."""
        using = self._using
        if using is None:
            return "failed" if self.refused else "opening"
        if using.hangs or self.error or using.word.problem:
            return "failed"
        if self.newest and perf_counter() - self.newest.time < STILL:
            return "live"
        return "still" if self.newest and using.word.there else "waiting"

    @property
    def alive(self) -> bool:
        """Whether there is an input: a source that gave a picture, is there, and is no stand-in."""
        using = self._using
        if using is None or self.newest is None:
            return False
        return not (using.word.stands_in or using.word.problem or self.error)

    def _step(self, transport: Source, in_use: Callable[[], bool]) -> None:
        frame = transport.receive(WAIT)
        if not in_use():  # it was overtaken in there
            return
        if frame is not None:
            _check(frame.image)
        self.error = ""
        if frame is None:
            return
        self.newest, self._well_at = frame, perf_counter()
        self._took(frame)


def _check(image: object) -> None:
    """TransportError for what a source, which may be a plug-in, gives that is no picture: shown as
    it is, it would be black, or end whoever scales it.
    """
    if not isinstance(image, np.ndarray):
        raise TransportError(f"The source gave {type(image).__name__} instead of a picture.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 4 or not image.size:
        shape = "x".join(map(str, image.shape))
        raise TransportError(
            f"The source gave {shape} of {image.dtype}; a picture is height x width x 4 of uint8."
        )
