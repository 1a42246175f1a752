"""The command line: `main` is what `spout-bridge` calls."""

import os
import signal
import sys
from collections.abc import Sequence

LIVE = ("run", "view", "send")  # Ctrl-C is a clean end, at any time
INTERRUPTED = 1  # exit status of any other command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the typed command; its modules are imported only then."""
    if arguments is None and sys.argv[1:2] and sys.argv[1] in LIVE:
        # Until the command handles it (`bridge/system/endings.py`) there is nothing to stop, and an
        # exception would come out of some import.
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(0))
    try:
        from bridge.cli.commands import main as run

        run(arguments)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
