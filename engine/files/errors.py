"""What is said of a file that is no checkpoint, or not a whole one. Free of torch."""

from collections.abc import Iterable
from pathlib import PurePath

LIMIT = 100_000_000  # bytes of a header, or of all that is read of an archive
MOST = 100_000  # tensors of a file; the largest network here has 1,100
SHOWN = 3  # keys that an error names; the rest is counted
NAMED = 120  # characters of a key that an error shows

AGAIN = "download it again"
WAIT = f"wait until its download has ended, or {AGAIN}"


class FileError(ValueError):
    """A file of the user's that cannot be used: no fault of the program. One sentence, with the
    cure.
    """


class CheckpointError(FileError):
    """A file that is no checkpoint, or not of this network; one sentence, with the cure."""


def unsafe(name: str | PurePath) -> CheckpointError:
    """What is said of a pickle that asks for more than tensors."""
    return CheckpointError(
        f"{name} holds more than tensors, which could run code, so nothing of it was loaded; "
        "take the file from its authors, as .safetensors where they have one."
    )


def damaged(name: str | PurePath, what: str = "", cure: str = AGAIN) -> CheckpointError:
    """What is said of a file that is not whole; `what` is the place, the found and the expected."""
    told = f": {what}" if what else ""
    kind = PurePath(name).suffix
    return CheckpointError(f"{name} is damaged, cut short or no {kind} file{told}; {cure}.")


def shown(key: object) -> str:
    """A key of a file in quotes, for a sentence about it: a hostile one may be of any length."""
    text = repr(key)
    return text if len(text) <= NAMED else f"{text[: NAMED - 1]}…"


def first_few(items: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    items = list(items)
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
