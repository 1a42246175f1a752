"""Passthrough: every frame as it came, bit for bit."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.catalog.controls import PassthroughLoad, PassthroughParameters
from engine.pipeline import Context, Image


class Passthrough:
    """The thinnest pipeline there is; it proves the way through the engine worker."""

    def __init__(self, load: PassthroughLoad, context: Context) -> None:
        pass

    def wanted(self, parameters: PassthroughParameters) -> int:
        """One frame a block."""
        return 1

    def __call__(
        self, images: Sequence[Image], parameters: PassthroughParameters
    ) -> Iterator[Image]:
        """Yield what came."""
        yield from images

    def reset(self) -> None:
        """Nothing is remembered."""

    def report(self) -> Mapping[str, Any]:
        """Nothing to say."""
        return {}

    def close(self) -> None:
        """Nothing is held."""
