"""Benchmark the speed and flicker of `stylize`: `python -m engine.bench.stylize`."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeAlias

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.pipeline import Context, Image
from engine.stylize.cores import EVERY, RISES
from engine.stylize.drawing import draw
from engine.stylize.network import Encoder, Generator, OnnxGenerator, generator, session_of
from engine.stylize.pipeline import Stylize
from engine.stylize.recipes import read
from engine.stylize.steady import Steady

CONVOLUTIONS = Path(__file__).parent / "convolutions.onnx"
LAYERS, CHANNELS, TAPS = 4, 64, 9  # of that file: convolutions and nothing else
OPERATIONS = (
    2 * 12_528
)  # per pixel of the network as it was trained, in whatever order they are done
AIM = 0.45  # of this machine's fp32 convolutions
STEADYING = 2.4  # ms of `anti_flicker` for an image of the largest size
SETTLES = EVERY * (RISES + 1)  # seconds until the idle cores are known
TURNS = 3
FRAMES, STEP = 12, 2  # of a clip, and pixels that a pan moves for each
SIZES = ((256, 256), (384, 224), (576, 320), (640, 360))

LIMIT = (
    "limit here: how many images a second one core could make if it did all of the network's work "
    "as fast as plain fp32 convolutions. One thread: onnxruntime in fp32, in processor time, which "
    "other programs do not change. As in a run: by the clock, with the backend and the idle cores "
    "that a run uses, so other programs slow it down"
)

Times: TypeAlias = list[tuple[float, float]]


def textured(width: int, height: int, seed: int = 3) -> Image:
    """An image with detail at every scale, like a photograph."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for octave in range(1, 8):
        cells = rng.uniform(0, 1, (2**octave, 2**octave, 3))
        total += cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC) / octave
    image = np.full((height, width, 4), 255, np.uint8)
    image[..., :3] = 255 * (total - total.min()) / np.ptp(total)
    for place in range(5):
        at = int(width * (0.15 + 0.17 * place)), int(height * (0.3 + 0.1 * (place % 3)))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.circle(image, at, height // 9, (*colour, 255), -1, cv2.LINE_AA)
    return image


def bare(width: int, height: int, seconds: float, backend: str = "auto") -> list[float]:
    """Seconds per image in the generator alone."""
    network = generator(backend)
    times = [clock for clock, _ in _painting(network, width, height, seconds)]
    network.close()
    return times


def peak(seconds: float) -> float:
    """Operations per second of one thread in fp32 convolutions, of which a CPU does most."""
    width, height = 144, 80
    session = session_of(CONVOLUTIONS)
    image = np.ones((1, CHANNELS, height, width), np.float32)
    times = _timed(lambda: session.run(None, {"image": image}), seconds)
    return 2 * LAYERS * TAPS * CHANNELS**2 * width * height / _processor(times)


def part_of_peak(width: int, height: int, seconds: float) -> tuple[float, float]:
    """Images per second by onnxruntime on one thread of this machine, and the part of its
    convolutions' rate that they use. Both are measured in processor time, in turns.
    """
    network, parts = OnnxGenerator(threads=lambda: 1), list[tuple[float, float]]()
    for _ in range(TURNS):
        rate = peak(seconds / TURNS / 2)
        taken = _processor(_painting(network, width, height, seconds / TURNS / 2))
        parts.append((1 / taken, OPERATIONS * width * height / taken / rate))
    network.close()
    rates, shares = zip(*parts, strict=True)
    return float(np.median(rates)), float(np.median(shares))


def _painting(network: Generator, width: int, height: int, seconds: float) -> Times:
    image, style = textured(width, height), Encoder()(draw(read("starry night")))
    return _timed(lambda: network(image, style), seconds)


def _timed(call: Callable[[], object], seconds: float) -> Times:
    """Seconds of each call: of the clock, and of the processor."""
    call()
    times: Times = []
    until = perf_counter() + seconds
    while perf_counter() < until or len(times) < 3:
        began, spent = perf_counter(), process_time()
        call()
        times.append((perf_counter() - began, process_time() - spent))
    return times


def _processor(times: Times) -> float:
    return float(np.median([spent for _, spent in times]))


def pan(width: int = 320, height: int = 192) -> Iterator[Image]:
    """An image moving left by `STEP` pixels per frame."""
    wide = textured(width + FRAMES * STEP, height)
    for number in range(FRAMES):
        yield np.ascontiguousarray(wide[:, number * STEP : number * STEP + width])


def still() -> Iterator[Image]:
    """A static camera with noise of 3.3 of 255."""
    rng, image = np.random.default_rng(0), textured(320, 192)
    for _ in range(FRAMES):
        noisy = image.copy()
        noise = rng.normal(0, 3.3, (*image.shape[:2], 3))
        noisy[..., :3] = np.clip(image[..., :3] + noise, 0, 255)
        yield noisy


def flicker(frames: Iterator[Image], step: int, anti_flicker: float, prompt: str) -> float:
    """Mean change of the paint, of 255, from frame to frame along the known motion."""
    context = Context(Path(), Path(), lambda phase, done, total: None)
    pipeline = Stylize(StylizeLoad(backend="onnx"), context)
    parameters = StylizeParameters(prompt=prompt, anti_flicker=anti_flicker, fade=0)
    last: Image | None = None
    changes: list[float] = []
    for image in frames:
        (paint,) = pipeline([image], parameters)
        if last is not None:
            old = last[:, step:] if step else last
            new = paint[:, : paint.shape[1] - step]
            changes.append(float(np.abs(old[..., :3].astype(int) - new[..., :3]).mean()))
        last = paint
    pipeline.close()
    return float(np.mean(changes[2:]))


def steadying(width: int, height: int) -> float:
    """Seconds that `anti_flicker` takes for an image, between calls of the network."""
    network, steady, times = OnnxGenerator(threads=lambda: 1), Steady(), list[float]()
    style = Encoder()(draw(read("starry night")))
    for image in pan(width, height):
        paint = network(image, style)
        began = perf_counter()
        steady(image, paint, 1.0)
        times.append(perf_counter() - began)
    network.close()
    return float(np.median(times))


def rows() -> Iterator[tuple[str, ...]]:
    """What is measured, with ours, the limit of this machine, and what ours should be."""
    for width, height in SIZES:
        rate, part = part_of_peak(width, height, 3.0)
        ours = f"{rate:.1f} fps, {part:.2f} of the limit"
        yield (
            f"{width}x{height}, one thread",
            ours,
            f"{rate / part:.1f} fps",
            f"{AIM:.2f} of the limit",
        )
    network = generator("auto")
    for width, height in SIZES:
        # The threads rise after some looks at the machine, and a network for this size is made
        # aside: before, it is not as in a run.
        _painting(network, width, height, SETTLES if (width, height) == SIZES[0] else 2.0)
        rate = 1 / np.median([clock for clock, _ in _painting(network, width, height, 1.5)])
        yield f"{width}x{height}, as in a run", f"{rate:.1f} fps, {network.name}"
    network.close()
    width, height = SIZES[-1]
    cost = 1e3 * steadying(width, height)
    yield f"{width}x{height}, anti_flicker", f"{cost:.1f} ms", "", f"{STEADYING:.1f} ms"
    for prompt in ("starry night", "ocean waves"):
        for name, frames, step in (
            (f"pan of {STEP} pixels", pan, STEP),
            ("still, with noise", still, 0),
        ):
            figures = [flicker(frames(), step, strength, prompt) for strength in (0.0, 0.5, 1.0)]
            text = ", ".join(f"{figure:.1f}" for figure in figures)
            yield f"flicker at 0, 0.5, 1: {prompt}, {name}", f"{text} of 255"


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(
        prog="spout-bridge bench stylize",
        description="Measure the speed and flicker of stylize; takes a minute or two.",
    ).parse_args()
    title = "spout-bridge bench stylize"
    table = Table("figure", "ours", "limit here", "aim", title=title, caption=LIMIT)
    console = Console()
    for row in rows():
        console.print(f"{row[0]}: {row[1]}", style="dim")
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
