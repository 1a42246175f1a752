"""Thumbnails: one look at each source for all clients, in one thread, which survives any driver."""

import sys
import threading
import time
from concurrent.futures import wait
from contextlib import contextmanager
from time import perf_counter

import cv2
import numpy as np
import pytest

from bridge.control.http.thumbnails import KEPT, MOST, PATIENCE, REST, Thumbnails
from bridge.frames.frame import Frame
from bridge.transports import BUILT_IN, TransportError
from engine.ipc.ring import RingWriter
from tests.support.slow_cases import rest_slow


class Trial:
    """A transport `trial:NAME` that remembers what was done to it and by which thread."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str, int]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.takes = 0.0
        self.breaks: dict[str, Exception] = {}  # by what is done

    def count(self, deed: str) -> int:
        return [done for done, _, _ in self.done].count(deed)

    def open_source(self, name, options):
        self._do("open", name)
        assert self.go_on.wait(20)
        return _Source(self, name)

    def _do(self, deed: str, name: str) -> None:
        self.done.append((deed, name, threading.get_ident()))
        if deed in self.breaks:
            raise self.breaks[deed]


class _Source:
    status = problem = ""

    def __init__(self, trial: Trial, name: str) -> None:
        self._trial, self._name = trial, name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._trial._do("close", self._name)

    def receive(self, timeout):
        time.sleep(self._trial.takes)
        self._trial._do("receive", self._name)
        return Frame(np.full((90, 320, 4), 128, np.uint8), perf_counter(), 1)


@pytest.fixture
def trial(monkeypatch):
    trial = Trial()
    monkeypatch.setitem(sys.modules, "trial_transport", trial)
    monkeypatch.setitem(BUILT_IN, "trial", "trial_transport")
    yield trial
    trial.go_on.set()


@contextmanager
def ring(name, width, height):
    writer = RingWriter(name, width, height)
    try:
        yield writer
    finally:
        writer.unlink()
        writer.close()


def decoded(data):
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "thumbnails"]


def test_a_sender_is_shown_small_and_in_its_colours():
    image = np.full((180, 640, 4), 255, np.uint8)
    image[:, :320, :3], image[:, 320:, :3] = (200, 30, 10), (10, 40, 220)
    with ring("test-thumb", 640, 180) as writer:
        writer.write(image, perf_counter(), 1)
        found = Thumbnails().ask("shm:test-thumb").result(30)
    assert found.problem == ""
    small = decoded(found.jpeg).astype(int)
    assert small.shape == (45, 160, 3)
    assert np.abs(small[20, 40] - (200, 30, 10)).max() < 8
    assert np.abs(small[20, 120] - (10, 40, 220)).max() < 8


def test_many_who_ask_share_one_look_in_one_thread_and_it_ends_after(trial):
    trial.takes = 0.2
    thumbnails, found = Thumbnails(), []
    uris = [f"trial:{number % 3}" for number in range(30)]
    askers = [
        threading.Thread(target=lambda uri=uri: found.append(thumbnails.ask(uri).result(30)))
        for uri in uris
    ]
    for asker in askers:
        asker.start()
    assert len(workers()) == 1
    for asker in askers:
        asker.join()
    assert len(found) == 30
    assert all(decoded(thumbnail.jpeg).shape == (45, 160, 3) for thumbnail in found)
    deeds = [(deed, name) for deed, name, _ in trial.done]
    first = deeds[0][1]
    assert deeds[:3] == [("open", first), ("receive", first), ("close", first)]
    assert sorted(deeds) == sorted(
        (deed, name) for deed in ("open", "receive", "close") for name in "012"
    )
    assert len({thread for _, _, thread in trial.done}) == 1
    assert threading.get_ident() not in {thread for _, _, thread in trial.done}
    end = perf_counter() + 30
    while workers():
        assert perf_counter() < end, "nobody asks, and it stays"
        time.sleep(0.01)


def test_a_picture_stands_for_a_moment(trial, monkeypatch):
    ahead = [0.0]
    monkeypatch.setattr(
        "bridge.control.http.thumbnails.perf_counter", lambda: perf_counter() + ahead[0]
    )
    thumbnails = Thumbnails()
    first = thumbnails.ask("trial:a").result(30)
    assert thumbnails.ask("trial:a").result(0) is first
    assert 0.5 * KEPT < first.until - perf_counter() <= KEPT
    ahead[0] = KEPT
    assert thumbnails.ask("trial:a").result(30) is not first
    assert trial.count("open") == 2


def test_what_takes_long_is_looked_at_more_rarely(trial):
    trial.takes = 0.6
    found = Thumbnails().ask("trial:slow").result(30)
    assert found.until - perf_counter() > 0.9 * REST * 0.6 > KEPT


@pytest.mark.parametrize("uri", rest_slow(["shm:test-thumb-mute", "shm:nobody"]))
def test_a_sender_that_never_gives_a_picture_is_said_in_time(uri):
    with ring("test-thumb-mute", 64, 36):
        began = perf_counter()
        found = Thumbnails().ask(uri).result(30)
        assert perf_counter() - began < PATIENCE + 2
    assert found.jpeg == b""
    assert found.problem == f"{uri} sent no frame within 0.7 seconds."


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("nothing:", "is not a source"),
        ("shm:a/b", "not a valid shared memory name"),
        ("file:none.mp4", "File not found"),
    ],
)
def test_what_cannot_be_opened_is_said_in_the_transports_own_words(uri, words):
    assert words in Thumbnails().ask(uri).result(30).problem


@pytest.mark.parametrize("deed", ["open", "receive", "close"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TransportError("It is gone."), "It is gone."),
        (OSError("driver lost"), "OSError: driver lost"),
        (MemoryError(), "MemoryError: "),
    ],
)
def test_whatever_a_transport_raises_is_told_and_ends_nothing(trial, deed, error, words):
    trial.breaks[deed] = error
    thumbnails = Thumbnails()
    found = thumbnails.ask("trial:bad").result(30)
    assert (found.jpeg, found.problem) == (b"", words)
    trial.breaks.clear()
    assert thumbnails.ask("trial:good").result(30).jpeg


def test_a_picture_that_is_none_is_told(trial, monkeypatch):
    broken = Frame(np.zeros((0, 0, 4), np.uint8), 0.0, 1)
    monkeypatch.setattr(_Source, "receive", lambda self, timeout: broken)
    assert Thumbnails().ask("trial:empty").result(30).problem


def test_requests_pile_up_no_further_than_they_may(trial):
    trial.go_on.clear()
    thumbnails = Thumbnails()
    promises = [thumbnails.ask(f"trial:{number}") for number in range(MOST)]
    refused = thumbnails.ask("trial:one-too-many")
    assert refused.result(0).problem == "Too many thumbnails at once; try again later."
    assert thumbnails.ask("trial:0") is promises[0], "who is known may still ask"
    assert not promises[0].cancel(), "others wait for it"
    assert len(workers()) == 1
    trial.go_on.set()
    assert not wait(promises, 10).not_done
    assert all(promise.result().jpeg for promise in promises)


def test_strangers_may_be_offered_too(monkeypatch):
    """A plug-in whose module cannot be imported is a sentence as well."""
    monkeypatch.setitem(BUILT_IN, "absent", "a_module_that_is_not_there")
    assert "needs the package" in Thumbnails().ask("absent:").result(30).problem
