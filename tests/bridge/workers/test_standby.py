"""What the next cue needs stands by, warm and unshown, and is shown with its first new frame. The
workers of the quick tests are no processes: the test says what they report, and steps the host.
"""

from collections.abc import Iterator
from time import perf_counter
from types import SimpleNamespace

import psutil
import pytest

from bridge.frames.frame import Frame
from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from bridge.state.status import EngineState
from bridge.workers.standby import Prepared
from engine.ipc.messages import BlockMade, BlockPrepared, Exit, PrepareBlock, RungTried
from tests.bridge.test_session import no_black
from tests.bridge.workers.test_kill import LOAD, PAINTER, VALUES, Stage, Worker
from tests.support.climber import CLIMBER
from tests.support.doubles import CATALOG, PainterLoad, number_of, says
from tests.support.rig import running_session, scene

NEXT = {"prompt": "next"}


class Next(Stage):
    """A stage whose painter is shown, with a cue to come."""

    def __init__(self, folder) -> None:
        super().__init__(folder)
        self.old = self.begin()
        self.shown(self.old)

    def want(self, row=CLIMBER, load=None, values=NEXT) -> None:
        orders = self.host.orders(row, load or row.load())
        self.host.want_standby(Prepared(orders, values))

    @property
    def aside(self) -> Worker | None:
        return self.host._crew.standby

    def stands_by(self) -> Worker:
        self.steps(lambda: self.aside)
        return self.aside

    def ready(self) -> Worker:
        worker = self.stands_by()
        self.old.inbox.put(Frame(scene(64, 48), 0.0, 1))
        worker.inbox.put(Frame(scene(64, 48), 0.0, 1))
        worker.state, worker.loaded = EngineState.WARMUP, True
        makes(worker)
        assert self.told == "READY"
        return worker

    @property
    def told(self) -> str:
        return self.host.standby.state

    def few(self) -> None:
        """Steps in which something might happen."""
        count = iter(range(5))
        self.steps(lambda: next(count) == 4)


def makes(worker: Worker, **report) -> None:
    made = BlockMade(frames=1, seconds=0.1, snapshot=1, report=report)
    worker._heard(worker, worker._note(made))


@pytest.fixture(name="stage")
def _stage(tmp_path) -> Iterator[Next]:
    stage = Next(tmp_path)
    yield stage
    stage.end()


def test_it_is_ready_once_a_block_shows_what_was_asked_for_and_shown_with_its_next_frame(stage):
    assert stage.told == ""
    stage.want()
    worker = stage.stands_by()
    assert worker._newest[1]["prompt"] == "next"
    worker.inbox.put(Frame(scene(64, 48), 0.0, 1))
    worker.progress = "weights", 0.5
    told = stage.host.standby
    assert (told.state, told.reason, told.progress) == (
        "LOADING", "climber is loading: weights.", 0.5,
    )  # fmt: skip
    worker.state, worker.loaded = EngineState.WARMUP, True
    makes(worker, arriving=1)
    assert stage.told == "LOADING", "its prompt is not encoded yet"
    worker.ring = ring = SimpleNamespace(waiting=3, dropped=0)
    ring.skip = lambda count: setattr(ring, "waiting", ring.waiting - count)
    makes(worker)
    assert (stage.told, ring.waiting) == ("READY", 0)
    stage.few()
    assert stage.host.current is stage.old
    stage.host.switch(CLIMBER, CLIMBER.load())
    stage.few()
    assert (stage.host.current, stage.host.coming) == (stage.old, worker), "none to show yet"
    assert worker._newest[1]["prompt"] == "", "the values that hold"
    ring.waiting = 1
    stage.steps(lambda: stage.host.current is worker)
    assert stage.old.gone
    assert len(stage.machine.started) == 2
    assert stage.host.took > 0


@pytest.mark.parametrize("taken", [True, False])
def test_the_last_blocks_of_one_that_stood_by_once_make_no_other_one_ready(stage, taken):
    stage.want()
    before = stage.ready()
    if taken:
        before.ring = SimpleNamespace(waiting=1, dropped=0, skip=lambda count: None)
        stage.host.switch(CLIMBER, CLIMBER.load())
        stage.steps(lambda: stage.host.current is before)
    stage.host.switch(PAINTER, PainterLoad(frames=2))
    stage.steps(lambda: stage.host.coming and stage.host.coming is not before)
    stage.old = stage.host.coming
    stage.shown(stage.old)
    makes(before)  # before the next one is there
    worker = stage.stands_by()
    makes(before)
    assert worker is not before
    assert stage.told == "LOADING"
    assert stage.ready() is worker


def test_a_switch_and_a_reload_displace_it_and_it_comes_back(stage):
    stage.want()
    for ask in (stage.host.reload, lambda: stage.host.switch(PAINTER, PainterLoad(frames=2))):
        before, waiting = stage.ready(), len(stage.machine.started)
        ask()
        stage.steps(lambda: stage.host.coming)
        assert (before.gone, stage.aside, stage.told) == (True, None, "NOT READY")
        assert stage.host.standby.reason == "painter is loaded first."
        stage.old = stage.host.coming
        stage.shown(stage.old)
        assert stage.stands_by() is not before
        assert len(stage.machine.started) == waiting + 2


def test_without_room_it_is_not_ready_and_says_why_and_a_switch_swaps_in_place(stage):
    stage.machine.room = False
    stage.want()
    stage.few()
    told = stage.host.standby
    assert (told.state, told.reason) == (
        "NOT READY", "No room beside painter: climber needs 9 GB, but 1 GB is free.",
    )  # fmt: skip
    assert told.in_place
    stage.host.switch(CLIMBER, CLIMBER.load())
    stage.steps(lambda: len(stage.machine.started) == 2)
    assert stage.old.gone


def test_a_standby_that_dies_is_retried_and_the_shown_worker_knows_nothing_of_it(stage):
    stage.want()
    for death in range(3):
        worker, breaker = stage.stands_by(), stage.host._standby._breaker
        worker.error = "It fell over."
        worker.kill()
        stage.steps(lambda worker=worker: stage.aside is not worker)
        if death:  # the first is replaced at once
            assert stage.told == "NOT READY"
            assert stage.host.standby.reason == "climber could not be loaded: It fell over."
            assert breaker.open is (death == 2), "three in a row"
            breaker._next = 0.0  # that much later
    host = stage.host
    assert (host.state, host.error, host.restarts) == (EngineState.RUNNING, "", 0)
    assert not host.breaker_open
    assert not host._breaker._deaths
    stage.stands_by()


def test_one_that_died_of_what_it_tried_is_started_again_at_once(stage):
    stage.want()
    worker = stage.stands_by()
    worker._note(RungTried(what="rung 4"))
    worker.started -= 1
    worker.kill()
    stage.steps(lambda: stage.aside not in (None, worker))
    assert (stage.host.lowered, stage.host.error) == ("", "")


def test_kill_engine_ends_what_is_shown_and_never_what_stands_by(stage):
    stage.want()
    worker = stage.ready()
    stage.old.started -= 1
    stage.host.kill()
    assert (stage.old.gone, worker.gone) == (True, False)
    stage.steps(lambda: stage.host.current is not stage.old)
    assert (stage.aside, stage.told) == (worker, "READY"), "the shown one restarts beside it"


def test_kill_engine_ends_nothing_where_only_a_cue_stands_by(tmp_path):
    stage = Stage(tmp_path)
    stage.host.want_standby(Prepared(stage.host.orders(CLIMBER, CLIMBER.load()), NEXT))
    stage.steps(lambda: stage.host._crew.standby)
    with pytest.raises(ActionError, match="No engine runs"):
        stage.host.kill()
    assert not stage.host._crew.standby.gone
    stage.host._crew.end()


def test_the_same_load_needs_no_other_worker(stage):
    stage.want(PAINTER, LOAD)
    stage.few()
    assert (stage.told, stage.aside) == ("READY", None)
    stage.want(PAINTER, PainterLoad(frames=2))
    stage.stands_by()
    assert stage.told == "LOADING"
    stage.want(CATALOG["passthrough"])
    stage.few()
    assert (stage.told, stage.aside) == ("READY", None)
    stage.host.want_standby(None)
    stage.few()
    assert stage.told == ""


def test_the_shown_worker_prepares_a_cue_of_the_same_load(stage):
    def answers(number, *, ready, problem=""):
        stage.old._note(BlockPrepared(snapshot=number, ready=ready, problem=problem))
        return stage.told

    stage.old.inbox.put(Frame(scene(64, 48), 0.0, 1))
    stage.want(PAINTER, LOAD)
    stage.few()
    assert stage.told == "LOADING"
    assert stage.host.standby.reason == "painter is preparing its prompts and references."
    asked = [each for each in drained(stage.old) if isinstance(each, PrepareBlock)]
    assert [each.snapshot.values["prompt"] for each in asked] == ["next"], "once"
    assert answers(1, ready=False) == "LOADING"
    assert answers(1, ready=True) == "READY"
    stage.want(PAINTER, LOAD, {"prompt": "another"})
    stage.few()
    assert answers(1, ready=True) == "LOADING", "late, of the cue before"
    assert answers(2, ready=False, problem="There is no such word.") == "NOT READY"
    told = stage.host.standby
    assert (told.reason, told.in_place) == ("There is no such word.", True)
    assert answers(2, ready=True) == "READY"
    stage.old.kill()
    assert (stage.told, stage.host.standby.in_place) == ("NOT READY", True)
    stage.steps(lambda: stage.host.current is not stage.old)
    stage.old = stage.host.current
    stage.old.inbox.put(Frame(scene(64, 48), 0.0, 1))
    stage.shown(stage.old)
    stage.few()
    assert stage.told == "LOADING"
    assert answers(1, ready=True) == "READY", "the new worker was asked as well"


def drained(worker: Worker) -> list[object]:
    """What its process would have been told."""
    box = worker._outbox
    return [box.get() for _ in range(box.qsize())]


def test_the_shown_worker_keeps_its_values_until_what_stood_by_is_shown(stage):
    stage.want()
    worker = stage.ready()
    worker.ring = ring = SimpleNamespace(waiting=0, dropped=0)
    with stage.host.taking():
        stage.host.set_parameters(2, VALUES | NEXT)
        stage.few()
        assert stage.old._newest[1]["prompt"] == ""
        stage.host.switch(CLIMBER, CLIMBER.load())
    stage.host.set_parameters(3, VALUES | NEXT | {"steps": 2})
    stage.few()
    assert stage.old._newest[1]["prompt"] == ""
    assert worker._newest[1]["steps"] == 2
    ring.waiting = 1
    stage.steps(lambda: stage.host.current is worker)


def test_values_are_not_kept_back_where_nothing_is_taken(stage):
    stage.want()
    stage.ready()
    stage.host._values = lambda: (2, VALUES | NEXT)
    with stage.host.taking():
        stage.host.set_parameters(2, VALUES | NEXT)
    stage.steps(lambda: stage.old._newest[1]["prompt"] == "next")


def test_other_values_of_the_cue_are_prepared_by_the_same_worker(stage):
    stage.want()
    worker = stage.ready()
    stage.want(values={"prompt": "another"})
    assert stage.told == "LOADING"
    stage.steps(lambda: worker._newest[1]["prompt"] == "another")
    assert stage.told == "LOADING"
    makes(worker)
    assert (stage.told, stage.aside) == ("READY", worker)
    stage.host.set_parameters(2, VALUES | {"steps": 2, "prompt": "of the shown one"})
    stage.few()
    assert (stage.told, worker._newest[1]["prompt"]) == ("LOADING", "another")
    worker._note(BlockMade(frames=1, seconds=0.1, snapshot=2, report={}))
    makes(worker)
    assert stage.told == "READY", "of the other shape"


def test_what_the_shown_worker_needs_comes_first(stage):
    stage.want()
    worker = stage.ready()
    stage.old.set_parameters(2, VALUES | {"size": "128x96"})
    stage.few()
    assert (stage.aside, worker.gone, stage.told) == (None, True, "NOT READY")
    assert stage.host.standby.reason == "painter, which is shown, changes its size first."
    stage.old._note(BlockMade(frames=1, seconds=0.1, snapshot=2, report={}))
    worker = stage.ready()
    stage.old.degraded = "Out of memory: now running at half the size."
    stage.few()
    assert (worker.gone, stage.told) == (True, "NOT READY")
    assert stage.host.standby.reason == "painter, which is shown, has too little memory itself."
    assert stage.host.standby.in_place
    stage.old.degraded = ""
    stage.host._standby._look_at = 0.0  # seconds later
    worker = stage.ready()
    stage.old.code = Exit.MEMORY
    stage.old.kill()
    stage.steps(lambda: stage.host.current is not stage.old)
    assert (worker.gone, stage.aside, stage.told) == (True, None, "NOT READY")
    assert stage.host.standby.reason.startswith("painter, which is shown, ")


# With real workers.


def taken(rig, pipeline: str, values, load) -> float:
    """Take what stands by; seconds until its first image reaches a receiver."""
    began = perf_counter()
    rig.session._take(pipeline, {**values, **load}, Setter(By.LOOK, "1"))
    rig.until(lambda: rig.session._host.took)
    return perf_counter() - began


@pytest.mark.slow
def test_what_stands_by_is_shown_at_once_and_the_old_look_stays_its_own_until_then(tmp_path):
    load = {"frames": 1, "ink": "old"}
    with running_session(tmp_path, pipeline="painter", load=load, settle_s=0.2) as rig:
        session, stop = rig.session, rig.steady_input()
        session.store.update({"prompt": "old"})
        rig.running()
        session._stand_by("painter", {"frames": 4, "prompt": "new"})
        rig.until(lambda: session._host.standby.state == "READY")
        made = session.status().frames_new
        rig.until(lambda: session.status().frames_new > made + 5)
        before = len(rig.place.seen)
        assert not any(says(seen.frame.image, 0, "new") for seen in rig.place.seen)
        taken(rig, "painter", {"prompt": "new"}, {"frames": 4})
        rig.wait(lambda frame: says(frame.image, 0, "new"))
        stop()
        seen = [each.frame.image for each in rig.place.seen[before:]]
        first = next(place for place, image in enumerate(seen) if says(image, 0, "new"))
        assert all(says(image, 0, "old") for image in seen[:first]), "the old one's words"
        assert number_of(seen[first]) <= 9, "of a worker that has made little"
        assert no_black(rig)
        assert 0 < session.status().take_time < 10_000
        assert session.status().pipeline == "painter"
        assert (session.status().error, session.status().restarts) == ("", 0)


@pytest.mark.slow
def test_a_standby_worker_that_is_killed_comes_back_and_the_shown_one_does_not_notice(tmp_path):
    with running_session(tmp_path, pipeline="relay", settle_s=0.2) as rig:
        session, stop = rig.session, rig.steady_input()
        rig.running()
        shown = session.status().worker
        session._stand_by("painter", {"frames": 2})
        rig.until(lambda: session._host.standby.state == "READY")
        psutil.Process(session._host.aside.pid).kill()
        rig.until(lambda: session._host.standby.state != "READY")
        rig.until(lambda: session._host.standby.state == "READY")
        told = session.status()
        assert (told.worker, told.restarts, told.error, told.state) == (shown, 0, "", "RUNNING")
        rig.crash()  # the shown one, which is restarted as ever
        rig.until(lambda: session.status().restarts == 1)
        rig.running("relay")
        assert session._host.standby.state == "READY"
        session._stand_by("painter", {"frames": 2, "ink": "missing"})
        rig.until(lambda: "no such ink" in session._host.standby.reason)
        assert session.status().error == ""
        stop()
