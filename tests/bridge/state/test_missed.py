"""What is kept for later: which of two choices wins, and when a file counts as replaced."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.state.missed import Missed
from bridge.state.replaced import Replaced
from bridge.state.store import ParameterStore
from engine.catalog.controls import CausalLoad
from engine.parameters import describe

STAMPS = st.one_of(st.none(), st.integers(0, 3))


@given(STAMPS, st.lists(STAMPS))
def test_a_file_is_replaced_once_its_stamp_is_another_and_rests(first, later):
    replaced = Replaced()
    assert not replaced.since(first)
    for before, now in zip([None, *later], later, strict=False):
        assert replaced.since(now) is (now is not None and now == before != first)


def missed():
    store = ParameterStore(describe(CausalLoad))
    return store, Missed(store, lambda name: name)


def test_what_is_set_aside_later_brings_back_nothing_that_was_overruled():
    store, gone = missed()
    gone.add("lora_1", "old", "It is missing.")
    assert gone.values == {"lora_1": "old"}
    store.update({"lora_1": "chosen", "lora_2": "bad"})
    assert gone.values == {}
    gone.set_aside({"lora_2": "It holds NaN."})
    assert gone.values == gone.kept == {"lora_2": "bad"}
    assert gone.told == "lora_2: It holds NaN. It is used again once its file has been replaced."
    held = store.snapshot.values
    assert (held["lora_1"], held["lora_2"]) == ("chosen", "")
    store.update({"lora_2": ""})  # none is a choice too
    assert (gone.values, gone.told) == ({}, "")


def test_only_what_was_set_from_here_is_set_aside_again():
    store, gone = missed()
    store.update({"lora_1": "bad", "lora_2": "own"})
    gone.set_aside({"lora_1": "It holds NaN."})
    assert not gone._is_back("lora_1", gone._gone["lora_1"])
    gone._stamp = lambda name: "new"
    assert not gone._is_back("lora_1", gone._gone["lora_1"]), "it may be half a copy"
    assert gone._is_back("lora_1", gone._gone["lora_1"])
    assert store.snapshot.values["lora_1"] == "bad"
    assert gone.told == ""
    assert gone.set_aside_again({"lora_1", "lora_2"}, "It is infinite.") == {"lora_1"}
    assert store.snapshot.values["lora_1"] == ""
    assert gone.told.startswith("lora_1: It is infinite.")
    store.update({"lora_1": "bad"})  # by hand
    assert gone.set_aside_again({"lora_1"}, "It is infinite.") == set()
