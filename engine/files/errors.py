"""Errors for files that are not checkpoints, or incomplete ones. Free of torch."""

from collections.abc import Iterable, Mapping
from pathlib import PurePath

LIMIT = 100_000_000  # bytes of a header, or read from an archive in total
MOST = 100_000  # tensors in a file; the largest network here has 1,100
SHOWN = 3  # keys named in an error; the rest are counted
NAMED = 120  # characters of a key shown in an error

AGAIN = "download it again"
WAIT = f"wait for its download to finish, or {AGAIN}"


class FileError(ValueError):
    """A user's file that cannot be used; not a bug. One sentence, with the cure.

    `blames` are the load parameters that name such files, each with its own sentence; empty if the
    file is one of the pipeline's own.
    """

    def __init__(self, text: str, blames: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.blames = dict(blames or {})


class CheckpointError(FileError):
    """A file that is not a checkpoint, or not for this network; one sentence, with the cure."""


def unsafe(name: str | PurePath) -> CheckpointError:
    """The error for a pickle that contains more than tensors."""
    return CheckpointError(
        f"{name} contains more than tensors and could run code, so it was not loaded; "
        "get the file from its authors, as .safetensors if they offer it."
    )


def damaged(name: str | PurePath, what: str = "", cure: str = AGAIN) -> CheckpointError:
    """The error for a damaged file; `what` says where, what was found and what was expected."""
    told = f": {what}" if what else ""
    kind = PurePath(name).suffix
    return CheckpointError(f"{name} is damaged, truncated or not a {kind} file{told}; {cure}.")


def shown(key: object) -> str:
    """A key from a file in quotes, shortened: a hostile key may have any length."""
    text = repr(key)
    return text if len(text) <= NAMED else f"{text[: NAMED - 1]}…"


def first_few(items: Iterable[str]) -> str:
    """The first few items, and the number of the others."""
    items = list(items)
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
