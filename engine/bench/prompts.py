"""Time from a prompt change to its first image, with the whole pipeline.

Everything is in units of that pipeline's block time in the same run. Prompts change as a block
begins; one that changes just after waits for the rest of that block, at most 1 more.
"""

import math
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from zlib import crc32

import torch
from torch import Tensor

from engine.bench.figures import Figure
from engine.catalog.controls import CausalLoad, CausalParameters
from engine.causal.assembly import Parts
from engine.causal.pipeline import CausalPipeline
from engine.causal.text.encoder import UMT5_XXL, TextEncoder, TextSize, empty_text_encoder
from engine.causal.text.tokens import Tokens
from engine.pipeline import Context
from engine.weights.checkpoint import randomised

WORDS = 24  # in a prompt
STEADY = 5  # blocks for the median block time
VOCABULARY = 1000  # rows of the token table, which is only indexed


def prompt_to_picture(
    parts: Parts, size: tuple[int, int], load: CausalLoad, changes: int
) -> Iterator[Figure]:
    """Blocks, then this many changes to new prompts, each followed by a known one.

    `size` is width and height in pixels.
    """
    encoder = Watched(parts.encode)
    show = Show(replace(parts, encode=encoder), size, load)
    try:
        known = _prompt("known")
        for _ in range(math.ceil(parts.spec.window / parts.spec.block) + 2):
            show.block(known)
        block = statistics.median(show.block(known).all for _ in range(STEADY))
        pictures = show.block(known).pictures
        yield Figure("with VAE and prompts: a block", f"{1e3 * block:.1f} ms", f"{pictures} frames")
        unseen: list[Arrival] = []
        again: list[Arrival] = []
        pauses: list[float] = []
        calls: list[float] = []
        for number in range(changes):
            unseen.append(show.change(_prompt(str(number))))
            before = len(encoder.seconds)
            seen = show.change(known)
            again.append(seen)
            calls += encoder.seconds[before:]
            pauses.append(seen.all - seen.last + show.block(known).first)
        encoding = f"encoder {1e3 * statistics.median(encoder.seconds):.1f} ms, in parallel"
        yield _arrival("new prompt: first frame", unseen, block, encoding)
        yield _arrival("known prompt: first frame", again, block, "aim: 1 block time")
        pause = f"{statistics.median(pauses) / block:.2f} block times"
        yield Figure("  then to the first of the next block", pause, "from its last frame")
        yield Figure("known prompt: encoder", f"{1e3 * sum(calls):.1f} ms", f"{len(calls)} calls")
    finally:
        show.pipeline.close()


@dataclass(frozen=True)
class Arrival:
    """Seconds from a request to the first and last image of its block, and to the end of its work,
    including clean keys for the next; and the block's number of images.
    """

    first: float
    last: float
    all: float
    pictures: int

    def since(self, waited: float) -> "Arrival":
        """The same for a request made `waited` seconds before the block began."""
        return Arrival(waited + self.first, waited + self.last, waited + self.all, self.pictures)


class Show:
    """A pipeline with these parts, in text mode, block by block."""

    def __init__(self, parts: Parts, size: tuple[int, int], load: CausalLoad) -> None:
        self._size = "{}x{}".format(*size)
        self.pipeline = pipeline_of(parts, load)

    def block(self, prompt: str) -> Arrival:
        """The next block, whatever prompt it shows."""
        parameters = CausalParameters(prompt=prompt, fade=0, size=self._size, input_mode="text")
        began = perf_counter()
        ends = [perf_counter() - began for _ in self.pipeline((), parameters)]
        first, last = (ends[0], ends[-1]) if ends else (math.nan, math.nan)
        return Arrival(first, last, perf_counter() - began, len(ends))

    def change(self, prompt: str) -> Arrival:
        """Change the prompt, and generate blocks until one shows it."""
        waited = 0.0
        while True:
            seen = self.block(prompt)
            # As of this block's start: later arrivals are only collected in the next.
            if seen.pictures and not self.pipeline.report()["arriving"]:
                return seen.since(waited)
            waited += seen.all


@dataclass
class Watched:
    """An encoder that records the seconds for each text."""

    encode: Callable[[str], Tensor]
    seconds: list[float] = field(default_factory=list[float])

    def __call__(self, text: str) -> Tensor:
        """The embedding."""
        began = perf_counter()
        found = self.encode(text)
        if found.is_cuda:  # only queued so far
            torch.cuda.current_stream(found.device).synchronize()
        self.seconds.append(perf_counter() - began)
        return found


class Hashed:
    """Replaces the tokenizer, which needs the authors' file: one token per word."""

    def __init__(self, size: TextSize) -> None:
        self._size = size

    def __call__(self, text: str) -> Tokens:
        """A number below the size of the table for each word, and for the end."""
        words = [*text.split()[: self._size.tokens - 1], "</s>"]
        return Tokens([crc32(word.encode()) % self._size.vocabulary for word in words], False)

    def note(self, text: str) -> str:
        """Nothing, always."""
        return ""


def pipeline_of(parts: Parts, load: CausalLoad, assets: Path | None = None) -> CausalPipeline:
    """The pipeline of these parts; `assets` is the folder of reference images."""
    return CausalPipeline(load, Context(assets or Path(), Path(), _untold), parts)


def random_text_encoder(part: float, dtype: torch.dtype, device: torch.device) -> TextEncoder:
    """The XXL encoder with random weights and the same `part` of its layers as the network: the
    cost does not depend on the values.
    """
    layers = max(1, round(part * UMT5_XXL.layers))
    return text_encoder_of(replace(UMT5_XXL, layers=layers), dtype, device)


def text_encoder_of(size: TextSize, dtype: torch.dtype, device: torch.device) -> TextEncoder:
    """An encoder of that size with random weights and a small table of words."""
    size = replace(size, vocabulary=VOCABULARY)
    model = randomised(empty_text_encoder(size), dtype, device)
    model.shared.cpu()  # as the real one's table
    return TextEncoder(model, Hashed(size), size, dtype, device)


def _untold(phase: str, done: float, whole: float) -> None:
    """Ignore progress."""


def _prompt(name: str) -> str:
    return " ".join(f"{name}-{number}" for number in range(WORDS))


def _arrival(name: str, seen: list[Arrival], block: float, beside: str) -> Figure:
    first, last = (
        statistics.median(times) / block
        for times in ([s.first for s in seen], [s.last for s in seen])
    )
    return Figure(name, f"{first:.2f} block times", f"its last {last:.2f}; {beside}")
