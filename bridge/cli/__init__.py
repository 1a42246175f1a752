"""The command line: `main` is what `spout-bridge` calls."""

import os
import signal
import sys
from collections.abc import Sequence

LIVE = ("run", "view", "send")  # end well by Ctrl-C, at any time
INTERRUPTED = 1  # exit status of any other command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that was typed; what it takes to run is imported then."""
    if arguments is None and sys.argv[1:2] and sys.argv[1] in LIVE:
        # Until the command sees to it (`bridge/system/endings.py`) there is nothing to end, and an
        # exception would come out of somebody's import.
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(0))
    try:
        from bridge.cli.commands import main as run

        run(arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
