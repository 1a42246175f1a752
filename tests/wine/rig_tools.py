"""What the tests in the Windows Python share: other programs, and waiting."""

import json
import subprocess
import sys
import time
from pathlib import Path
from time import perf_counter


class Peer:
    """A process with `spout_peer`, ready when its first answer is."""

    def __init__(self) -> None:
        program = str(Path(__file__).with_name("spout_peer.py"))
        self.process = subprocess.Popen(
            [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._owed = 0
        self.tell(do="hello")

    def tell(self, **order) -> None:
        self._owed += 1
        self._write(json.dumps(order))

    def step(self) -> None:
        """Ask a sender that waits for it to go on: to the next picture, or behind the last."""
        self._write("")

    def end(self):
        """Have a sender end that has sent its last picture."""
        self.step()
        return self.answer()

    def answer(self):
        told = json.loads(self.process.stdout.readline())
        self._owed -= isinstance(told, dict)  # a number tells only how far the order is
        return told

    def kill(self) -> None:
        """End it hard, as a crash would: nothing is released."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    @property
    def is_idle(self) -> bool:
        """Whether it lives and has nothing to do."""
        return self.process.poll() is None and not self._owed

    def _write(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


class Peers:
    """The other programs; one that was killed, or left busy by a test, is replaced."""

    def __init__(self) -> None:
        self._running: list[Peer] = []

    def idle(self, count: int) -> list[Peer]:
        """So many of them, ready for an order."""
        busy = [peer for peer in self._running if not peer.is_idle]
        for peer in busy:
            self._running.remove(peer)
            if peer.process.poll() is None:
                peer.kill()
        fresh = [Peer() for _ in range(count - len(self._running))]
        self._running += fresh
        for peer in fresh:
            peer.answer()
        return self._running[:count]

    def close(self) -> None:
        for peer in self._running:
            if peer.process.poll() is None:
                peer.kill()


def wait(true, seconds: float = 60.0) -> float:
    """Wait until something holds; how long it took."""
    began = perf_counter()
    while not true():
        assert perf_counter() - began < seconds, "it did not come"
        time.sleep(0.005)
    return perf_counter() - began
