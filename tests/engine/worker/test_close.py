"""A pipeline is closed when its worker stops: no thread and no memory is left."""

import io

from engine.ipc.channel import worker_end
from engine.worker.loop import Worker


class Closed:
    count = 0

    def close(self) -> None:
        self.count += 1


class Odd:
    def close(self) -> None:
        raise KeyError("the key of a stranger")


def worker(pipeline: object) -> Worker:
    made = Worker(worker_end(io.BytesIO(), io.BytesIO()), own_process=False)
    made._begin = lambda: setattr(made, "_pipeline", pipeline) or True
    made._block = lambda: False  # told to stop
    return made


def test_a_worker_that_is_told_to_stop_closes_its_pipeline():
    pipeline = Closed()
    assert worker(pipeline).run() == 0
    assert pipeline.count == 1


def test_a_pipeline_that_cannot_be_closed_is_logged_and_the_worker_ends_well(capfd):
    assert worker(Odd()).run() == 0
    assert "the key of a stranger" in capfd.readouterr().err
    assert worker(object()).run() == 0, "one of before, which has no close at all"
