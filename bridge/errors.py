"""How a command is refused: the sentence, and the exit statuses."""

import re

USAGE, REFUSED, PORT_TAKEN = 1, 2, 3  # exit statuses
CRASHED = 70  # the same, for what nobody foresaw


class CommandError(Exception):
    """What was asked for cannot be; one sentence with the cure, and the exit status."""

    def __init__(self, text: str, status: int = USAGE) -> None:
        super().__init__(text)
        self.status = status


def quoted(path: object) -> str:
    """A path to paste behind a flag: sh, cmd.exe and PowerShell all know these quotes."""
    return f"{path}" if re.fullmatch(r"[\w.:/\\-]+", str(path)) else f'"{path}"'
