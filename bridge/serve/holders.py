"""Who may use a server by a token of their own: the file of `--tokens`."""

import re
from dataclasses import dataclass
from pathlib import Path

from bridge.control.http.rules import TOKEN
from bridge.errors import UsageError
from bridge.system import whole_files

LARGEST = 1 << 20  # bytes of the file
NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
MOST = re.compile(r"[1-9]\d{0,5}")


@dataclass(frozen=True, slots=True)
class Holder:
    """`most` is of sessions at a time; None: as many as there are places."""

    name: str
    token: str
    most: int | None = None


def holders_in(path: Path, token: str) -> list[Holder]:
    """The holders in a file, beside the server's own token: a line for each, # begins a comment.
    UsageError for a file that cannot be used.
    """
    try:
        lines = whole_files.read(path, LARGEST).decode("ascii").splitlines()
    except (OSError, ValueError) as error:
        why = (isinstance(error, OSError) and error.strerror) or str(error)
        raise UsageError(f"--tokens {path} cannot be read: {why}.") from None
    found: list[Holder] = []
    for number, line in enumerate(lines, 1):
        if words := line.partition("#")[0].split():
            one = _holder(words)
            if one is None:
                raise UsageError(
                    f"--tokens: line {number} of {path} is none; write NAME TOKEN, or NAME TOKEN "
                    "MOST for at most so many engines. A token has 16 to 256 letters, digits, "
                    "dashes, dots, underscores and tildes."
                )
            names, tokens = [each.name for each in found], [each.token for each in found]
            if one.name in names or one.token in (token, *tokens):
                raise UsageError(f"--tokens: line {number} of {path} repeats a name or a token.")
            found.append(one)
    return found


def _holder(words: list[str]) -> Holder | None:
    name, token, *most = words if len(words) > 1 else (words[0], "")
    if not (NAME.fullmatch(name) and TOKEN.fullmatch(token) and len(most) <= 1):
        return None
    if most and not MOST.fullmatch(most[0]):
        return None
    return Holder(name, token, int(most[0]) if most else None)
