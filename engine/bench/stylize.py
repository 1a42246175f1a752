"""Benchmark the speed and flicker of `stylize`: `python -m engine.bench.stylize`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np

from engine.catalog.controls import StylizeLoad, StylizeParameters
from engine.pipeline import Context, Image
from engine.stylize.drawing import draw
from engine.stylize.network import Encoder, generator
from engine.stylize.pipeline import Stylize
from engine.stylize.recipes import read

CONVOLUTIONS = Path(__file__).parent / "convolutions.onnx"  # nothing but convolutions


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
    network, image = generator(backend), textured(width, height)
    style = Encoder()(draw(read("starry night")))
    network(image, style)
    times: list[float] = []
    until = perf_counter() + seconds
    while perf_counter() < until or len(times) < 3:
        began = perf_counter()
        network(image, style)
        times.append(perf_counter() - began)
    return times


def pan(frames: int = 12, step: int = 2) -> Iterator[Image]:
    """An image moving left by `step` pixels per frame."""
    wide = textured(320 + frames * step, 192)
    for number in range(frames):
        yield np.ascontiguousarray(wide[:, number * step : number * step + 320])


def still(frames: int = 12) -> Iterator[Image]:
    """A static camera with noise of 3.3 of 255."""
    rng, image = np.random.default_rng(0), textured(320, 192)
    for _ in range(frames):
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


def main() -> None:
    """Print both tables."""
    argparse.ArgumentParser(
        prog="python -m engine.bench.stylize",
        description="Measure the speed and flicker of stylize; takes a minute.",
    ).parse_args()
    write = sys.stdout.write
    for width, height in ((256, 256), (320, 576), (512, 512)):
        milliseconds = 1e3 * float(np.median(bare(width, height, 1.5)))
        write(f"{generator('auto').name}  {width}x{height}  {milliseconds:.1f} ms\n")
    for prompt in ("starry night", "ocean waves"):
        for name, frames, step in (("pan of 2 pixels", pan, 2), ("still, with noise", still, 0)):
            figures = [
                flicker(frames(), step, anti_flicker, prompt) for anti_flicker in (0.0, 0.5, 1.0)
            ]
            text = ", ".join(f"{figure:.2f}" for figure in figures)
            write(f"flicker at anti_flicker 0, 0.5, 1: {text} of 255  ({prompt}, {name})\n")


if __name__ == "__main__":
    main()
