"""Where a step computes, at which scale: on a card at true size, on a CPU at toy size.

Toy networks are those of the demo weights: the same code over networks that a CPU runs in
milliseconds.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from time import perf_counter
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor, nn

from engine.catalog.controls import CausalLoad, CausalParameters
from engine.catalog.specs import DEMO, DEMO_VAE_WIDTH, SPECS, CausalSpec, NetworkSize
from engine.causal.assembly import DEMO_STD, Parts
from engine.causal.network.attention import attention
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.vace import Vace, empty_vace
from engine.causal.network.wan_weights import random_transformer
from engine.causal.pipeline import CausalPipeline
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, Draw, LatentStream, seeded
from engine.causal.vae.streams import Vae, VaeKind, random_vae
from engine.cost.memory import need, total
from engine.gpu_check.report import NotRun
from engine.pipeline import NO_GUIDES, Guides, Image
from engine.weights.checkpoint import randomised

LATENT = (8, 6)  # height and width of toy latents
SIZES = ((320, 576), (512, 512), (832, 480))  # width and height in pixels
TOY_SIZES = ((48, 64), (64, 64), (96, 64))
WORDS = 9  # in a prompt's embedding
VACE_DEMO = replace(DEMO, vace_layers=(0, 1))


@dataclass(frozen=True)
class Ground:
    """The device, and how long a step may take. `at` notes what it is at, in a few words, for the
    report of a step that hangs or crashes.
    """

    device: torch.device
    end: float  # of `perf_counter`
    at: Callable[[str], None]
    quick: bool = False
    asked: str = "auto"  # auto, cuda or cpu

    @classmethod
    def of(
        cls, device: str, seconds: float, at: Callable[[str], None], *, quick: bool = False
    ) -> "Ground":
        """The ground of a device: auto, cuda or cpu. NotRun for CUDA where torch finds none."""
        there = torch.cuda.is_available()
        if device == "cuda" and not there:
            raise NotRun("torch finds no CUDA device")
        chosen = torch.device("cuda" if there and device != "cpu" else "cpu")
        if chosen.type == "cpu":
            torch.set_num_threads(1)  # tensors this small only wait for each other
        return cls(chosen, perf_counter() + seconds, at, quick, device)

    @property
    def toy(self) -> bool:
        """Whether everything is small."""
        return self.device.type == "cpu"

    @property
    def dtype(self) -> torch.dtype:
        """What networks compute in, as in the engine."""
        return torch.float32 if self.toy else torch.bfloat16

    @property
    def sizes(self) -> Sequence[tuple[int, int]]:
        """Widths and heights in pixels."""
        return TOY_SIZES if self.toy else SIZES

    @property
    def left(self) -> float:
        """Seconds until this step is ended."""
        return self.end - perf_counter()

    @property
    def compiles(self) -> bool:
        """Whether layers can be compiled: with Triton, or only traced where this is toy."""
        return self.toy or find_spec("triton") is not None

    def __str__(self) -> str:
        if self.toy:
            return "CPU, toy size"
        return f"{torch.cuda.get_device_name(self.device)}, true size"

    def spec(self, row: str) -> CausalSpec:
        """A row of the catalog, with a toy network where this is toy."""
        return replace(SPECS[row], network=VACE_DEMO) if self.toy else SPECS[row]

    def synchronize(self) -> None:
        """Wait until the device is idle."""
        if not self.toy:
            torch.cuda.synchronize(self.device)

    def network(self, spec: CausalSpec, *, vace: bool = False) -> CausalTransformer:
        """A row's network with random weights."""
        wan = random_transformer(spec.network, self.dtype, self.device, std=self._std)
        module: Vace | None = None
        if vace:
            module = randomised(empty_vace(spec.network), self.dtype, self.device, std=self._std)
        return CausalTransformer(wan, attention("auto", self.device), module)

    def parts(self, spec: CausalSpec, *, vae: VaeKind = "tae", vace: bool = False) -> Parts:
        """All of a pipeline's parts, random; texts are not encoded but hashed."""
        network, device = self.network(spec, vace=vace), self.device

        def encode(text: str) -> Tensor:
            return embedding(spec.network, crc32(text.encode())).to(device)

        return Parts(spec, network, self.vae(vae), encode, lambda text: "")

    def vae(self, kind: VaeKind) -> Vae:
        """A VAE with random weights."""
        width = DEMO_VAE_WIDTH[kind] if self.toy else None
        return random_vae(kind, self.dtype, self.device, width=width)

    @property
    def _std(self) -> float:
        return DEMO_STD if self.toy else 0.02


def images(
    pipeline: CausalPipeline,
    size: tuple[int, int],
    prompt: str = "a red fox",
    *,
    control: bool = False,
    **values: object,
) -> list[Image]:
    """The next block of that size of a pipeline in text mode, or with a `control` video of grey;
    `values` are further parameters. After a change, blocks of the size before it come first, until
    the new one is ready.
    """
    width, height = size
    parameters = CausalParameters.model_validate(
        {"prompt": prompt, "fade": 0, "size": f"{width}x{height}"}
        | {"input_mode": "auto" if control else "text"}
        | values
    )
    while True:  # the step's budget ends what is never ready
        guides = NO_GUIDES
        if control:
            count = pipeline.guided(parameters)
            guides = Guides(control=[np.full((height, width, 4), 128, np.uint8)] * count)
        shown = list(pipeline((), parameters, guides))
        if not shown or shown[0].shape[:2] == (height, width):
            return shown


def embedding(size: NetworkSize, seed: int) -> Tensor:
    """A prompt's embedding, padded with zeros, on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.zeros(1, size.text_tokens, size.text_dim)
    found[:, :WORDS].normal_(generator=generator)
    return found


def small_stream(
    spec: CausalSpec,
    dtype: torch.dtype,
    device: torch.device,
    *,
    vace: bool = False,
    kernel: str = "sdpa",
) -> LatentStream:
    """A stream of that row over a toy network. Its weights are made on the CPU in float32, so that
    they are the same on every device.
    """
    cpu, size = torch.device("cpu"), VACE_DEMO
    wan = random_transformer(size, torch.float32, cpu, std=DEMO_STD)
    nn.Module.to(wan, device, dtype)  # diffusers' own would warn of layers it keeps in float32
    module: Vace | None = None
    if vace:
        made = randomised(empty_vace(size), torch.float32, cpu, seed=1, std=DEMO_STD)
        module = made.to(dtype).to(device)
    network = CausalTransformer(wan, attention(kernel, device), module)
    stream = LatentStream(replace(spec, network=size), network, *LATENT)
    stream.prompt(embedding(size, 0))
    return stream


def blocks(
    stream: LatentStream, count: int, *, on_device: bool = False, **steered: Any
) -> Iterator[Tensor]:
    """The next blocks of latents. Their noise is the same on every device, or drawn `on_device`,
    as the engine does; `steered` are further fields of `BlockInputs`.
    """
    noise = seeded if on_device else portable
    levels = Schedule(stream.spec.shift).levels(stream.spec.steps["authors"])
    for _ in range(count):
        draw = noise(stream.frame, stream.shape, stream.network.device)
        latents = stream.block(BlockInputs(levels, draw, **steered))
        stream.settle()
        if latents is not None:
            yield latents


def portable(seed: int, shape: Sequence[int], device: torch.device) -> Draw:
    """As `engine.causal.stream.seeded`, drawn on the CPU: slower, and the same everywhere."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = shape

    def draw(frames: int) -> Tensor:
        return torch.randn(1, channels, frames, height, width, generator=generator).to(device)

    return draw


def error(found: Tensor, exact: Tensor) -> float:
    """How far a result is off, as a share of the exact one's norm."""
    exact = exact.double()
    off = found.double().to(exact.device) - exact
    return math.sqrt(float((off**2).sum()) / float((exact**2).sum()))


def enough_memory(
    ground: Ground, spec: CausalSpec, load: CausalLoad, size: tuple[int, int], copies: int = 1
) -> None:
    """NotRun if pipelines without text encoders do not fit into the card's free memory."""
    if ground.toy:
        return
    free = torch.cuda.mem_get_info(ground.device)[0]
    needed = copies * total(need(spec, load, *size), ("text encoder", "CUDA"))
    if needed > free:
        raise NotRun(f"memory: {needed / 1e9:.1f} GB needed, {free / 1e9:.1f} GB free")
