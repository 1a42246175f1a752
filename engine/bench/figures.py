"""The benchmarks: run, time and count. Each function yields lines of the report."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter

import torch
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from engine.bench.machine import Clock, Mark, own_rates
from engine.bench.op_counts import Counted
from engine.bench.plain import Plain
from engine.catalog.specs import CausalSpec
from engine.causal.network.attention import sdpa
from engine.causal.network.cache import PassShape
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.wan_weights import empty_transformer, random_transformer
from engine.causal.schedule import Level, Schedule
from engine.causal.stream import BlockInputs, LatentStream, Run, seeded
from engine.cost.elementwise import WAYS, Way
from engine.cost.gpus import PRECISIONS, find_gpu
from engine.cost.roofline import PICTURES, Ceiling, Work, block_cost, ceiling, limits, memory_floor

SMALL = 64  # pixels per side
STEADY = 5  # blocks whose median counts as a block
AUTHORS_KERNELS, AUTHORS_READS = 68, 5  # per layer: Self-Forcing's own causal model, counted


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    name: str
    value: str
    beside: str = ""


@dataclass
class Runner:
    """A stream with its prompt and steps, timing every pass."""

    stream: LatentStream
    embeddings: Tensor
    control: Tensor | None = None  # a context of VACE, for blocks that it steers
    levels: tuple[Level, ...] = ()
    marks: list[tuple[str, Mark, Mark]] = field(default_factory=list[tuple[str, Mark, Mark]])

    def __post_init__(self) -> None:
        spec = self.stream.spec
        self.levels = Schedule(spec.shift).levels(next(iter(spec.steps.values())))
        self.clock = Clock(self.stream.network.device)
        self._stage = "denoise"
        self.stream.prompt(self.embeddings)

    def use(self, run: Run) -> None:
        """Time the passes of `run` from now on."""

        def timed(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
            start = self.clock.mark()
            flow = run(plan, latents, timesteps)
            stage = self._stage
            if stage == "denoise" and plan.frames > self.stream.spec.block:
                stage = "recache"
            self.marks.append((stage, start, self.clock.mark()))
            return flow

        self.stream.run = timed

    def _control(self) -> Tensor | None:
        """As many frames of the context as the next block has."""
        spec = self.stream.spec
        frames = spec.block if self.stream.frame else spec.first_block
        return None if self.control is None else self.control[:, :, :frames]

    def fill(self) -> list[float]:
        """Generate blocks until the window has wrapped and every shape was replayed; the seconds of
        each.
        """
        stream, spec = self.stream, self.stream.spec
        seconds: list[float] = []
        while min(stream.window.ends) < spec.window or stream.frame < spec.window + 2 * spec.block:
            seconds.append(self.block()["all"])
        return seconds

    def block(self) -> dict[str, float]:
        """Generate one block; seconds by stage, `all` for the whole block."""
        stream, spec = self.stream, self.stream.spec
        self.marks.clear()
        device = stream.network.device
        start = self.clock.mark()
        self._stage = "denoise"
        draw = seeded(stream.frame, stream.shape, device)
        stream.block(BlockInputs(self.levels, draw, control=self._control()))
        self._stage = "clean"
        stream.settle()
        end = self.clock.mark()
        self.clock.wait()
        if spec.refresh == "recompute" and len(self.marks) > len(self.levels):
            self.marks[0] = ("recompute", *self.marks[0][1:])
        stages: dict[str, float] = defaultdict(float)
        for stage, began, ended in self.marks:
            stages[stage] += self.clock.between(began, ended)
        stages["all"] = self.clock.between(start, end)
        return stages


def speed(
    runner: Runner, blocks: int, ceilings: tuple[str, Mapping[Way, Ceiling]]
) -> Iterator[Figure]:
    """Steady-state blocks: duration, time by stage, and share of each limit."""
    began = perf_counter()
    seen = [runner.block() for _ in range(blocks)]
    wall = perf_counter() - began
    whole = [stages["all"] for stages in seen]
    pictures = PICTURES * runner.stream.spec.block
    fps = pictures * blocks / wall
    yield Figure("network only, no VAE: frames per second", f"{fps:.2f}", f"{blocks} blocks, wall")
    yield Figure("block", _spread(whole), f"{pictures} frames")
    inside = 0.0
    for stage in ("recache", "recompute", "denoise", "clean"):
        times = [stages[stage] for stages in seen if stage in stages]
        if times:
            share = sum(times) / sum(whole)
            inside += share
            yield Figure(f"  {stage}", _spread(times), f"{share:.1%}")
    yield Figure("  outside the passes (noise, x0, bookkeeping)", f"{1 - inside:.1%}")
    source, limits = ceilings
    for way, limit in limits.items():
        share = f"{fps / limit.fps:.2f}"
        yield Figure(f"share of the limit, {WAYS[way]}", share, f"{limit.fps:.3g} fps; {source}")


def compiling(runner: Runner, first: list[float]) -> Figure:
    """The part of the `first` blocks' seconds that later blocks do not need: compiling, capturing
    and warming up.
    """
    block = statistics.median(runner.block()["all"] for _ in range(STEADY))
    apart = max(0.0, sum(first) - len(first) * block)
    return Figure("  of these, compiling and capturing", f"{apart:.2f} s", f"{len(first)} blocks")


def against_plain(runner: Runner, fast: Run, blocks: int) -> Iterator[Figure]:
    """The same weights in diffusers' eager blocks, alternating; compares speed and results."""
    stream = runner.stream
    plain = Plain(stream.network, stream.window, runner.embeddings)
    times: dict[str, list[float]] = {"fast": [], "plain": []}
    for _ in range(blocks):
        for name, run in (("fast", fast), ("plain", plain)):
            runner.use(run)
            times[name].append(runner.block()["all"])
    ratio = statistics.median(times["plain"]) / statistics.median(times["fast"])
    yield Figure("speed-up over diffusers' eager blocks", f"{ratio:.2f} times", f"{blocks} each")
    flows: list[Tensor] = []

    def both(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        flows.extend(run(plan, latents, timesteps).clone() for run in (plain, fast))
        return flows[-1]

    stream.run = both
    runner.block()
    pairs = zip(flows[::2], flows[1::2], strict=True)
    furthest = max((one - other).abs().max().item() for one, other in pairs)
    deviation = f"deviation of a flow {flows[0].std():.2f}"
    yield Figure("largest difference from them", f"{furthest:.2e}", deviation)
    runner.use(fast)


def new_prompt(runner: Runner) -> Iterator[Figure]:
    """The cost of a prompt change once its text is encoded."""
    start = runner.clock.mark()
    runner.stream.prompt(runner.embeddings.flip(-1))
    end = runner.clock.mark()
    runner.clock.wait()
    yield Figure("new prompt: text keys", f"{1e3 * runner.clock.between(start, end):.1f} ms")
    stages = runner.block()
    if "recache" in stages:
        yield Figure("new prompt: recache", f"{1e3 * stages['recache']:.1f} ms")
    yield Figure("new prompt: its first block", f"{1e3 * stages['all']:.1f} ms")


def counts(work: Work, dtype: torch.dtype, device: torch.device) -> Iterator[Figure]:
    """Kernels, dispatches and readbacks of a pass, and its FLOP against the formula."""
    one, two = (_small_pass(work.spec, layers, dtype, device) for layers in (1, 2))
    beside = f"the authors' code: {AUTHORS_KERNELS}"
    yield Figure("kernels per layer", f"{two.kernels - one.kernels}", beside)
    yield Figure("dispatched operations per layer", f"{two.dispatched - one.dispatched}")
    reads = f"the authors' code: {AUTHORS_READS} per layer"
    yield Figure("reads back to the host in a pass", f"{two.reads_back}", reads)
    with FlopCounterMode(display=False) as counter:
        _full_pass(work.spec, empty_transformer(work.spec.network), work.width, work.height)
    wanted = work.frames_cost(work.spec.block, work.spec.window, work.rows).flops
    counted = counter.get_total_flops()
    yield Figure("FLOP of a pass", f"{counted / 1e12:.3f} T", f"{counted / wanted:.4f} of formula")


def memory(runner: Runner, work: Work) -> Iterator[Figure]:
    """Peak memory, and after ten resets."""
    floor = sum(memory_floor(work).values())
    yield Figure("memory: weights, window, text", f"{floor / 1e9:.2f} GB", "formula")
    device = runner.stream.network.device
    if device.type != "cuda":
        with Counted() as counted:
            runner.block()
        yield Figure("memory: one block on top", f"{counted.peak / 1e9:.3f} GB", "counted")
        return
    peak = torch.cuda.max_memory_allocated(device)
    for _ in range(10):
        runner.stream.reset()
        runner.block()
    again = torch.cuda.max_memory_allocated(device)
    reserved = torch.cuda.max_memory_reserved(device)
    yield Figure("memory: peak allocated", f"{peak / 1e9:.2f} GB", f"reserved {reserved / 1e9:.2f}")
    yield Figure("memory: peak after 10 resets", f"{again / 1e9:.2f} GB")


def kernel_ceilings(
    work: Work, dtype: torch.dtype, device: torch.device
) -> tuple[str, Mapping[Way, Ceiling]]:
    """The limits that speed is a part of, for each way of fusing; and where the rates are from."""
    gpu = find_gpu(torch.cuda.get_device_name(device)) if device.type == "cuda" else None
    found = limits(work, gpu) if gpu else None
    if gpu and found:
        return f"{gpu.name}; assumed rates: {', '.join(found.assumed) or 'none'}", found.series
    rates = own_rates(work.spec.network, dtype, device)
    tera = f"{rates.linear / 1e12:.3g} and {rates.attention / 1e12:.3g} TFLOP/s"
    limits_here: dict[Way, Ceiling] = {way: ceiling(work, rates, way) for way in WAYS}
    return f"rates of this machine, measured: {tera}", limits_here


def work_of(
    stream: LatentStream, width: int, height: int, steps: int, *, fp8: bool = False
) -> Work:
    """A stream's workload, for the formulas; without VAE and VACE."""
    exact = stream.network.dtype == torch.float32
    precision = PRECISIONS["fp8" if fp8 else "fp32" if exact else "bf16"]
    return Work(
        spec=stream.spec, width=width, height=height, steps=steps, decoder="none",
        precision=precision,
    )  # fmt: skip


def cost_of(work: Work) -> Figure:
    """The FLOP of a block, so that readers can compute their own ratios."""
    parts = {stage: cost.flops / 1e12 for stage, cost in block_cost(work).items()}
    said = ", ".join(f"{stage} {flops:.2f}" for stage, flops in parts.items())
    return Figure("FLOP of a block", f"{sum(parts.values()):.2f} T", said)


def _full_pass(spec: CausalSpec, wan: WanTransformer3DModel, width: int, height: int) -> Counted:
    """One pass with a full window, counted."""
    stream = LatentStream(spec, CausalTransformer(wan, sdpa), height // 8, width // 8)
    rows, shape, device = stream.rows, stream.shape, stream.network.device
    stream.window.ends = [spec.window] * rows
    plan = stream.window.begin([spec.window] * rows, spec.block)
    latents = torch.zeros(rows, shape[0], spec.block, *shape[1:], device=device)
    with Counted() as counted:
        stream.run(plan, latents, torch.zeros(rows, spec.block, device=device))
    return counted


def _small_pass(spec: CausalSpec, layers: int, dtype: torch.dtype, device: torch.device) -> Counted:
    """As `_full_pass` for a small network: the counts do not depend on widths."""
    small = {"layers": layers, "dim": 128, "heads": 2, "ffn": 256, "text_dim": 64}
    spec = replace(spec, network=replace(spec.network, **small))
    return _full_pass(spec, random_transformer(spec.network, dtype, device), SMALL, SMALL)


def _spread(times: list[float]) -> str:
    ranked = sorted(times)
    at = [1e3 * ranked[min(len(ranked) - 1, int(part * len(ranked)))] for part in (0.5, 0.9, 0.99)]
    return "{:.1f} ms (p90 {:.1f}, p99 {:.1f})".format(*at)
