"""Memory: as predicted, given back after a change of size, and after it ran out."""

import gc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from engine.bench.op_counts import Counted
from engine.bench.prompts import pipeline_of
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import DEMO_VAE_WIDTH, LONGLIVE
from engine.causal.cuda_graphs import accelerate
from engine.causal.network.cache import PassShape
from engine.causal.stream import LatentStream
from engine.cost.memory import Setting, need, total
from engine.gpu_check.ground import (
    Ground,
    blocks,
    enough_memory,
    error,
    images,
    small_stream,
)
from engine.gpu_check.report import Figure
from engine.system.commit import short_of_memory

CHANGES = 8
BLOCKS, TOY_BLOCKS = 2, 1  # of a size
FILLED, TOY_FILLED = 6, 2  # blocks of a prompt; until the window has wrapped
NEAR, TOY_NEAR = 0.1, 0.2  # share by which a prediction may be off
KEPT = 0.5  # windows: less than one
IMPOSSIBLE = 2**60  # bytes
BESIDE = 256 * 2**20  # bytes left free, at least; with a PIECE too few for a larger size
PIECE = 256 * 2**20
CLOSE = 1e-5
ROOM = 1_000_000  # bytes that may stay


def size_changes(ground: Ground) -> Iterator[Figure]:
    """Three sizes in turn. A size needs no more when it comes back than when it came first."""
    spec, load = ground.spec(LONGLIVE.id), _load(ground)
    for size in ground.sizes:
        enough_memory(ground, spec, load, size)
    pipeline = pipeline_of(ground.parts(spec), load)
    window = need(spec, load, *ground.sizes[0], _setting(ground))["window"]
    allocated: list[int] = []
    in_cycles = 0
    try:
        for change in range(CHANGES + 1):
            size = ground.sizes[change % len(ground.sizes)]
            ground.at(f"change {change} of {CHANGES}, to {size[0]}x{size[1]}")
            for _ in range(TOY_BLOCKS if ground.toy else BLOCKS):
                images(pipeline, size)
            before = _allocated(ground)
            gc.collect()
            allocated.append(_allocated(ground))
            in_cycles = max(in_cycles, before - allocated[-1])
    finally:
        pipeline.close()
    for place, size in enumerate(ground.sizes):
        visits = allocated[place :: len(ground.sizes)]
        yield Figure("{}x{}: memory".format(*size), visits[0] / 1e6, "MB")
        kept = (visits[-1] - visits[0]) / window
        yield Figure("{}x{}: windows kept".format(*size), kept, most=KEPT, higher=False)
    yield Figure("windows that only a collection frees", in_cycles / window, higher=False)


def out_of_memory(ground: Ground) -> Iterator[Figure]:
    """A pass that asks for more than there is; then the same blocks as if nothing had been."""
    wanted = _made(small_stream(LONGLIVE, torch.float32, ground.device))
    stream = small_stream(LONGLIVE, torch.float32, ground.device)
    if not ground.toy:
        accelerate(stream, "graphs")
    _made(stream)
    before = _allocated(ground)
    ground.at("a pass that runs out of memory")
    yield Figure("a block without memory", _starved(stream, ground.device), least=1)
    stream.reset()
    ground.at("the blocks after it")
    found = _made(stream)
    worst = max(error(*pair) for pair in zip(found, wanted, strict=True))
    yield Figure("the blocks after it: error", worst, most=CLOSE if ground.toy else 1e-3)
    del found
    gc.collect()
    kept = _allocated(ground) - before
    yield Figure("memory kept after it", kept / 1e6, "MB", most=ROOM / 1e6)
    if not ground.toy:
        yield from _full(ground)


def predicted(ground: Ground) -> Iterator[Figure]:
    """The peak of longlive with VACE, over what `engine.cost` says before it is loaded."""
    spec, size = ground.spec(LONGLIVE.id), ground.sizes[1]
    load = _load(ground).model_copy(update={"vace_load": True, "vae": "wan"})
    said = need(spec, load, *size, _setting(ground))
    absent = ("text encoder", "CUDA")  # not loaded here; not of torch's allocator
    expected = total(said, absent)
    enough_memory(ground, spec, load, size)
    ground.at("the peak")
    peak = _toy_peak(ground, load) if ground.toy else _peak(ground, load)
    yield Figure("predicted", expected / 1e6, "MB")
    yield Figure("peak", peak / 1e6, "MB", higher=False)
    near = TOY_NEAR if ground.toy else NEAR
    yield Figure("peak over predicted", peak / expected, most=1 + near, least=1 - near)


def _load(ground: Ground) -> CausalLoad:
    return CausalLoad(vae="tae", passes="plain" if ground.toy else "graphs")


def _setting(ground: Ground) -> Setting:
    width = DEMO_VAE_WIDTH["wan"] if ground.toy else None
    return Setting(value=ground.dtype.itemsize, gpu=not ground.toy, vae_width=width)


def _allocated(ground: Ground) -> int:
    """Bytes of tensors: of the card's, or of all that Python still has."""
    if not ground.toy:
        ground.synchronize()
        return torch.cuda.memory_allocated(ground.device)
    storages: dict[int, int] = {}
    for one in gc.get_objects():
        if type(one) in (Tensor, nn.Parameter) and one.device.type == "cpu":
            storages[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
    return sum(storages.values())


def _made(stream: LatentStream) -> list[Tensor]:
    return [latents.clone() for latents in blocks(stream, FILLED)]


def _starved(stream: LatentStream, device: torch.device) -> int:
    """1 if a block ended because its second pass got no memory, else 0."""
    run, passes = stream.run, 0

    def starved(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        nonlocal passes
        passes += 1
        if passes == 2:
            torch.empty(IMPOSSIBLE, dtype=torch.uint8, device=device)
        return run(plan, latents, timesteps)

    stream.run = starved
    try:
        list(blocks(stream, 1))
    except RuntimeError:  # torch's OutOfMemoryError is one, and of a CPU it has no other
        return 1
    finally:
        stream.run = run
    return 0


def _full(ground: Ground) -> Iterator[Figure]:
    """A card that something else has filled: the larger size fails, the smaller one runs again."""
    spec, load = ground.spec(LONGLIVE.id), _load(ground)
    small, large = ground.sizes[0], ground.sizes[-1]
    enough_memory(ground, spec, load, large)
    torch.cuda.set_per_process_memory_fraction(1.0)  # pyright: ignore[reportUnknownMemberType]  # untyped
    pipeline = pipeline_of(ground.parts(spec), load)
    try:
        images(pipeline, small)
        torch.cuda.empty_cache()
        ballast = _ballast(ground.device)
        ground.at("a size that does not fit")
        try:
            images(pipeline, large)
            refused = 0
        except Exception as failed:
            if not short_of_memory(failed):
                raise
            refused = 1
        del ballast
        gc.collect()
        torch.cuda.empty_cache()
        yield Figure("a size that does not fit runs out of memory", refused, least=1)
        ground.at("the size before it")
        yield Figure("frames of the size before it", len(images(pipeline, small)), least=1)
    finally:
        pipeline.close()


def _ballast(device: torch.device) -> list[Tensor]:
    """All of the card's free memory but for a little, in pieces, for one may be too large."""
    pieces: list[Tensor] = []
    while torch.cuda.mem_get_info(device)[0] > PIECE + BESIDE:
        pieces.append(torch.empty(PIECE, dtype=torch.uint8, device=device))
    return pieces


def _run_all(ground: Ground, load: CausalLoad) -> None:
    """Parts, a stream whose window wraps, VACE with a control video and three references,
    another prompt.
    """
    spec, (width, height) = ground.spec(LONGLIVE.id), ground.sizes[1]
    shown = {"reference": "0.png", "reference_2": "1.png", "reference_3": "2.png"}
    with TemporaryDirectory() as folder:
        for place, name in enumerate(shown.values()):
            grey = np.full((height, width, 3), 80 * place, np.uint8)
            cv2.imwrite(str(Path(folder) / name), grey)
        parts = ground.parts(spec, vae="wan", vace=True)
        pipeline = pipeline_of(parts, load, assets=Path(folder))
        try:
            for prompt in ("a red fox", "a blue whale"):
                for _ in range(TOY_FILLED if ground.toy else FILLED):
                    images(pipeline, (width, height), prompt, control=True, **shown)
        finally:
            pipeline.close()


def _peak(ground: Ground, load: CausalLoad) -> int:
    torch.cuda.reset_peak_memory_stats(ground.device)
    _run_all(ground, load)
    return torch.cuda.max_memory_reserved(ground.device)


def _toy_peak(ground: Ground, load: CausalLoad) -> int:
    with Counted() as counted:
        _run_all(ground, load)
    return counted.peak
