"""Lanes: queues of work on the device, next to the one in which frames are made.

A lane is a CUDA stream (here a stream is a series of latents). On a CPU work is done when the call
returns, so there is nothing to queue and nothing to wait for: the same code runs with `Inline`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import torch
from torch import Tensor


class Point(Protocol):
    """A point in a lane's queue."""

    def wait(self) -> None:
        """Wait, on the host, until the work before it is done."""
        ...

    def precede(self, result: Tensor) -> None:
        """Make everything that the caller queues from now on wait for it. `result`, which was made
        before it in the lane, may be used there.
        """
        ...


class Lane(Protocol):
    """One queue; work in it runs in order. `ahead` says how many results may be on their way to the
    host while the next one is made.
    """

    ahead: int

    def queued(self) -> AbstractContextManager[object]:
        """Work launched inside is queued in this lane."""
        ...

    def follow(self) -> None:
        """Make what is queued here next wait for everything that the caller has queued."""
        ...

    def point(self) -> Point:
        """The current end of the queue."""
        ...

    def buffer(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Memory on the host that the device can copy to in the background."""
        ...


def lane(device: torch.device) -> Lane:
    """A new lane of a device."""
    return CudaLane(device) if device.type == "cuda" else Inline()


class CudaLane:
    """A CUDA stream. It starts after all work that its device had queued when it was created."""

    ahead = 1

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        self.follow()

    def queued(self) -> AbstractContextManager[object]:
        """See `Lane`."""
        return torch.cuda.stream(self._stream)

    def follow(self) -> None:
        """See `Lane`."""
        self._stream.wait_stream(torch.cuda.current_stream(self._device))

    def point(self) -> "CudaPoint":
        """See `Lane`."""
        event = torch.cuda.Event()
        event.record(self._stream)
        return CudaPoint(event)

    def buffer(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """See `Lane`."""
        return torch.empty(shape, dtype=dtype, pin_memory=True)


class CudaPoint:
    """An event of a CUDA stream."""

    def __init__(self, event: torch.cuda.Event) -> None:
        self._event = event

    def wait(self) -> None:
        """See `Point`."""
        self._event.synchronize()

    def precede(self, result: Tensor) -> None:
        """See `Point`."""
        if result.is_cuda:
            current = torch.cuda.current_stream(result.device)
            current.wait_event(self._event)
            result.record_stream(current)  # else its memory could be used again too early


class Inline:
    """The lane of a CPU."""

    ahead = 0

    def queued(self) -> AbstractContextManager[object]:
        """See `Lane`."""
        return nullcontext()

    def follow(self) -> None:
        """Nothing is queued."""

    def point(self) -> Point:
        """See `Lane`."""
        return Passed()

    def buffer(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """See `Lane`."""
        return torch.empty(shape, dtype=dtype)


class Passed:
    """A point that has been reached already."""

    def wait(self) -> None:
        """There is nothing to wait for."""

    def precede(self, result: Tensor) -> None:
        """Nothing to do: all later work runs after it."""
