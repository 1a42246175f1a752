"""Memory for images that is used again as soon as nothing refers to the image before it.

A frame has many owners: the newest input, the worker's inbox, a recording that waits for its disk.
None of them gives it back; the last reference does, be it a view of a view. Otherwise each frame is
new memory, which the system clears first; at times that takes longer than the frame lasts.
"""

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

PAGE = 4096  # bytes
SPARE = 64 << 20  # bytes kept for later, and two buffers at least


class Buffers:
    """Images of one size. Any thread may call, and drop an image."""

    def __init__(self, width: int, height: int) -> None:
        self._shape = height, width, 4
        self._size = height * width * 4
        self._free: deque[Any] = deque(maxlen=max(2, SPARE // max(1, self._size)))

    def take(self, like: int = 0) -> npt.NDArray[np.uint8]:
        """An image (H, W, 4) of any content; its address within a page is that of `like`."""
        try:
            room = self._free.pop()  # the last one returned may still be in a cache
        except IndexError:
            room = np.empty(self._size + PAGE, np.uint8)
        start = room.ctypes.data
        return np.asarray(_Lease(room, self._free, self._shape, start + (like - start) % PAGE))


class _Lease:
    """The use of a buffer by one image; it and its views keep this object alive."""

    __slots__ = ("__array_interface__", "_free", "_room")

    def __init__(
        self, room: Any, free: deque[Any], shape: tuple[int, int, int], address: int
    ) -> None:
        self._room, self._free = room, free
        self.__array_interface__ = {
            "version": 3, "typestr": "|u1", "shape": shape, "data": (address, False),
        }  # fmt: skip

    def __del__(self) -> None:
        self._free.append(self._room)
