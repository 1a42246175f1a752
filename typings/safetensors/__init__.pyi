"""What this project takes of safetensors, whose own types leave gaps."""

from os import PathLike
from types import TracebackType
from typing import Self

class SafetensorError(Exception): ...

class safe_open:
    def __init__(self, filename: str | PathLike[str], framework: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def metadata(self) -> dict[str, str] | None: ...
