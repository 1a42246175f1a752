"""The tests here run in the Windows Python; on Linux, tests/test_wine.py starts it."""

import sys

collect_ignore_glob = [] if sys.platform == "win32" else ["*.py"]
