"""A second pipeline that is made while the first one plays."""

import gc
import statistics
import threading
from collections.abc import Iterator
from time import perf_counter

from engine.bench.prompts import pipeline_of
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import LONGLIVE, REWARD_FORCING
from engine.causal.assembly import Parts
from engine.causal.pipeline import CausalPipeline
from engine.gpu_check.ground import Ground, enough_memory, images
from engine.gpu_check.report import Figure

BLOCKS = 5


def under_load(ground: Ground) -> Iterator[Figure]:
    """Blocks of the first while the second is made, the second's first, and what is left after."""
    size = ground.sizes[0]
    load = CausalLoad(vae="tae", passes="plain" if ground.toy else "graphs")
    first, second = ground.spec(LONGLIVE.id), ground.spec(REWARD_FORCING.id)
    enough_memory(ground, first, load, size, copies=2)
    playing = pipeline_of(ground.parts(first), load)
    for _ in range(BLOCKS):
        images(playing, size)
    alone = statistics.median(_block(ground, playing, size) for _ in range(BLOCKS))
    yield Figure("a block alone", 1e3 * alone, "ms", higher=False)
    made: list[Parts] = []
    maker = threading.Thread(target=lambda: made.append(ground.parts(second)), name="loader")
    ground.at("blocks while the second pipeline is made")
    maker.start()
    beside = [_block(ground, playing, size)]
    while maker.is_alive():  # the step's budget ends one that is stuck
        beside.append(_block(ground, playing, size))
    maker.join()
    yield Figure("blocks meanwhile", float(len(beside)), least=1)
    yield Figure("the longest of them", max(beside) / alone, "block times", higher=False)
    yield Figure("pipelines made", float(len(made)), least=1)
    if not made:
        return
    playing.close()
    del playing
    gc.collect()
    ground.at("the second pipeline's first block")
    next_one = pipeline_of(made[0], load)
    began = perf_counter()
    shown = images(next_one, size)
    yield Figure("the second's first block", 1e3 * (perf_counter() - began), "ms", higher=False)
    yield Figure("its frames", float(len(shown)), least=1)
    next_one.close()


def _block(ground: Ground, pipeline: CausalPipeline, size: tuple[int, int]) -> float:
    began = perf_counter()
    images(pipeline, size)
    ground.synchronize()
    return perf_counter() - began
