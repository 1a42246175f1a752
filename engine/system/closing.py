"""A context manager for classes that have a `close`: `Closing`."""

from types import TracebackType
from typing import Self


class Closing:
    """A context manager: `close` is all that a class has to say."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything; of nothing unless a class says otherwise."""
