"""A whole session, with a real worker process, between a source and a sink that the test holds."""

import itertools
import threading
import time
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import psutil

import bridge.transports
from bridge.session import Session
from bridge.settings import Settings
from bridge.workers.machine import LocalMachine
from tests.support import memory
from tests.support.doubles import CATALOG

bridge.transports.BUILT_IN["memory"] = "tests.support.memory"
names = (f"rig{number}" for number in itertools.count())


def scene(width: int, height: int, number: int = 0):
    """A picture with content, another one for each number."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    image[..., 3] = 255
    return image


class Bystander:
    """A thread that does nothing but look at the clock: what it misses, the machine took, which is
    busy with others, and not the session.
    """

    BEAT = 0.01

    def __init__(self) -> None:
        self._times: list[float] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._times.append(perf_counter())
            time.sleep(self.BEAT)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def lived(self, begin: float, end: float) -> float:
        """Seconds between two moments as it lived them: of a longer beat only the usual part."""
        inside = [time for time in self._times if begin < time < end]
        whole = zip([begin, *inside], [*inside, end], strict=True)
        return sum(min(b - a, self.BEAT) for a, b in whole)

    def overslept(self, begin: float, end: float) -> float:
        """By how many seconds it woke too late, 99 times of 100, between two moments: near 0 on a
        quiet machine.
        """
        inside = [time for time in self._times if begin < time < end]
        beats = sorted(b - a - self.BEAT for a, b in itertools.pairwise(inside))
        return max(0.0, beats[len(beats) * 99 // 100])


class Rig:
    """The session and its two ends; `name` is that of both."""

    def __init__(self, session: Session, name: str, bystander: Bystander) -> None:
        self.session, self.name = session, name
        self.place = memory.places[name]
        self.bystander = bystander

    def put(self, image) -> None:
        memory.put(self.name, image)

    def wait(self, wanted, timeout: float = 40.0):
        return memory.wait_for(self.name, wanted, timeout)

    def until(self, true, timeout: float = 40.0) -> None:
        """Wait until something holds."""
        end = perf_counter() + timeout
        while not true():
            assert perf_counter() < end, f"it did not come: {self.session.status()}"
            time.sleep(0.01)

    def running(self, pipeline: str = "") -> None:
        self.until(lambda: self.session.status().state == "RUNNING")
        if pipeline:
            self.until(lambda: self.session.status().pipeline == pipeline)

    def crash(self) -> None:
        """End the worker from outside, which nobody asked for."""
        psutil.Process(self.session.status().worker).kill()

    def steady_input(self, fps: float = 30.0, size=(64, 48)):
        """Send pictures in the background until the returned function is called."""
        stop = threading.Event()

        def work():
            for number in itertools.count():
                if stop.wait(1 / fps):
                    return
                self.put(scene(*size, number % 16))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return stop.set


@contextmanager
def running_session(
    tmp_path, catalog=CATALOG, load=None, machine=LocalMachine, on_arrival=False, **settings
):
    """Start a session on `memory:` ends; `load` are values of the first pipeline's Load. The sink
    has a beat, or with `on_arrival` keeps the last frame, as shared memory does.
    """
    name = next(names)
    memory.places[name].needs_beat, memory.places[name].keeps_last = not on_arrival, on_arrival
    chosen = {
        "source": f"memory:{name}",
        "sink": f"memory:{name}",
        "name": name,
        "output_size": "64x48",
        "folder": tmp_path,
        "size": "64x48",
        **settings,
    }
    session = Session(Settings(**chosen), catalog, machine)
    if load:
        session.store.update(load)
    session.start()
    bystander = Bystander()
    try:
        yield Rig(session, name, bystander)
    finally:
        session.stop()
        bystander.stop()
        memory.places.pop(name, None)
