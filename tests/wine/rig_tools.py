"""What the tests in the Windows Python share: the other program, and patience."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter


class Peer:
    """A process with `spout_peer`."""

    def __init__(self) -> None:
        program = str(Path(__file__).with_name("spout_peer.py"))
        self.process = subprocess.Popen(
            [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ask(do="hello")

    def tell(self, **order) -> None:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, **order):
        self.tell(**order)
        return self.answer()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@contextmanager
def peer():
    """Another program, ended hard at the end."""
    running = Peer()
    try:
        yield running
    finally:
        running.kill()


def wait(true, seconds: float = 10.0) -> float:
    """Wait until something holds; how long it took."""
    began = perf_counter()
    while not true():
        assert perf_counter() - began < seconds, "it did not come"
        time.sleep(0.005)
    return perf_counter() - began
