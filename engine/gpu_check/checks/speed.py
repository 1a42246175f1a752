"""Frames a second of each row, against the card's limit and against diffusers' plain forward."""

import gc
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from time import perf_counter

import torch
from torch import Tensor

from engine.bench import figures
from engine.bench.faders import changes
from engine.bench.figures import Runner
from engine.bench.machine import Watched
from engine.bench.plain import Plain
from engine.bench.prompts import pipeline_of
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import KREA, LONGLIVE, REWARD_FORCING, STREAMDIFFUSIONV2
from engine.causal.assembly import Parts
from engine.causal.cuda_graphs import How, accelerate
from engine.causal.network.cache import PassShape
from engine.causal.stream import LatentStream, Run
from engine.causal.vae.streams import VaeKind
from engine.cost.roofline import PICTURES
from engine.gpu_check.ground import Ground, embedding, enough_memory, error, images
from engine.gpu_check.report import Figure, NotRun
from engine.system.json_values import is_list

BLOCKS, TOY_BLOCKS = 20, 3  # timed
PLAIN_BLOCKS = 3  # of diffusers' forward, which is slow
CLOSE = {torch.float32: 1e-3, torch.bfloat16: 0.03}  # largest error of a flow, against diffusers'
VAES: tuple[VaeKind, ...] = ("wan", "tae")  # the default, and the lightest
PATIENCE = 0.5  # share of the time left that shapes may take to be ready for the faders
PIXELS = 8  # of a latent, each way


def longlive(ground: Ground) -> Iterator[Figure]:
    """With the path from a fader to a frame."""
    return _row(ground, LONGLIVE.id)


def streamdiffusionv2(ground: Ground) -> Iterator[Figure]:
    """One pass a block."""
    return _row(ground, STREAMDIFFUSIONV2.id)


def reward_forcing(ground: Ground) -> Iterator[Figure]:
    """An averaged sink."""
    return _row(ground, REWARD_FORCING.id)


def krea(ground: Ground) -> Iterator[Figure]:
    """14B."""
    return _row(ground, KREA.id)


def _row(ground: Ground, row: str) -> Iterator[Figure]:
    spec = ground.spec(row)
    vaes = VAES[:1] if ground.quick else VAES
    if ground.toy:
        vaes = VAES[-1:]  # of a CPU, seconds less
    load = CausalLoad(vae=vaes[0], passes=_way(ground))
    sizes = ground.sizes[:1] if ground.quick or ground.toy else ground.sizes
    enough_memory(ground, spec, load, sizes[0])
    ground.at("weights")
    parts = ground.parts(spec, vae=vaes[0])
    longest = 0.0
    for size in sizes:
        name = "{}x{}".format(*size)
        try:
            enough_memory(ground, spec, load, size)
        except NotRun as why:
            yield Figure(name, f"not run: {why}")
            continue
        if ground.left < longest:
            yield Figure(name, "not run: time")
            continue
        began = perf_counter()
        with Watched(ground.device) as watched:
            yield from _alone(ground, parts, size, name)
            for vae in vaes:
                yield from _whole(ground, parts, load, vae, size, name)
        yield Figure(f"{name}: clock and power", str(watched))
        longest = max(longest, perf_counter() - began)
    if not ground.quick:
        ground.at("faders")
        yield from _faders(ground, parts, load, sizes[0])


def _way(ground: Ground) -> How:
    if ground.toy:
        return "plain"
    return "graphs" if ground.quick else "auto"  # compiling takes longer than a quick check has


def _alone(ground: Ground, parts: Parts, size: tuple[int, int], name: str) -> Iterator[Figure]:
    """The network without VAE."""
    ground.at(f"{name}, the network")
    spec, network = parts.spec, parts.network
    width, height = size
    stream = LatentStream(spec, network, height // PIXELS, width // PIXELS)
    way = accelerate(stream, _way(ground))
    fast = stream.run
    words = embedding(spec.network, 0).to(ground.device)
    runner = Runner(stream, words)
    runner.use(fast)
    runner.fill()
    block = statistics.median(runner.block()["all"] for _ in range(_count(ground)))
    fps = PICTURES * spec.block / block
    yield Figure(f"{name}: network alone, {way}", fps, "frames/s", higher=True)
    rows = stream.rows if spec.batch_steps else 0
    work = figures.work_of(stream, width, height, rows)
    work = replace(work, steps=len(runner.levels))
    source, limits = figures.kernel_ceilings(work, ground.dtype, ground.device)
    share = fps / limits["best"].fps
    yield Figure(f"{name}: of the limit", share, higher=True, beside=source)
    ground.at(f"{name}, diffusers' forward")
    plain = Plain(network, stream.window, words)
    runner.use(plain)
    slow = statistics.median(runner.block()["all"] for _ in range(PLAIN_BLOCKS))
    yield Figure(f"{name}: diffusers' time over ours", slow / block, higher=True)
    yield _difference(ground, runner, fast, plain, name)


def _difference(ground: Ground, runner: Runner, fast: Run, plain: Run, name: str) -> Figure:
    """The largest error of a flow over one block, both made from the same latents."""
    errors: list[float] = []

    def both(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        wanted = plain(plan, latents, timesteps).clone()
        found = fast(plan, latents, timesteps)
        errors.append(error(found, wanted))
        return found

    runner.stream.run = both
    runner.block()
    return Figure(f"{name}: error to diffusers", max(errors), most=CLOSE[ground.dtype])


def _whole(
    ground: Ground,
    parts: Parts,
    load: CausalLoad,
    vae: VaeKind,
    size: tuple[int, int],
    name: str,
) -> Iterator[Figure]:
    """With a VAE, as images in the computer's memory."""
    gc.collect()
    ground.at(f"{name}, with VAE {vae}")
    pipeline = pipeline_of(replace(parts, vae=ground.vae(vae)), load)
    try:
        for _ in range(parts.spec.window // parts.spec.block + 2):
            images(pipeline, size)
        began = perf_counter()
        frames = sum(len(images(pipeline, size)) for _ in range(_count(ground)))
        ground.synchronize()
        fps = frames / (perf_counter() - began)
        yield Figure(f"{name}: with VAE {vae}", fps, "frames/s", higher=True)
        report = pipeline.report()
        told = f"passes {report['passes']}, attention {report['attention']}"
        yield Figure(f"{name}: with VAE {vae}, runs", told, beside=_problems(report))
    finally:
        pipeline.close()


def _problems(report: Mapping[str, object]) -> str:
    """What a pipeline says of itself, such as of a way that failed."""
    problems = report["problems"]
    return " ".join(map(str, problems)) if is_list(problems) else ""


def _faders(
    ground: Ground, parts: Parts, load: CausalLoad, size: tuple[int, int]
) -> Iterator[Figure]:
    pipeline = pipeline_of(parts, load)
    try:
        filled, patience = parts.spec.window // parts.spec.block + 2, PATIENCE * ground.left
        for changed in changes(pipeline, size, filled, patience):
            ground.at(f"faders, after {changed.name}")
            beside = f"{changed.first / changed.block:.2f} block times"
            name = f"{changed.name} changed: its first frame"
            yield Figure(name, 1e3 * changed.first, "ms", higher=False, beside=beside)
    finally:
        pipeline.close()


def _count(ground: Ground) -> int:
    return TOY_BLOCKS if ground.toy else BLOCKS
