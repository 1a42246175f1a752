"""Which errors are shown, and for how long. Times are whole seconds, and nothing waits."""

from bridge.workers.troubles import TOLD, Troubles

LONG = int(TOLD)


def test_what_went_wrong_is_told_until_the_engine_has_run_well_for_a_while():
    troubles = Troubles(settle=5)
    troubles.note("A block was bad.", 100)
    troubles.runs_well(105, loading=False)
    assert troubles.trouble == "A block was bad."
    troubles.runs_well(106, loading=False)
    assert troubles.trouble == ""


def test_what_was_refused_is_told_until_it_succeeds():
    troubles = Troubles(settle=5)
    troubles.refuse("It could not be loaded.")
    troubles.note("A block was bad.", 100)
    assert troubles.refused == "It could not be loaded."
    troubles.succeeded()
    assert (troubles.refused, troubles.trouble) == ("", "A block was bad.")


def test_what_was_refused_is_not_told_of_a_worker_that_dies_of_something_else():
    troubles = Troubles(settle=5)
    troubles.refuse("It could not be loaded.")
    troubles.died("It crashed.", 100)
    assert (troubles.refused, troubles.trouble) == ("", "It crashed.")
    troubles.runs_well(106, loading=False)
    assert not troubles.refused


def test_what_was_refused_is_told_for_a_minute_of_another_that_runs_well():
    troubles = Troubles(settle=5)
    troubles.refuse("It could not be loaded.")
    troubles.runs_well(1000, loading=False)  # however long nothing ran before
    troubles.runs_well(1000 + LONG, loading=False)
    assert troubles.refused
    troubles.runs_well(1001 + LONG, loading=False)
    assert not troubles.refused


def test_what_workers_died_of_trying_is_told_for_a_minute_of_the_one_that_runs_instead():
    troubles = Troubles(settle=5)
    troubles.lose("rung 4")
    troubles.runs_well(1000, loading=True)
    troubles.lose("rung 3")
    troubles.runs_well(2000, loading=False)
    troubles.runs_well(2000 + LONG, loading=False)
    assert troubles.lost == ("rung 4", "rung 3")
    troubles.runs_well(2001 + LONG, loading=False)
    assert troubles.lost == ()


def test_the_minute_begins_anew_with_every_other_refusal_and_with_what_is_loading():
    troubles = Troubles(settle=5)
    for text in ("one", "two"):
        troubles.refuse(text)
        troubles.runs_well(100, loading=False)
        troubles.runs_well(100 + LONG, loading=True)
        troubles.runs_well(100 + 2 * LONG, loading=False)
        assert troubles.refused == text
    troubles.refuse("two")  # said again it is no younger
    troubles.runs_well(101 + 2 * LONG, loading=False)
    assert not troubles.refused
