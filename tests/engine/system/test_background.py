"""The background cache: nothing waits, failures are reported, its size is bounded."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.system.background import BackgroundCache

MOST = 3


class Bench:
    """Makes values in the cache's thread, each once it may."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.go, self.begun = threading.Event(), threading.Event()
        self.go.set()

    def call(self, key: str, error: Exception | None = None) -> Callable[[], int]:
        def make() -> int:
            self.made.append(key)
            self.begun.set()
            assert self.go.wait(20)
            if error:
                raise error
            return len(self.made)

        return make

    def hold(self) -> None:
        self.go.clear()
        self.begun.clear()


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.go.set()


@pytest.fixture
def cache() -> Iterator[BackgroundCache[int]]:
    made = BackgroundCache[int]("test", 2, lambda known: len(known) > MOST)
    yield made
    made.close()


def arrived(cache: BackgroundCache[int], key: str) -> int | str | None:
    return cache.get(key, 20)


def test_a_value_is_made_once_and_kept(cache: BackgroundCache[int], bench: Bench) -> None:
    for _ in range(3):
        cache.ask("a", bench.call("a"))
        assert arrived(cache, "a") == 1
    assert bench.made == ["a"]
    assert cache.get("b") is None, "nobody asked for it"


def test_a_slow_call_keeps_nobody_waiting(cache: BackgroundCache[int], bench: Bench) -> None:
    cache.ask("known", bench.call("known"))
    arrived(cache, "known")
    bench.hold()
    cache.ask("slow", bench.call("slow"))
    assert bench.begun.wait(20)
    began = time.perf_counter()
    for _ in range(1000):
        cache.ask("slow", bench.call("slow"))
        assert cache.get("slow") is None
        cache.collect()
        assert cache.get("known") == 1
    assert time.perf_counter() - began < 10
    assert (cache.waiting, cache.is_coming("slow")) == (1, True)
    assert cache.longest > 0
    assert cache.get("slow", 0.01) is None, "nor longer than it is told to"
    bench.go.set()
    assert arrived(cache, "slow") == 2
    assert (cache.waiting, cache.is_coming("slow"), cache.longest) == (0, False, 0)


def test_what_fails_is_told_and_tried_again_once_it_is_forgotten(
    cache: BackgroundCache[int], bench: Bench
) -> None:
    for key in ("a", "b"):
        cache.ask(key, bench.call(key, ValueError(f"There is no {key}.")))
        assert arrived(cache, key) == f"There is no {key}."
    cache.ask("a", bench.call("a"))
    assert cache.get("a") == "There is no a.", "it is not tried again by itself"
    cache.forget_failures(but={"b"})
    assert (cache.get("a"), cache.get("b")) == (None, "There is no b.")
    cache.ask("a", bench.call("a"))
    assert arrived(cache, "a") == 3
    cache.forget_failures(but=())
    assert cache.get("a") == 3, "a value stays"


def test_a_failure_without_words_is_told_by_its_name(bench: Bench) -> None:
    cache = BackgroundCache[int]("test", 2, lambda known: False, failures=(MemoryError,))
    cache.ask("a", bench.call("a", MemoryError()))
    assert arrived(cache, "a") == "MemoryError"
    cache.close()


def test_any_other_error_surfaces_and_the_call_is_made_anew(
    cache: BackgroundCache[int], bench: Bench
) -> None:
    for take in (lambda: arrived(cache, "a"), cache.collect):
        cache.ask("a", bench.call("a", KeyError("of ours")))
        while cache.waiting:
            time.sleep(0.001)
        with pytest.raises(KeyError, match="of ours"):
            take()
    cache.ask("a", bench.call("a"))
    assert arrived(cache, "a") == 3


def test_what_is_kept_is_bounded_and_the_longest_unused_goes(
    cache: BackgroundCache[int], bench: Bench
) -> None:
    for key in "abc":
        cache.ask(key, bench.call(key))
        arrived(cache, key)
    cache.get("a")
    cache.ask("d", bench.call("d", ValueError("none")))
    arrived(cache, "d")
    assert [key for key, _ in cache.values()] == ["a", "c"], "the newest first, without failures"
    assert cache.known("b") is None
    cache.ask("e", bench.call("e"))
    arrived(cache, "e")
    assert [key for key, _ in cache.values()] == ["e", "a"]


def test_more_than_may_wait_leaves_those_asked_for_first(
    cache: BackgroundCache[int], bench: Bench
) -> None:
    bench.hold()
    for key in "abcd":
        cache.ask(key, bench.call(key))
        assert bench.begun.wait(20)
    assert [cache.is_coming(key) for key in "abcd"] == [False, False, True, True]
    bench.go.set()
    assert arrived(cache, "d") is not None
    assert bench.made == ["a", "c", "d"], "what was begun is made, for nobody"


def test_what_is_left_is_not_made_but_for_what_is_begun(
    cache: BackgroundCache[int], bench: Bench
) -> None:
    bench.hold()
    cache.ask("begun", bench.call("begun"))
    assert bench.begun.wait(20)
    cache.ask("later", bench.call("later"))
    cache.leave()
    cache.ask("last", bench.call("last"))
    bench.go.set()
    assert arrived(cache, "last") == 2
    assert bench.made == ["begun", "last"]
    assert cache.get("begun") == 1


def test_it_is_finished_in_the_thread_that_takes_it(bench: Bench) -> None:
    threads: list[Any] = []

    def finish(made: int) -> str | int:
        threads.append(threading.current_thread())
        if made == 2:
            raise ValueError("Two is too many.")
        return 10 * made

    cache = BackgroundCache[Any]("test", 2, lambda known: False, finish=finish)
    for key in "ab":
        cache.ask(key, bench.call(key))
    assert arrived(cache, "a") == 10
    assert arrived(cache, "b") == "Two is too many."
    assert {*threads} == {threading.current_thread()}
    cache.close()


def test_closed_it_ends_its_thread_and_makes_no_more(bench: Bench) -> None:
    cache = BackgroundCache[int]("closing", 2, lambda known: False)
    bench.hold()
    cache.ask("begun", bench.call("begun"))
    assert bench.begun.wait(20)
    cache.ask("later", bench.call("later"))
    (thread,) = (each for each in threading.enumerate() if each.name.startswith("closing"))
    began = time.perf_counter()
    cache.close()
    assert time.perf_counter() - began < 30, "it does not wait for what is begun"
    bench.go.set()
    thread.join(20)
    assert not thread.is_alive()
    assert bench.made == ["begun"]
