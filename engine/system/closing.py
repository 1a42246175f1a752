"""Base of everything that is used with `with`."""

from types import TracebackType
from typing import Self


class Closing:
    """A context manager: a class only defines `close`."""

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
        """Release everything; nothing by default."""
