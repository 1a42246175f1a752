"""Prompts that are encoded, in a thread of their own, while shapes of pass are captured."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from engine.bench.prompts import text_encoder_of
from engine.catalog.specs import LONGLIVE, UMT5_XXL, TextSize
from engine.causal.stream import LatentStream
from engine.causal.text.encoder import TextEncoder
from engine.gpu_check.checks.graphs import quicken, ways
from engine.gpu_check.ground import Ground, blocks, error, small_stream
from engine.gpu_check.report import Figure

BLOCKS = 12
LAYERS = 2
TOY = TextSize(name="toy", vocabulary=200, width=64, inner=64, ffn=96, heads=4, layers=2, tokens=32)
TEXTS = [f"prompt {number} of a few words" for number in range(4)]
KEPT = 64  # embeddings, the newest, of 4 MB each
CLOSE = 1e-2


def during_captures(ground: Ground) -> Iterator[Figure]:
    """Neither the embeddings nor the blocks may differ from those made one after the other."""
    size = TOY if ground.toy else replace(UMT5_XXL, layers=LAYERS)
    encoder = text_encoder_of(size, ground.dtype, ground.device)
    alone = [encoder(text) for text in TEXTS]
    plain = [latents.clone() for latents in blocks(_stream(ground), BLOCKS)]
    for way in ways(ground):
        ground.at(f"{way}, beside an encoder")
        stream = _stream(ground)
        quicken(ground, stream, way)
        beside = _Beside(encoder)
        with beside:
            fast = [latents.clone() for latents in blocks(stream, BLOCKS)]
        if beside.problem:
            yield Figure(f"{way}: encoder", beside.problem, most=0)
        yield Figure(f"{way}: texts encoded meanwhile", beside.count, least=1)
        texts = max(error(found, alone[place]) for place, found in beside.found)
        yield Figure(f"{way}: error of the embeddings", texts, most=CLOSE, higher=False)
        worst = max(error(*pair) for pair in zip(fast, plain, strict=True))
        yield Figure(f"{way}: error of the blocks", worst, most=CLOSE, higher=False)


def _stream(ground: Ground) -> LatentStream:
    return small_stream(LONGLIVE, torch.float32, ground.device)


class _Beside:
    """Encodes one text after the other for as long as it is entered, at least one of each."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="encoder")
        self.found: deque[tuple[int, Tensor]] = deque(maxlen=KEPT)  # which text, and its embedding
        self.count = 0
        self.problem = ""

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self.count < len(TEXTS) or not self._over.is_set():
                place = self.count % len(TEXTS)
                self.found.append((place, self._encoder(TEXTS[place])))
                self.count += 1
        except RuntimeError as error:  # of CUDA: told as a figure
            self.problem = str(error).partition("\n")[0]
