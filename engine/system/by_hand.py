"""What an internal process of ours prints when a user starts it by hand."""

import os
import sys


def refuse(what: str, instead: str) -> None:
    """Exit if this process has arguments or a terminal, which one started by the bridge never has.
    `what` it is and what to type `instead` make one sentence.
    """
    if sys.argv[1:] or os.isatty(0):
        sys.stderr.write(f"This is {what}, which starts it by itself; type `{instead}` instead.\n")
        sys.exit(0 if {"-h", "--help"} & {*sys.argv[1:]} else 1)
