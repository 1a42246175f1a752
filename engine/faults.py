"""What is said of a file that is no checkpoint, or not a whole one; and how that is told from a
machine that is short of memory. Free of torch.
"""

import errno
import sys
from collections.abc import Iterable
from pathlib import PurePath

LIMIT = 100_000_000  # bytes of a header, or of all that is read of an archive
MOST = 100_000  # tensors of a file; the largest network here has 1,100
SHOWN = 3  # keys that an error names; the rest is counted
NAMED = 120  # characters of a key that an error shows

AGAIN = "download it again"

# How the system and the libraries say that memory was refused. Windows' 1455 is its page file,
# which safetensors and torch report in words alone.
NO_MEMORY = {8, 14, 1455}  # Windows' numbers
SAID = ("os error 1455", "WinError 1455", "code: <1455>", "os error 12)", "annot allocate memory",
        "an't allocate memory", "not enough memory", "bad allocation", "ailed to allocate",
        "(-4:Insufficient memory)")  # fmt: skip
WINDOWS = (
    "close other programs, or let Windows choose the size of its page file (System, About, "
    "Advanced system settings, Performance, Advanced, Virtual memory)"
)
MORE = WINDOWS if sys.platform == "win32" else "close other programs, or give it more memory"


class CheckpointError(ValueError):
    """A file that is no checkpoint, or not of this network; one sentence, with the cure."""


def unsafe(name: str | PurePath) -> CheckpointError:
    """What is said of a pickle that asks for more than tensors."""
    return CheckpointError(
        f"{name} holds more than tensors, which could run code, so nothing of it was loaded; "
        "take the file from its authors, as .safetensors where they have one."
    )


def damaged(name: str | PurePath, what: str = "") -> CheckpointError:
    """What is said of a file that is not whole; `what` is the place, the found and the expected."""
    told = f": {what}" if what else ""
    kind = PurePath(name).suffix
    return CheckpointError(f"{name} is damaged, cut short or no {kind} file{told}; {AGAIN}.")


def short_of_memory(error: BaseException) -> bool:
    """Whether an error, of whatever library, means that memory ran out: no file is to blame."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        numbers = getattr(error, "winerror", None) in NO_MEMORY, error.errno == errno.ENOMEM
        if any(numbers):
            return True
    return any(words in str(error) for words in SAID)


def shown(key: object) -> str:
    """A key of a file in quotes, for a sentence about it: a hostile one may be of any length."""
    text = repr(key)
    return text if len(text) <= NAMED else f"{text[: NAMED - 1]}…"


def first_few(items: Iterable[str]) -> str:
    """The first few, and how many more there are."""
    items = list(items)
    rest = len(items) - SHOWN
    return ", ".join(items[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
