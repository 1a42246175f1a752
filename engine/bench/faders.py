"""From a changed fader to the first frame that shows it.

A change takes effect in the next block: what is measured is that block, from its start to its first
frame, and to the end of its work. A change just after a block has begun waits for the rest of it.
"""

import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from engine.catalog.controls import CausalParameters
from engine.causal.pipeline import CausalPipeline

STEADY = 5  # blocks between two changes, of which the median is a block
FADERS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("prompt", {"prompt": "known"}),
    ("prompt_weight", {"prompt_2": "known", "prompt_2_weight": 0.5}),
    ("seed", {"seed": 1}),
    ("cache_bias", {"cache_bias": 0.5}),
    ("vace_scale", {"vace_scale": 0.5}),
    ("denoising_steps", {"denoising_steps": "1000,500"}),
)  # those of text mode, each with values that differ from the defaults


@dataclass(frozen=True, slots=True)
class Changed:
    """Seconds of the block after a change, to its first frame and to its end, and the median of
    blocks without one.
    """

    name: str
    first: float
    whole: float
    block: float


def changes(
    pipeline: CausalPipeline, size: tuple[int, int], filled: int, patience: float = 60.0
) -> Iterator[Changed]:
    """Each fader once; `filled` blocks come first. What a change needs for the first time, such as
    a prompt's encoding or a shape's capture, is done before by changing it there and back. Ends
    where a shape is not ready after `patience` seconds in all.
    """
    plain: dict[str, object] = {
        "prompt": "before", "fade": 0, "size": "{}x{}".format(*size), "input_mode": "text"
    }  # fmt: skip
    until = perf_counter() + patience
    for _ in range(filled):
        _frames(pipeline, plain)
    for name, values in FADERS:
        for changed in ({**plain, **values}, plain) * 2:
            _frames(pipeline, changed)
            while _awaited(pipeline):
                _frames(pipeline, changed)
                if perf_counter() > until:
                    return
        block = statistics.median(_frames(pipeline, plain)[1] for _ in range(STEADY))
        first, whole = _frames(pipeline, {**plain, **values})
        yield Changed(name, first, whole, block)


def _awaited(pipeline: CausalPipeline) -> bool:
    """Whether a text is being encoded, or a shape of pass that a change may need is not warm."""
    report = pipeline.report()
    warm = re.fullmatch(r"warm (\d+) of (\d+)", str(report.get("warm")))
    return bool(report["arriving"]) or (warm is not None and warm[1] != warm[2])


def _frames(pipeline: CausalPipeline, values: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds to the first frame and to the end of its block; a batch of steps that has just begun
    needs several blocks.
    """
    parameters = CausalParameters.model_validate(values)
    began, first = perf_counter(), 0.0
    while not first:
        for _ in pipeline((), parameters):
            first = first or perf_counter() - began
    return first, perf_counter() - began
