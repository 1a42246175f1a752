"""Every listener hears every change of a parameter, in order, whatever another listener does."""

import logging
import threading
from itertools import pairwise

import pytest

from bridge.state.change import UNSAID, By, Setter
from bridge.state.listeners import MOST
from bridge.state.store import ParameterStore
from engine.parameters import Parameters, control, describe

SETTERS, SETS = 4, 200  # fewer than MOST in all


class Sample(Parameters):
    amount: int = control(0, "How much.", minimum=0, maximum=1_000_000)
    steps: int = control(0, "How often.", minimum=0, maximum=1_000_000)


@pytest.fixture
def store():
    return ParameterStore(describe(Sample))


def hearing(store):
    """Every change from now on, as it is heard."""
    heard = []
    store.listen(heard.append)
    return heard


def numbers(heard):
    return [change.snapshot.number for change in heard]


def in_threads(*works):
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "it waits for somebody"


def test_one_that_raises_keeps_nobody_from_hearing_and_is_told_once(store, caplog):
    def broken(change):
        raise KeyError("a mistake")

    before, _, after = hearing(store), store.listen(broken), hearing(store)
    with caplog.at_level(logging.ERROR):
        for amount in (1, 2, 3):
            assert store.update({"amount": amount}) == {"amount": amount}
    assert numbers(before) == numbers(after) == [2, 3, 4]
    (record,) = [r for r in caplog.records if "broken failed on a parameter change" in r.message]
    assert record.exc_info[0] is KeyError
    assert [*store.listeners.faults.counts.values()] == [3]


def test_one_that_sets_something_itself_is_heard_by_all_in_order(store):
    before = hearing(store)

    def follows(change):
        if "amount" in change.changed:
            store.update({"steps": change.changed["amount"]}, Setter(By.ACTION))

    store.listen(follows)
    after, before_it = hearing(store), store.turn()
    store.update({"steps": 7})
    with store.at(before_it):
        store.update({"amount": 1})
    in_threads(lambda: store.update({"amount": 2}), lambda: store.update({"amount": 3}))
    assert numbers(before) == numbers(after) == [*range(2, 2 + len(after))]
    assert store.snapshot.values["steps"] == store.snapshot.values["amount"]
    assert [change.setter.kind for change in after].count(By.ACTION) == 3


def test_each_hears_what_many_threads_set_in_the_order_in_which_it_was_set(store):
    all_heard = [hearing(store) for _ in range(3)]
    together = threading.Barrier(SETTERS)

    def work(first):
        together.wait(10)
        for step in range(SETS):
            store.update({"amount": first + step * SETTERS + 1})

    in_threads(*(lambda first=first: work(first) for first in range(SETTERS)))
    assert store.listeners.joined == 0
    last = store.snapshot.number  # one whose turn was earlier may have been overtaken
    assert last > SETTERS
    for heard in all_heard:
        assert numbers(heard) == [*range(2, last + 1)]
        assert all(change.snapshot.values["amount"] == change.changed["amount"] for change in heard)


def test_one_that_does_not_return_keeps_no_other_and_hears_the_rest_when_it_does(store, caplog):
    entered, release, slow = threading.Event(), threading.Event(), []

    def blocks(change):
        slow.append(change)
        entered.set()
        assert release.wait(30)

    store.listen(blocks)
    heard = hearing(store)
    kept = threading.Thread(target=lambda: store.update({"amount": 1}), daemon=True)
    kept.start()
    assert entered.wait(10)
    sets = 2 * MOST
    in_threads(lambda: [store.update({"steps": step + 1}) for step in range(sets)])
    assert numbers(heard) == [*range(2, 3 + sets)], "the others hear on, the first one too"
    assert store.listeners.joined == sets - MOST
    assert [r.message for r in caplog.records if "changes behind" in r.message]
    release.set()
    kept.join(30)
    assert len(slow) == 1 + MOST
    assert all(a < b for a, b in pairwise(numbers(slow)))
    assert slow[-1].snapshot is store.snapshot
    assert slow[-1].changed == {"steps": sets}


def test_what_comes_while_a_thread_stops_calling_is_not_left_behind(store):
    heard = hearing(store)
    (line,) = store.listeners._lines

    class Leaving:
        """A lock; before it is let go for the first time another thread sets something."""

        def __init__(self):
            self.lock, self.first = threading.Lock(), True

        def acquire(self, blocking=True):
            return self.lock.acquire(blocking)

        def release(self):
            if self.first:
                self.first = False
                in_threads(lambda: store.update({"steps": 1}))
            self.lock.release()

    line._calling = Leaving()
    store.update({"amount": 1})
    assert numbers(heard) == [2, 3]


def test_changes_that_become_one_have_the_newest_values_of_both(store):
    heard, page = hearing(store), Setter(By.PAGE, "127.0.0.1:50001")
    store.update({"amount": 1, "steps": 1}, page)
    store.update({"amount": 2}, page)
    store.update({"steps": 3}, Setter(By.ROLLBACK))
    first, second, third = heard
    both = first.then(second)
    assert (both.changed, both.setter) == ({"amount": 2, "steps": 1}, page)
    assert both.then(third).changed == {"amount": 2, "steps": 3}
    assert both.then(third).setter == Setter(By.SEVERAL)
    assert both.then(third).snapshot is store.snapshot


# What is put is heard of later, as one change.


def put(store, setter=UNSAID, **values):
    store.put(store.check(values), setter)


def test_what_is_put_holds_at_once_and_is_heard_as_one_change_when_told(store):
    heard, osc = hearing(store), Setter(By.OSC, "127.0.0.1:50001 /bridge/amount")
    for amount in range(1, 6):
        put(store, osc, amount=amount)
        assert store.snapshot.values["amount"] == amount
    put(store, osc, steps=3)
    assert (heard, store.untold) == ([], True)
    store.tell()
    (change,) = heard
    assert (change.changed, change.setter) == ({"amount": 5, "steps": 3}, osc)
    assert change.snapshot is store.snapshot
    store.tell()
    assert (len(heard), store.untold) == (1, False)


def test_what_is_put_is_heard_before_what_is_set_after_it(store):
    heard = hearing(store)
    put(store, amount=1)
    put(store, amount=2)
    store.update({"steps": 7})
    assert [change.changed for change in heard] == [{"amount": 2}, {"steps": 7}]
    assert numbers(heard) == [2, 3]
    assert not store.untold


def test_a_value_put_as_it_is_tells_nobody_and_an_earlier_turn_loses(store):
    heard, early = hearing(store), store.turn()
    put(store, amount=4)
    store.put(store.check({"amount": 9, "steps": 0}), UNSAID, early)
    store.tell()
    assert [change.changed for change in heard] == [{"amount": 4}]


def test_those_of_two_senders_stay_of_osc(store):
    heard = hearing(store)
    put(store, Setter(By.OSC, "127.0.0.1:1 /bridge/amount"), amount=1)
    put(store, Setter(By.OSC, "127.0.0.1:2 /bridge/amount"), amount=2)
    store.tell()
    assert [change.setter for change in heard] == [Setter(By.OSC)]


def test_what_is_put_and_set_by_many_threads_is_heard_in_order_and_ends_with_the_last(store):
    heard = hearing(store)

    def puts(first):
        for step in range(SETS):
            put(store, amount=first + step * SETTERS + 1)
            if step % 7 == 0:
                store.tell()

    def sets():
        for step in range(SETS):
            store.update({"steps": step + 1})

    in_threads(*(lambda first=first: puts(first) for first in range(SETTERS)), sets)
    store.tell()
    assert all(a < b for a, b in pairwise(numbers(heard)))
    told = {}
    for change in heard:
        told |= change.changed
    assert told == store.snapshot.values
    assert [change.changed["steps"] for change in heard if "steps" in change.changed] == [
        *range(1, SETS + 1)
    ]
