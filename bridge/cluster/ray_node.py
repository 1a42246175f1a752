"""`python -m bridge.cluster.ray_node`: `ray start`, which keeps to loopback where it is told to,
and ends with the program that started it.

Ray exchanges 127.0.0.1 for the machine's address in its network, and then listens on all of them.
"""

import os
import signal
import sys
import threading
from importlib import import_module
from typing import Any


def keep_to_loopback() -> None:
    """Have Ray use the address that it is given, in this process."""
    services: Any = import_module("ray._private.services")
    if not hasattr(services, "resolve_ip_for_localhost"):
        raise ImportError("This release of Ray cannot be kept to loopback.", name="ray")

    def as_given(host: str) -> str:
        return host

    services.resolve_ip_for_localhost = as_given


def _follow() -> None:
    while os.read(0, 1 << 10):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run `ray start` with the flags of this process, until standard input ends."""
    threading.Thread(target=_follow, daemon=True).start()
    keep_to_loopback()
    start: Any = import_module("ray.scripts.scripts").start
    start(sys.argv[1:], prog_name="ray start")


if __name__ == "__main__":
    main()
