"""The path from a changed fader to its first frame."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.bench import faders
from engine.catalog.controls import CausalParameters


class Blocks:
    """A pipeline of two frames a block; it remembers what each block was given."""

    def __init__(self) -> None:
        self.seen: list[CausalParameters] = []
        self.empty = 0  # blocks without frames that come next
        self.arriving = 0
        self.cold = 0  # shapes of pass that are not warm; each block warms one

    def __call__(self, images: Any, parameters: CausalParameters) -> Any:
        self.seen.append(parameters)
        self.arriving = max(0, self.arriving - 1)
        self.cold = max(0, self.cold - 1)
        if self.empty:
            self.empty -= 1
            return
        yield from (object(), object())

    def report(self) -> dict[str, Any]:
        return {"arriving": self.arriving, "warm": f"warm {max(0, 10 - self.cold)} of 10"}


class Ticks:
    """A clock that each look moves by one."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_each_fader_is_measured_in_a_block_that_its_change_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faders, "perf_counter", Ticks())
    pipeline = Blocks()
    found = []
    for changed in faders.changes(pipeline, (64, 48), filled=3):  # type: ignore[arg-type]
        found.append(changed)
        last, before = pipeline.seen[-1], pipeline.seen[-2]
        assert last != before, changed.name
        assert pipeline.seen.count(last) > 1, "its first time, when it may encode and capture"
    assert [changed.name for changed in found] == [name for name, _ in faders.FADERS]
    assert {(each.first, each.whole, each.block) for each in found} == {(1, 2, 2)}


def test_a_batch_that_has_just_begun_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faders, "perf_counter", Ticks())
    pipeline = Blocks()
    pipeline.empty = 2
    first = next(iter(faders.changes(pipeline, (64, 48), filled=1)))  # type: ignore[arg-type]
    assert first.first == 1
    assert len(pipeline.seen) > 3


@pytest.mark.parametrize("what", ["arriving", "cold"])
def test_a_prompt_that_is_encoded_or_a_shape_that_is_captured_is_waited_for(what: str) -> None:
    pipeline = Blocks()
    setattr(pipeline, what, 40)
    next(iter(faders.changes(pipeline, (64, 48), filled=1)))  # type: ignore[arg-type]
    assert len(pipeline.seen) > 40


def test_what_is_never_ready_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faders, "perf_counter", Ticks())
    pipeline = Blocks()
    pipeline.cold = 10_000
    assert list(faders.changes(pipeline, (64, 48), filled=1, patience=100)) == []  # type: ignore[arg-type]
