"""A transport for tests whose calls hang until the test releases them: `balky:NAME`."""

import threading
from collections import Counter
from time import perf_counter

import numpy as np

from bridge.frames.frame import Frame
from bridge.transports import TransportError

EXCLUSIVE = False


class Place:
    """What is done to the sources and sinks of one name."""

    def __init__(self) -> None:
        self.kept = dict.fromkeys(("open", "receive", "send", "close", "offers", "status"), False)
        self.refuses = ""
        self.done: Counter[str] = Counter()
        self.threads: set[int] = set()
        self._changed = threading.Condition()

    def keep(self, *deeds: str) -> None:
        """Whoever comes to one of these stays in it."""
        with self._changed:
            self.kept |= dict.fromkeys(deeds, True)

    def let_go(self) -> None:
        with self._changed:
            self.kept = dict.fromkeys(self.kept, False)
            self._changed.notify_all()

    def come_to(self, deed: str) -> None:
        with self._changed:
            self.done[f"{deed} begun"] += 1
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: not self.kept[deed], 60)
            self.done[deed] += 1
            self._changed.notify_all()
        self.threads.add(threading.get_ident())

    def until(self, deed: str, times: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.done[deed] >= times, 20), self.done


places: dict[str, Place] = {}


class Balky:
    problem = ""
    stands_in = False

    def __init__(self, place: Place) -> None:
        self._place = place
        self._index = 0
        place.come_to("open")
        if place.refuses:
            raise TransportError(place.refuses)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._place.come_to("close")

    @property
    def status(self):
        self._place.come_to("status")
        return "balky"

    def receive(self, timeout):
        self._place.come_to("receive")
        threading.Event().wait(0.02)
        self._index += 1
        image = np.random.default_rng(self._index).integers(1, 255, (48, 64, 4), np.uint8)
        return Frame(image, perf_counter(), self._index)

    def send(self, frame):
        self._place.come_to("send")


def open_source(name, options):
    return Balky(places[name])


def open_sink(name, options):
    return Balky(places[name])


def offers():
    for place in places.values():
        place.come_to("offers")
    return []
