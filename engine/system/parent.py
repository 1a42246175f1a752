"""A process that ends with its parent, however the parent ends (Linux).

Windows: `kill_with_parent` in `bridge/system/processes.py`. Everywhere a worker also ends when its
pipe closes: `Worker._listen` in `engine/worker/loop.py`.
"""

import ctypes
import sys


def die_with_parent() -> None:
    """Linux: have this process killed once its parent is gone. Elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
