"""When Python looks for garbage: not while a bridge starts, and later not in what it started with.

A full look through a started bridge holds every thread for 50 ms, three frames long.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def not_yet() -> Generator[None]:
    """Collect nothing in this block until `settled`."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settled() -> None:
    """Collect from now on, and only what is made from now on: what is there stays to the end."""
    gc.freeze()
    gc.enable()
