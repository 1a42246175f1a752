"""Errors of commands, and the exit statuses."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of `spout-bridge`. The engine worker has its own: `engine.ipc.messages.Exit`."""

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
        """Whether running the same command again would fail the same way."""
        return self not in (ExitStatus.DONE, ExitStatus.DEFECT)


_MEANING = {
    ExitStatus.DONE: "success, or stopped on request",
    ExitStatus.FAILED: "the command failed, or a check found a problem",
    ExitStatus.USAGE: "the command line is wrong",
    ExitStatus.PORT_TAKEN: "the port is in use by another program",
    ExitStatus.UNSAFE: "refused because it would open the bridge to others",
    ExitStatus.DEFECT: "a bug in the program: please report it",
}


class CommandError(Exception):
    """A command failed: one sentence with the cure, and the exit status."""

    def __init__(self, text: str, status: ExitStatus = ExitStatus.FAILED) -> None:
        super().__init__(text)
        self.status = status


class UsageError(CommandError):
    """The command line is wrong: one sentence with the cure."""

    def __init__(self, text: str) -> None:
        super().__init__(text, ExitStatus.USAGE)
