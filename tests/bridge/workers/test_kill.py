"""What `kill_engine` ends, and what is said of a worker that ended, or makes its first block. The
workers of the quick tests are no processes: the test says what they report, and steps the host.
"""

from collections.abc import Iterator
from time import perf_counter
from types import SimpleNamespace

import pytest

from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.state.actions import ActionError
from bridge.state.status import Counters, EngineState
from bridge.workers.client import UNGUIDED, WorkerClient, WorkerGone, WorkerPlace
from bridge.workers.host import EngineHost
from engine.ipc.messages import BlockMade, RungTried
from tests.support.climber import CLIMBER
from tests.support.doubles import CATALOG
from tests.support.rig import running_session, scene

VALUES = {"size": "64x48", "steps": 4, "prompt": ""}
PAINTER, LOAD = CATALOG["painter"], CATALOG["painter"].load()


class Worker(WorkerClient):
    """No process: it reports what the test says, and ends when it is killed."""

    def start(self, number, values) -> None:
        self.set_parameters(number, values)

    def runs(self) -> None:
        self.state, self.loaded = EngineState.RUNNING, True

    def kill(self, *, asked: bool = False) -> None:
        self.asked_to_die = asked
        self.state, self._over = EngineState.IDLE, True
        self._heard(self, WorkerGone(None))

    def stop(self) -> None:
        self._over = True


class Machine:
    """As many workers as are wanted, beside each other if there is `room`."""

    def __init__(self, folder) -> None:
        self._place = WorkerPlace(assets=folder, models=folder)
        self.started: list[Worker] = []
        self.room = True

    def fit_beside(self, row, load, size):
        told = "needs 9 GB, but 1 GB is free"
        return SimpleNamespace(fits=self.room, told=lambda pipeline: f"{pipeline} {told}")

    def start(self, orders, heard, number, values) -> Worker:
        made = Worker(orders, self._place, heard)
        made.start(number, values)
        self.started.append(made)
        return made


class Stage:
    """A host, stepped by the test, and its workers."""

    def __init__(self, folder) -> None:
        self.machine = Machine(folder)
        self.host = EngineHost(
            Settings(folder=folder), self.machine, Counters(), lambda: (1, VALUES),
            lambda: None, lambda: True, lambda times, fed: UNGUIDED, lambda: None,
        )  # fmt: skip

    def begin(self, row=PAINTER, load=LOAD) -> Worker:
        """Switch to a pipeline; its worker."""
        before = len(self.machine.started)
        self.host.switch(row, load)
        self.steps(lambda: len(self.machine.started) > before)
        return self.machine.started[-1]

    def steps(self, done) -> None:
        for _ in range(100):
            self.host._events.put(None)  # so that a step does not wait
            self.host._step()
            if done():
                return
        raise AssertionError("it did not come")

    def shown(self, worker: Worker) -> None:
        worker.runs()
        self.steps(lambda: self.host.current is worker)

    def end(self) -> None:
        self.host._crew.end()
        for worker in self.machine.started:
            worker.stop()
            worker._end_of_life()


@pytest.fixture(name="stage")
def _stage(tmp_path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.end()


def test_kill_engine_ends_what_is_being_prepared_and_the_shown_one_stays(stage):
    stage.shown(old := stage.begin())
    for state in (EngineState.LOADING, EngineState.WARMUP):
        coming = stage.begin(CLIMBER, CLIMBER.load())
        coming.state, coming.trying = state, "rung 4"  # which is not to blame
        stage.host.kill()
        assert (coming.gone, old.gone) == (True, False)
        stage.steps(lambda: stage.host.coming is None)
        told = "climber could not be loaded: The engine worker was ended by `kill_engine`."
        assert (stage.host.error, stage.host.restarts) == (told, 0)
        assert (stage.host.current, stage.host.state) == (old, EngineState.RUNNING)
    stage.host.kill()
    assert old.gone, "nothing is being prepared any more"


def test_kill_engine_brings_back_what_made_room_for_the_one_that_it_ends(stage):
    stage.shown(stage.begin())
    stage.machine.room = False
    stage.begin(CLIMBER, CLIMBER.load())
    stage.host.kill()
    stage.steps(lambda: len(stage.machine.started) == 3)
    assert stage.host.coming.orders.row is PAINTER
    assert "`kill_engine`" in stage.host.error


def test_kill_engine_at_a_cold_start_ends_the_worker_and_another_starts(stage):
    with pytest.raises(ActionError, match="No engine runs"):
        stage.host.kill()
    for count in range(1, 6):  # five deaths of its own would open the breaker
        worker = stage.begin() if count == 1 else stage.machine.started[-1]
        worker.state, worker.trying = EngineState.WARMUP, "rung 4"
        stage.host.kill()
        assert worker.gone
        worker.started -= 1  # that long ago
        stage.steps(lambda count=count: len(stage.machine.started) == count + 1)
        assert (stage.host.restarts, stage.host.state) == (count, EngineState.RESTARTING)
    assert stage.host._tried == set()


def test_a_first_block_is_counted_from_the_change_that_is_waited_for(stage):
    stage.shown(worker := stage.begin())
    worker.block_since = perf_counter() - 12

    def says(after: str, seconds: int) -> bool:
        told = f"painter makes its first block after a change of {after}: {seconds} s so far, "
        return stage.host.reason == f"{told}at most 600 s."

    assert says("inputs", 12), "without a change of a parameter"
    worker.set_parameters(2, VALUES | {"prompt": "one"})
    assert says("inputs", 12), "a prompt has no part in it"
    worker.set_parameters(3, VALUES | {"size": "96x64"})
    assert says("size", 0), "the block of another size is still being made"
    worker.set_parameters(4, VALUES | {"size": "96x64", "steps": 2})
    assert says("size and steps", 0)
    worker._note(BlockMade(frames=1, seconds=1.0, snapshot=3, report={}))
    assert says("size and steps", 0), "that block was made without the last change"
    worker._note(BlockMade(frames=1, seconds=1.0, snapshot=4, report={}))
    assert says("inputs", 12)
    worker.block_since -= 60
    assert stage.host.reason.endswith(": 72 s so far, at most 600 s; `kill_engine` ends it.")


def test_a_worker_that_is_restarted_has_a_reason_all_the_time(stage):
    stage.shown(stage.begin())
    for _ in range(2):  # the second time the next one waits for a second
        worker = stage.host.current
        worker.report = {"notice": "DEMO WEIGHTS"}  # of its last block
        worker.kill()
        stage.steps(lambda worker=worker: stage.host.current is not worker or worker.gone)
        stage.steps(lambda: stage.host.state is EngineState.RESTARTING)
    assert stage.host.current is worker
    assert stage.host.reason == "painter is restarting."
    worker.state = EngineState.WARMUP
    worker.inbox.put(Frame(scene(64, 48), 0.0, 1))
    worker._over = False
    assert stage.host.reason == "painter is warming up.", "no block of it was granted yet"


def test_what_a_worker_died_of_trying_and_what_runs_instead_is_told_and_logged(stage, caplog):
    died = "The engine worker died while trying rung 4"
    first = stage.begin(CLIMBER, CLIMBER.load())
    first._note(RungTried(what="rung 4"))
    first.kill()
    stage.steps(lambda: stage.host.coming is not first)
    assert f"{died}. The next one uses a slower way." in caplog.text
    second = stage.host.coming
    assert stage.host.lowered == f"{died}; climber now uses a slower way."
    second._note(RungTried(what="rung 3"))
    assert stage.host.lowered == f"{died}; climber now tries rung 3."
    second._note(RungTried(what=""))
    stage.shown(second)
    assert stage.host.lowered == f"{died}; climber now runs rung 3."
    stage.begin()
    assert stage.host.lowered == "", "another pipeline was requested"


def test_a_switch_that_died_of_trying_says_nothing_of_the_pipeline_that_stays(stage):
    stage.shown(stage.begin())
    coming = stage.begin(CLIMBER, CLIMBER.load())
    for _ in range(2):  # of the same twice: it is refused
        coming._note(RungTried(what="rung 4"))
        coming.kill()
        stage.steps(lambda was=coming: stage.host.coming is not was)
        coming = stage.host.coming
    assert coming is None
    told = "climber could not be loaded: The engine worker died while trying rung 4."
    assert (stage.host.error, stage.host.lowered) == (told, "")


@pytest.mark.slow
def test_a_slow_first_block_is_ended_by_kill_engine_while_the_old_pictures_come(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 1}) as rig:
        stop = rig.steady_input()
        rig.running()
        worker = rig.session.status().worker
        rig.session.switch("painter", {"first": 600.0})
        rig.until(lambda: rig.session.status().reason == "painter makes its first block.")
        rig.session.actions["kill_engine"].run()
        rig.until(lambda: "`kill_engine`" in rig.session.status().error)
        shown = rig.session.status().frames_new
        rig.until(lambda: rig.session.status().frames_new > shown + 10)
        status = rig.session.status()
        assert (status.worker, status.restarts, status.state) == (worker, 0, "RUNNING")
        assert rig.session.store.snapshot.values["first"] == 0.0, "it holds what runs"
        stop()
