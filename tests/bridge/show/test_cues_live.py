"""Cues with real engines: GO on READY, GO before, and what a cue needs of the list of looks."""

import time

import pytest

from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from engine.ipc.messages import BlockMade
from tests.bridge.test_session import longest_gap, no_black
from tests.support.doubles import says
from tests.support.rig import running_session

pytestmark = pytest.mark.slow


def look(rig, number: int, pipeline: str, **values) -> None:
    """Save a look that needs not run for it."""
    rig.session.show.looks.take_in(
        {"format": "spout-bridge look", "version": 1, "name": f"Look {number}", "saved": "",
         "number": number, "pipeline": pipeline, "values": values}
    )  # fmt: skip


def cue(rig, number: float, of: int, **fields) -> None:
    rig.session.show.cues.add({"number": number, "look": of, "fade": 0, **fields})


def do(rig, name: str, *given) -> None:
    rig.session.actions[name].run(*given)


def until(rig, wait: float = 40, **told) -> None:
    """Wait until the state says all this."""
    holds = rig.session.status
    rig.until(lambda: all(getattr(holds(), name) == value for name, value in told.items()), wait)


def blocks_of(link) -> list[BlockMade]:
    """What a worker tells of its blocks from now on."""
    made, heard = [], link._heard

    def also(worker, news):
        if isinstance(news, BlockMade):
            made.append(news)
        heard(worker, news)

    link._heard = also
    return made


def test_from_stylize_to_longlive_within_two_blocks_without_a_black_frame(tmp_path):
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    load = {"weights": "demo", "vae": "tae"}
    settings = {"pipeline": "stylize", "size": "48x32", "settle_s": 0.2}
    with running_session(tmp_path, **settings) as rig:
        session, stop = rig.session, rig.steady_input()
        session.store.update(load, Setter(By.START))
        look(rig, 1, "stylize", prompt="blue waves")
        look(rig, 2, "longlive", prompt="a red sea")
        look(rig, 3, "longlive", prompt="a blue fox")
        cue(rig, 1, 1)
        cue(rig, 2, 2)
        rig.running()
        do(rig, "go")
        until(rig, 120, cue="1", standby="READY")
        for again in (False, True):  # READY is true the second time too
            if again:
                do(rig, "cue/back")
                until(rig, 120, cue="1", pipeline="stylize", cue_next="2", standby="READY")
            block = session._host.aside.block
            made = session.status().frames_new
            rig.until(lambda made=made: session.status().frames_new > made + 5)
            session.counters.longest_gap = 0.0
            do(rig, "go")
            until(rig, cue="2", pipeline="longlive", cue_next="", standby="")
            told = session.status()
            assert session.store.snapshot.values["prompt"] == "a red sea"
            assert 0 < told.take_time < 1e3 * (2 * block.seconds + block.frames / 30 + 1)
            assert (told.black_frames, told.error, told.restarts) == (0, "", 0)
            assert 0 < told.longest_gap < told.take_time + 1e3 * (2 * block.seconds + 0.2)
        # and on to another look of the same engine, whose prompt was encoded beside it
        cue(rig, 3, 3)
        until(rig, cue_next="3", standby="READY")
        worker, number = session.status().worker, session.store.snapshot.number
        made = blocks_of(session._host.current)
        do(rig, "go")
        until(rig, cue="3")
        rig.until(lambda: any(each.snapshot > number for each in made))
        first = next(each for each in made if each.snapshot > number)
        assert first.report["arriving"] == 0, "the next block that begins shows it"
        assert session.status().worker == worker
        stop()
        assert no_black(rig)


def test_a_go_before_it_is_ready_keeps_the_old_look_moving_and_a_switch_lets_it_wait(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}, settle_s=0.2) as rig:
        session, stop = rig.session, rig.steady_input()
        session.store.update({"prompt": "old"})
        look(rig, 1, "painter", prompt="new", frames=2, broken="load slowly")
        look(rig, 2, "relay")
        cue(rig, 1, 1)
        rig.running()
        do(rig, "go")
        until(rig, cue_waits="1", standby="LOADING")
        rig.until(lambda: session.status().standby_progress not in (0.0, 1.0))
        told = session.status()
        assert told.standby_reason == "painter is loading: weights."
        assert (told.state, told.loading) == ("RUNNING", "")
        made, before = session.status().frames_new, len(rig.place.seen)
        rig.until(lambda: session.status().frames_new > made + 10)
        assert all(says(each.frame.image, 0, "old") for each in rig.place.seen[before:])
        do(rig, "cue/cancel")
        until(rig, cue_waits="", standby="READY")
        session.switch("relay")  # displaces it
        rig.running("relay")
        do(rig, "go")
        until(rig, cue="1", cue_waits="", pipeline="painter")
        rig.wait(lambda frame: says(frame.image, 0, "new"))
        stop()
        assert no_black(rig)
        assert longest_gap(rig) < 1


def test_a_cue_keeps_its_look_however_the_looks_are_ordered(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}, settle_s=0.2) as rig:
        session, stop = rig.session, rig.steady_input()
        for number, prompt in ((1, "one"), (2, "two"), (3, "three")):
            look(rig, number, "painter", prompt=prompt, frames=1)
        cue(rig, 1, 3, follow=0.1)
        cue(rig, 1.5, 1)
        session.show.looks.reorder([3, 1, 2])
        session.show.looks.delete(2)
        rig.running()
        worker = session.status().worker
        until(rig, standby="READY")
        do(rig, "go")
        rig.wait(lambda frame: says(frame.image, 0, "three"))
        until(rig, cue="1.5")  # by itself
        rig.wait(lambda frame: says(frame.image, 0, "one"))
        session.show.looks.delete(3)
        with pytest.raises(ActionError, match="Cue 1 cannot be shown: There is no look 3"):
            do(rig, "cue/back")
        assert session.status().cue == "1.5"
        assert session.status().worker == worker, "all are of one engine"
        session.show.blind.set({"prompt": "blind"}, Setter(By.REST))
        time.sleep(0.1)
        assert session.store.snapshot.values["prompt"] == "one"
        assert session.status().blind_values == {"prompt": "blind"}
        do(rig, "blind/take", 0.0)
        rig.wait(lambda frame: says(frame.image, 0, "blind"))
        assert (session.status().blind, session.status().blind_values) == (False, {})
        stop()


def test_a_cue_without_room_beside_what_is_shown_replaces_it(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}, settle_s=0.2) as rig:
        stop = rig.steady_input()
        look(rig, 1, "too-big", prompt="big", frames=1)
        cue(rig, 1, 1)
        rig.running()
        until(rig, standby="NOT READY")
        assert rig.session.status().standby_reason.startswith("No room beside painter: too-big ")
        do(rig, "go")
        until(rig, cue="1", pipeline="too-big")
        stop()
        assert no_black(rig)
