"""A worker that runs out of memory halves its blocks, until another size is asked for."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from engine.ipc.messages import (
    BlockMade,
    Exit,
    FrameRequest,
    PipelineSwapped,
    QualityReduced,
    RingMade,
    WorkerFailed,
)
from tests.engine.worker.test_loop import HELLO, load, talking
from tests.support.roomy import ROOMY, Roomy
from tests.support.slow_cases import rest_slow

TOLD = "Out of memory: now running at half the size."


def order(*, text):
    return replace(
        load(), target=ROOMY.target, load=f"{Roomy.__module__}:{ROOMY.load.__name__}",
        parameters=f"{Roomy.__module__}:{ROOMY.parameters.__name__}", values={"text": text},
    )  # fmt: skip


@contextmanager
def running_low(*, text, **values):
    """A worker whose first block did not fit and was made at half the size."""
    with talking(HELLO, order(text=text)) as talk:
        assert talk.begins(size="32x32", **values) == (0 if text else 1)
        talk.grant(0 if text else 1, number=2, size="32x32", **values)
        assert talk.hears(QualityReduced).text == TOLD
        assert side(talk) == (16 if text else 8), "frames are granted at 16x16"
        assert talk.hears(BlockMade).frames == 1
        yield talk


def side(talk):
    return talk.rings[talk.hears(RingMade).name].width


@pytest.mark.parametrize("text", rest_slow([True, False]))
def test_half_the_size_stays_until_the_size_is_changed_however_much_memory_there_is(text):
    count, room = (0, 300) if text else (1, 100)
    with running_low(text=text, room=room) as talk:
        for number in range(3, 6):
            talk.hears(FrameRequest)
            talk.grant(count, number=number, size="32x32", room=100_000)
            heard = talk.hears((BlockMade, QualityReduced, RingMade))
            assert isinstance(heard, BlockMade), "no bouncing: the size and the badge stay"
        talk.hears(FrameRequest)
        talk.grant(count, number=6, size="48x48", room=100_000)
        assert talk.hears(QualityReduced).text == ""
        assert side(talk) == (48 if text else 16)


@pytest.mark.slow
def test_a_larger_size_that_does_not_fit_either_is_halved_again():
    with running_low(text=True, room=300) as talk:
        talk.hears(FrameRequest)
        talk.grant(0, number=3, size="32x16", room=300)
        assert [talk.hears(QualityReduced).text for _ in range(2)] == ["", TOLD]
        assert side(talk) == 16


def test_out_of_memory_at_half_the_size_too_ends_the_worker():
    with talking(HELLO, order(text=True)) as talk:
        talk.begins(size="32x32", room=0)
        talk.grant(0, number=2, size="32x32", room=0)
        assert talk.hears(WorkerFailed).code is Exit.MEMORY


@pytest.mark.slow
def test_another_pipeline_of_the_family_begins_at_the_whole_size_and_says_so():
    with running_low(text=True, room=300) as talk:
        talk.hears(FrameRequest)
        talk.say(order(text=True))
        assert talk.hears((QualityReduced, PipelineSwapped)) == QualityReduced(text="")
        assert talk.begins(size="32x32", room=5000) == 0
        talk.grant(0, number=4, size="32x32", room=5000)
        assert side(talk) == 32
