"""What `kill_engine` ends, and how the end of a worker is told. The workers of the quick tests are
no processes: the test says what they report, and steps the host itself.
"""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from bridge.settings import Settings
from bridge.state.actions import ActionError
from bridge.state.status import Counters, EngineState
from bridge.workers.client import UNGUIDED, WorkerClient, WorkerGone, WorkerPlace
from bridge.workers.host import EngineHost
from tests.support.climber import CLIMBER
from tests.support.doubles import CATALOG
from tests.support.rig import running_session

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
        return SimpleNamespace(fits=self.room)

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
            Settings(folder=folder), self.machine, Counters(), lambda: (1, {}),
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


@pytest.fixture(name="stage")
def _stage(tmp_path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.host._crew.end()


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
