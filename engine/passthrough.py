"""Passthrough: every frame unchanged, bit for bit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.catalog.controls import PassthroughLoad, PassthroughParameters
from engine.pipeline import Context, Image


class Passthrough:
    """The simplest pipeline; it tests the path through the engine worker."""

    def __init__(self, load: PassthroughLoad, context: Context) -> None:
        pass

    def wanted(self, parameters: PassthroughParameters) -> int:
        """One frame per block."""
        return 1

    def __call__(
        self, images: Sequence[Image], parameters: PassthroughParameters
    ) -> Iterator[Image]:
        """Yield the frames as received."""
        yield from images

    def reset(self) -> None:
        """No history to forget."""

    def report(self) -> Mapping[str, Any]:
        """Nothing to report."""
        return {}

    def close(self) -> None:
        """Nothing to release."""
