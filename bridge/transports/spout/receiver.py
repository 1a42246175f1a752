"""One Spout sender's frames, with the cases that Spout's own receiver leaves to its users."""

from importlib import import_module
from time import perf_counter
from typing import Any

import numpy as np

from bridge.frames.frame import Image
from bridge.transports.spout.registry import Sender, senders

LOOK_AROUND = 0.1  # seconds between reads of the sender list
EMPTY_AT_MOST = 0.5  # seconds for which an all-zero image is not trusted
SILENT = 2.0  # seconds after which a listed sender without a frame counts as out of reach
GL_RGBA = 0x1908


class Receiver:
    """Receives the frames of one sender; `sender`, `path` and `problem` hold the status.

    Used only by the thread that created it: it owns an OpenGL context.
    """

    def __init__(self, limit: tuple[int, int] | None = None) -> None:
        """Created before there is a sender: the context takes time to create."""
        self._raw = b""
        self._spout: Any = import_module("SpoutGL").SpoutReceiver()
        self._textures: Any = None
        self._buffer: Image | None = None
        if self._spout.createOpenGL():
            module: Any = import_module("bridge.transports.spout.gl")
            self._textures = module.TextureReader(self._spout, limit)
            self._spout.isGLDXReady()  # starts Direct3D now, not with the first frame
        self._last: Image | None = None
        self._sized = False  # the size of its frames is known
        self._listed_at: float | None = None
        self._reached_at = float("-inf")  # when a frame was last within reach
        self._empty_since: float | None = None
        self._look_at = 0.0
        self.counted = (
            False  # frames are counted by the sender, so that a new one is known without a copy
        )
        self.path = ""  # how frames arrive
        self.sender: Sender | None = None
        self.problem = ""

    def follow(self, raw: bytes) -> None:
        """Receive from the sender of this name, in Spout's encoding."""
        self._raw = raw
        self._spout.setReceiverName(raw)

    def poll(self) -> Image | None:
        """The image (H, W, 4) if it differs from the last one."""
        now = perf_counter()
        self._look(now)
        if self.sender and self.sender.refusal:
            return None
        # Also while the sender is missing: only then Spout releases its name for reuse.
        received = self._receive()
        if self._spout.isUpdated():
            self._resize(self._spout.getSenderWidth(), self._spout.getSenderHeight())
            self._sized, self._last, self._reached_at = True, None, now
            self.path = self._way()
            return None
        if not received or not self._sized:
            return None
        self._reached_at = now
        return self._fresh(now)

    def close(self) -> None:
        """Release the sender and the context."""
        if self._textures:
            self._textures.close()
        self._spout.releaseReceiver()
        if self._textures:
            self._spout.closeOpenGL()

    def _look(self, now: float) -> None:
        """Read the sender's entry in the list, and what blocks its frames."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_AROUND
        self.sender = found = next((s for s in senders() if s.raw == self._raw), None)
        if found is None:
            self._listed_at, self.problem = None, ""
            return
        self._listed_at = self._listed_at or now
        out_of_reach = now - max(self._listed_at, self._reached_at) > SILENT
        self.problem = found.refusal or (_other_gpu(found) if out_of_reach else "")

    def _receive(self) -> bool:
        if self._textures:
            return self._textures.receive()
        return self._spout.receiveImage(self._buffer, GL_RGBA, False, 0)

    def _way(self) -> str:
        if not self._textures:
            return "CPU, no OpenGL: one frame late"
        return "GPU texture" if self._spout.isGLDXReady() else "CPU share"

    def _resize(self, width: int, height: int) -> None:
        if self._textures:
            self._textures.resize(width, height)
        else:
            self._buffer = np.zeros((height, width, 4), np.uint8)

    def _fresh(self, now: float) -> Image | None:
        """The received image, unless it is the last one or not yet valid."""
        self.counted = self._spout.getSenderFrame() > 0
        if self.counted and self._last is not None and not self._spout.isFrameNew():
            return None
        image = self._textures.read() if self._textures else self._copied()
        if self._is_doubtful(image, now):
            return None
        # Also compared if the sender counts: two programs may disturb its counter.
        if self._last is not None and np.array_equal(self._last, image):
            return None
        self._last = image
        return image

    def _is_doubtful(self, image: Image, now: float) -> bool:
        """Whether an image is all zero, even alpha, and has been so only briefly: a sender's
        texture exists before it draws, and after it has released it.
        """
        if image.any():
            self._empty_since = None
            return False
        self._empty_since = self._empty_since or now
        return now - self._empty_since < EMPTY_AT_MOST

    def _copied(self) -> Image:
        assert self._buffer is not None
        return self._buffer.copy()


def _other_gpu(sender: Sender) -> str:
    """For a sender that is listed with its size and never updates, as with two GPUs, or a program
    that runs elevated.
    """
    return (
        f"{sender.name} is listed ({sender.width}x{sender.height}, {sender.format_name}) but its "
        f"frames cannot be read: {sender.program or 'its program'} runs on another GPU, or as "
        "administrator. Set both programs to the same GPU in Windows' graphics settings (System, "
        "Display, Graphics), and start both as administrator or neither."
    )
