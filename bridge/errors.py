"""How a command is refused: the sentence, and the exit statuses."""

import re
from enum import IntEnum


class ExitStatus(IntEnum):
    """What `spout-bridge` ends with. The engine worker has its own: `engine.ipc.messages.Exit`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PORT_TAKEN = 3
    UNSAFE = 4
    DEFECT = 70

    @property
    def meaning(self) -> str:
        """In a few words."""
        return _MEANING[self]

    @property
    def refused(self) -> bool:
        """Whether to run the same again would end the same."""
        return self not in (ExitStatus.DONE, ExitStatus.DEFECT)


_MEANING = {
    ExitStatus.DONE: "did what was asked, or was told to end",
    ExitStatus.FAILED: "what was asked cannot be done, or a check found something wrong",
    ExitStatus.USAGE: "the command line is wrong",
    ExitStatus.PORT_TAKEN: "another program has the port",
    ExitStatus.UNSAFE: "refused because it would open the bridge to others",
    ExitStatus.DEFECT: "a defect of the program: please report it",
}


class CommandError(Exception):
    """What was asked for cannot be; one sentence with the cure, and the exit status."""

    def __init__(self, text: str, status: ExitStatus = ExitStatus.FAILED) -> None:
        super().__init__(text)
        self.status = status


class UsageError(CommandError):
    """The command line is wrong: one sentence with the cure."""

    def __init__(self, text: str) -> None:
        super().__init__(text, ExitStatus.USAGE)


def quoted(path: object) -> str:
    """A path to paste behind a flag: sh, cmd.exe and PowerShell all know these quotes."""
    return f"{path}" if re.fullmatch(r"[\w.:/\\-]+", str(path)) else f'"{path}"'
