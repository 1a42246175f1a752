"""`python -m engine.bench`, which `spout-bridge bench engine` runs."""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from time import perf_counter

import psutil
import torch
from rich.console import Console
from rich.table import Table

from engine.bench import figures
from engine.bench.faders import changes
from engine.bench.figures import Figure, Runner
from engine.bench.machine import Watched, described
from engine.bench.options import parser_of
from engine.bench.prompts import pipeline_of, prompt_to_picture, random_text_encoder
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import SPECS, CausalSpec
from engine.causal.assembly import Parts
from engine.causal.cuda_graphs import accelerate, way
from engine.causal.network.attention import attention
from engine.causal.network.quantization import measured, quantise, scaled_by_row
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.vace import CONTEXT, Vace, empty_vace
from engine.causal.network.wan_weights import load_transformer, random_transformer
from engine.causal.stream import LatentStream
from engine.causal.vae.streams import random_vae
from engine.cost.roofline import floor_size, frame_tokens
from engine.system import builds
from engine.weights.checkpoint import randomised, read

TOKENS_OF_A_PROMPT = 24


def main() -> None:
    """Measure and print."""
    parser = parser_of(_device)
    options = parser.parse_args()
    try:
        _refuse(options)
    except (ValueError, RuntimeError, ImportError) as error:
        parser.error(str(error))
    found = list(report(options, Console(stderr=True)))
    if options.json:
        print(json.dumps([asdict(figure) for figure in found], indent=1))  # noqa: T201
        return
    table = Table("figure", "measured", "note", title="spout-bridge bench engine")
    for figure in found:
        table.add_row(figure.name, figure.value, figure.beside)
    Console().print(table)


def _refuse(options: argparse.Namespace) -> None:
    """Choose the device; ValueError, RuntimeError or ImportError, with the cure, if it cannot."""
    if options.device is None:
        options.device = torch.device(builds.device(cuda=torch.cuda.is_available()))
    way(options.how, options.device.type)
    attention(options.attention, options.device)
    if options.quantization == "fp8":
        scaled_by_row(options.device)


def report(options: argparse.Namespace, console: Console) -> Iterator[Figure]:
    """All figures, in the order measured."""
    device = options.device
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    width, height = floor_size(*options.size)
    spec = SPECS[options.pipeline]
    layers = options.layers or (spec.network.layers if device.type == "cuda" else 2)
    hinted = tuple(layer for layer in spec.network.vace_layers if layer < layers)
    spec = replace(spec, network=replace(spec.network, layers=layers, vace_layers=hinted))
    for name, value in described(device).items():
        yield Figure(name, value)
    built = perf_counter()
    if options.weights == "random":
        wan = random_transformer(spec.network, dtype, device)
    else:
        wan = load_transformer(spec.network, read(options.weights), dtype, device)
    module = _vace(options, spec, dtype, device)
    network = CausalTransformer(wan, attention(options.attention, device), module)
    cast = _quantised(options, network, spec, frame_tokens(width, height))
    stream = LatentStream(spec, network, height // 8, width // 8)
    how = accelerate(stream, options.how)
    fast = stream.run
    fp8 = options.quantization == "fp8"
    rows = stream.rows if spec.batch_steps else 0
    work = figures.work_of(stream, width, height, rows, fp8=fp8)
    runner = Runner(stream, _prompt(stream), control=_control(stream) if module else None)
    work = replace(work, steps=len(runner.levels))
    runner.use(fast)
    seconds = perf_counter() - built
    yield Figure("pipeline", f"{spec.id} {width}x{height}", f"{len(runner.levels)} steps")
    whole = SPECS[spec.id].network.layers
    yield Figure("layers", f"{layers} of {whole}", f"weights {options.weights}")
    precision = f"{dtype}".removeprefix("torch.")
    yield Figure("passes", f"{how}, attention {options.attention}", precision)
    if cast:
        yield Figure("8 bits", cast)
    yield Figure("weights created or read", f"{seconds:.2f} s")
    first = runner.block()["all"]
    since = time.time() - psutil.Process().create_time()
    yield Figure("first block, from process start", f"{since:.2f} s", f"block {first:.2f} s")
    console.print("filling the window …", style="dim")
    filled = runner.fill()
    yield Figure("window full, graphs captured", f"{sum(filled):.2f} s")
    yield figures.compiling(runner, [first, *filled])
    yield figures.cost_of(work)
    source, series = figures.kernel_ceilings(work, dtype, device)
    ceilings = (f"{source}; without VACE's work" if module else source, series)
    console.print(f"{options.blocks} blocks …", style="dim")
    with Watched(device) as watched:
        yield from figures.speed(runner, options.blocks, ceilings)
    yield Figure("clock and power", f"{watched}")
    if not module and not fp8:  # diffusers' blocks have neither
        console.print("comparing with diffusers' blocks …", style="dim")
        yield from figures.against_plain(runner, fast, max(3, options.blocks // 5))
    yield from figures.new_prompt(runner)
    yield from figures.memory(runner, work)
    console.print("from prompt to image …", style="dim")
    yield from _prompts(options, network, spec, layers / whole, (width, height))
    yield from figures.counts(work, dtype, device)


def _vace(
    options: argparse.Namespace, spec: CausalSpec, dtype: torch.dtype, device: torch.device
) -> Vace | None:
    """A VACE module with random weights, where it is asked for."""
    return randomised(empty_vace(spec.network), dtype, device) if options.vace else None


def _quantised(
    options: argparse.Namespace, network: CausalTransformer, spec: CausalSpec, tokens: int
) -> str:
    """Cast the layers that are faster in 8 bits, as the engine does at load; what was cast."""
    if options.quantization == "none":
        return ""
    device = network.device
    faster = measured(
        spec.rows * spec.block * tokens,
        network.dtype,
        device,
        compiled=way(options.how, device.type) == "compiled",
    )
    modules = [module for module in (network.wan, network.vace) if module is not None]
    return str(quantise(modules, spec.network.exact, faster, rowwise=scaled_by_row(device)))


def _control(stream: LatentStream) -> torch.Tensor:
    """A context of VACE in which all may change."""
    _, height, width = stream.shape
    frames = max(stream.spec.block + 1, stream.spec.first_block)
    return torch.ones(1, CONTEXT, frames, height, width, device=stream.network.device)


def _prompts(
    options: argparse.Namespace,
    network: CausalTransformer,
    spec: CausalSpec,
    part: float,
    size: tuple[int, int],
) -> Iterator[Figure]:
    """The whole pipeline with this network, if memory allows."""
    dtype, device = network.dtype, network.device
    vae = options.vae or ("wan" if device.type == "cuda" else "tae")
    try:
        text = random_text_encoder(part, dtype, device)
        yield Figure(
            "other parts", f"VAE {vae}, text encoder", f"{text.size.layers} layers, random"
        )
        parts = Parts(spec, network, random_vae(vae, dtype, device), text, text.note)
        load = CausalLoad(vae=vae, passes=options.how)
        yield from prompt_to_picture(parts, size, load, max(2, options.blocks // 10))
        yield from _faders(parts, size, load)
    except torch.OutOfMemoryError as error:
        yield Figure("prompt to image", "not measured", str(error).split(". ")[0])


def _faders(parts: Parts, size: tuple[int, int], load: CausalLoad) -> Iterator[Figure]:
    pipeline = pipeline_of(parts, load)
    try:
        for changed in changes(pipeline, size, parts.spec.window // parts.spec.block + 2):
            times = f"{changed.first / changed.block:.2f} block times"
            first = f"{1e3 * changed.first:.1f} ms"
            yield Figure(f"{changed.name} changed: first frame", first, times)
    finally:
        pipeline.close()


def _prompt(stream: LatentStream) -> torch.Tensor:
    """An embedding of typical prompt length, padded with zeros."""
    network = stream.spec.network
    embeddings = torch.zeros(1, network.text_tokens, network.text_dim)
    embeddings[:, :TOKENS_OF_A_PROMPT].normal_(generator=torch.Generator().manual_seed(0))
    return embeddings.to(stream.network.device)


def _device(text: str) -> torch.device:
    try:
        device = torch.device(text)
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"takes cuda, cuda:1 … or cpu, not {text!r}") from None
    if device.type not in ("cuda", "cpu"):
        raise argparse.ArgumentTypeError(f"takes cuda, cuda:1 … or cpu, not {text!r}")
    count = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= count:
        raise argparse.ArgumentTypeError(f"takes {text!r} only where torch finds that device")
    return device


if __name__ == "__main__":
    main()
