"""The answer to somebody who starts a process of the bridge by hand."""

import os
import sys


def refuse(what: str, instead: str) -> None:
    """End this process where it was given arguments or sits at a terminal, as those that the bridge
    starts never do. `what` it is and what to type `instead` make one sentence.
    """
    if sys.argv[1:] or os.isatty(0):
        sys.stderr.write(f"This is {what}, which starts it by itself; type `{instead}` instead.\n")
        sys.exit(0 if {"-h", "--help"} & {*sys.argv[1:]} else 1)
