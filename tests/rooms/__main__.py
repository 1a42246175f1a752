"""`python -m tests.rooms`, from the root of the repository."""

import sys

from tests.rooms.report import main

sys.exit(main(sys.argv[1:]))
