"""What the worker refuses to hand over, and how it reads the errors of tensor libraries."""

import faulthandler
import gc
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import cast

import cv2
import numpy as np

from engine.ipc.messages import Exit
from engine.pipeline import Image, Output, UnusableOutput
from engine.system.commit import short_of_memory
from engine.system.overdue import Overdue

STDERR = 2  # the descriptor: whoever replaces sys.stderr, the bridge still reads it
LOOK = 0.2  # seconds between looks at what may hang
FIRST = 60.0  # seconds, until a limit is given
STACKS = 1.5  # seconds beyond the limit, within those that the bridge waits beyond it
FLAT = 2  # of 255: a picture that varies by no more than this is one colour


class Watchdog:
    """Ends this process, with all stacks on stderr, when work gives no sign for too long.

    A thread looks: it knows when it slept itself, as a timer does not, which would end a healthy
    process the moment it wakes. What holds the interpreter holds that thread too: then a timer
    writes the stacks, and the bridge ends the process for its silence. Where this is not `armed`
    nothing is done: a worker that is a thread of the bridge must not end it.
    """

    def __init__(self, *, armed: bool) -> None:
        self._overdue = Overdue(FIRST, perf_counter())
        self._working = False
        self._armed = armed
        if armed:
            threading.Thread(target=self._watch, name="hang", daemon=True).start()

    @contextmanager
    def within(self, seconds: float) -> Generator[None]:
        """What is done in here may take so long from one `reset` to the next."""
        if seconds != self._overdue.limit:
            self._overdue.limit = seconds
            self._set_timer()
        self.reset()
        self._working = True
        try:
            yield
        finally:
            self._working = False

    def reset(self) -> None:
        """There was progress: the time starts anew."""
        self._overdue.sign(perf_counter())

    def _watch(self) -> None:
        """The thread "hang"."""
        while True:
            sleep(LOOK)
            working = self._working  # before the time, which begins anew when work does
            late = self._overdue.late(perf_counter())  # at every look, or it would seem to sleep
            if working and late:
                faulthandler.dump_traceback(STDERR)
                os._exit(Exit.HUNG)
            self._set_timer()

    def _set_timer(self) -> None:
        """For the stacks alone: it fires only where the thread does not come to look again."""
        if self._armed:
            faulthandler.dump_traceback_later(self._overdue.limit + STACKS, file=STDERR)


def checked_output(output: Output, model: Image | None) -> Image:
    """One image (H, W, 4) as uint8; UnusableOutput for NaN, infinite or one flat colour.

    A flat picture is right where the input, `model`, is flat itself.
    """
    if output.ndim != 3 or output.shape[2] != 4 or not output.size:
        raise UnusableOutput(
            f"The pipeline gave {output.shape} where (height, width, 4) is a picture."
        )
    if output.dtype != np.uint8 and not np.isfinite(output.sum()):
        raise UnusableOutput("The pipeline gave numbers that are no picture (NaN or infinite).")
    image = cast(Image, output)
    if output.dtype != np.uint8:
        image = np.clip(output * 255 + 0.5, 0, 255).astype(np.uint8)
    if _flat(image) and not (model is not None and _flat(model)):
        raise UnusableOutput("The pipeline gave a picture of one flat colour.")
    return image


def half_size(image: Image) -> Image:
    """The picture at half its size, for a card whose memory did not suffice."""
    size = max(4, image.shape[1] // 8 * 4), max(4, image.shape[0] // 8 * 4)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def resized(image: Image, width: int, height: int) -> Image:
    """The picture at this size; the same object where it has it."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of the system, numpy, torch or onnxruntime means that memory ran out."""
    return short_of_memory(error)


def is_cuda_error(error: BaseException) -> bool:
    """Whether an error means that this process's CUDA context is lost."""
    return type(error).__name__ == "AcceleratorError" or "CUDA error" in str(error)


def release_memory() -> None:
    """Free what nobody holds any more: cycles, and the GPU memory that torch keeps for itself."""
    gc.collect()
    torch = sys.modules.get("torch")  # where no pipeline has imported it there is nothing
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _flat(image: Image) -> bool:
    rows, columns = image.shape[:2]
    grid = image[:: max(1, rows // 24), :: max(1, columns // 24), :3].reshape(-1, 3)
    return bool((np.ptp(grid, axis=0) <= FLAT).all())
