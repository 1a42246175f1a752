"""The causal pipelines: a prompt and optional video in, blocks of images out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from time import sleep
from typing import Self

import torch
from torch import Tensor

from engine import sizes, steps
from engine.catalog import specs
from engine.catalog.controls import CausalLoad, CausalParameters
from engine.causal.assembly import Parts, Sizes, assemble
from engine.causal.block_inputs import Conditioning, Mode, frames_of, pictures_of
from engine.causal.cuda_graphs import accelerate, way
from engine.causal.schedule import Level, Schedule
from engine.causal.stream import LatentStream
from engine.causal.text.prompts import Prompts
from engine.causal.vae.streams import SIDE
from engine.images.assets import Pictures
from engine.pipeline import NO_GUIDES, Context, Guides, Image, UnusableOutput
from engine.system import builds

DEMO_NOTICE = "DEMO WEIGHTS: small and random; the output is abstract noise."
GLANCE = 0.005  # seconds between checks for the very first prompt


class StreamRun:
    """A continuous run: one size, one mode, one number of batched steps."""

    def __init__(
        self, parts: Parts, assets: Pictures, load: CausalLoad, size: tuple[int, int], rows: int
    ) -> None:
        width, height = size
        spec, self.size, self.rows = parts.spec, size, rows
        latent = height // SIDE, width // SIDE
        self.stream = LatentStream(spec, parts.network, *latent, rows)
        self.how = accelerate(self.stream, load.passes)
        self._vae, self._assets = parts.vae, assets
        self.begin("text")

    def begin(self, mode: Mode) -> None:
        """Clear the history and continue in `mode`."""
        self.mode: Mode = mode
        self.stream.reset()
        self.stream.refer(None)  # the new conditioning sets them again
        self.decoder = self._vae.decoder()
        self.conditioning = Conditioning(self.stream, self._vae, self._assets, self.size, mode)


def of_row(load: CausalLoad, context: Context, row: str) -> "CausalPipeline":
    """The pipeline of the spec with the id `row`, with parts of the released sizes."""
    return CausalPipeline.assembled(specs.SPECS[row], Sizes(), load, context)


class CausalPipeline:
    """An endless series of image blocks. One class for all; they differ in `parts.spec`."""

    def __init__(self, load: CausalLoad, context: Context, parts: Parts) -> None:
        self._load = load
        self._parts, self.spec = parts, parts.spec
        self._assets = Pictures(context.assets)
        self._prompts = Prompts(self._parts.encode, self._parts.note)
        self._schedule = Schedule(self.spec.shift)
        self._embedding: Tensor | None = None
        self._take: StreamRun | None = None
        self._problems: list[str] = []
        self._ran: tuple[Level, ...] = ()  # the levels of the last block
        self._noise = 1.0
        self._guides: list[str] = []  # the guides of the last block
        self._vace_scale = 0.0  # of the last block; 0 without VACE

    @classmethod
    def assembled(
        cls, spec: specs.CausalSpec, sizes: Sizes, load: CausalLoad, context: Context
    ) -> Self:
        """Load the pipeline of a spec, which may take minutes; see `assemble` for the errors."""
        # refused here rather than by the first block, which would make worker after worker exit
        way(load.passes, builds.device(cuda=torch.cuda.is_available()))
        return cls(load, context, assemble(spec, sizes, load, context))

    def wanted(self, parameters: CausalParameters) -> int:
        """Images that the next block takes; 0 in text mode."""
        mode = self._mode(parameters, given=True)
        if mode == "text":
            return 0
        continues = self._take is not None and self._take.mode == mode and self._take.stream.frame
        frames = frames_of(self.spec, mode, begins=not continues)
        return pictures_of(frames, begins=not continues)

    def guided(self, parameters: CausalParameters) -> int:
        """Images of each guide that a block without input frames takes; 0 without VACE."""
        if not self._steers(parameters):
            return 0
        begins = self._take is None or not self._take.stream.frame
        return pictures_of(frames_of(self.spec, "text", begins=begins), begins=begins)

    def __call__(
        self,
        images: Sequence[Image],
        parameters: CausalParameters,
        guides: Guides = NO_GUIDES,
    ) -> Iterator[Image]:
        """Yield the block's images, each as soon as it is decoded."""
        self._assets.begin()
        mode = self._mode(parameters, given=bool(images))
        if guides.control and mode == "text":  # the stream continues without the input
            mode = "control"
        levels = self._levels(parameters)
        size = self._size(images or guides.control, parameters.size)
        take = self._ready(size, mode, len(levels) if self.spec.batch_steps else 1)
        moved = self._set_loras(parameters)
        if parameters.manage_cache and (moved or levels != self._ran):
            take.begin(mode)
        self._ran = levels
        self._guides = [name for name in ("control", "mask") if getattr(guides, name)]
        self._prompt(take, parameters, anew=moved)
        inputs = take.conditioning.inputs(images, parameters, levels, guides)
        self._noise = inputs.noise_scale
        self._vace_scale = 0.0 if inputs.control is None else inputs.control_scale
        latents = take.stream.block(inputs)
        if latents is None:
            return
        for chunk in take.decoder(latents):
            take.conditioning.shown(chunk)
            yield from _pictures(chunk)
        take.stream.settle()

    def reset(self) -> None:
        """Clear the stream's history; the prompt stays."""
        if self._take is not None:
            self._take.begin(self._take.mode)

    def report(self) -> Mapping[str, object]:
        """The current state, pending prompts and images, and notes for the user."""
        take, parts = self._take, self._parts
        return {
            "notice": DEMO_NOTICE if self._load.weights == "demo" else "",
            "mode": take.mode if take else "",
            "passes": take.how if take else "",
            "device": str(parts.network.device),
            "size": "x".join(map(str, take.size)) if take else "",
            "memory": parts.memory,
            "precision": parts.precision,
            "loras": parts.strengths,
            "arriving": self._prompts.arriving + self._assets.arriving,
            "fade_left": round(self._prompts.fade_left(), 2),
            "noise_scale": round(self._noise, 3),
            "vace_scale": self._vace_scale,
            "guides": self._guides,
            "problems": [
                *self._prompts.problems, *self._assets.problems.values(), *self._problems,
                *filter(None, [take.conditioning.problem if take else ""]), *parts.remarks,
            ],
        }  # fmt: skip

    def close(self) -> None:
        """Stop the threads and release everything; the pipeline cannot be used afterwards."""
        self._prompts.close()
        self._assets.close()
        self._take = self._embedding = None

    def _mode(self, parameters: CausalParameters, *, given: bool) -> Mode:
        """The mode of a block, with images `given` or not."""
        if parameters.input_mode == "text" or not given:
            return "text"
        steers = self._steers(parameters) and parameters.control_from_input
        return "control" if steers else "video"

    def _steers(self, parameters: CausalParameters) -> bool:
        return parameters.vace_on and self._parts.network.vace is not None

    def _ready(self, size: tuple[int, int], mode: Mode, rows: int) -> StreamRun:
        """The run that a block continues: the last one, or a new one if that is not possible."""
        take = self._take
        if take is None or take.size != size or take.rows != rows:
            self._take = None  # frees its memory first
            take = self._take = StreamRun(self._parts, self._assets, self._load, size, rows)
            if self._embedding is not None:
                take.stream.prompt(self._embedding)
        if take.mode != mode or not take.stream.frame:
            take.begin(mode)
        return take

    def _size(self, images: Sequence[Image], asked: str) -> tuple[int, int]:
        """Width and height of a block: the input's, or the requested size if there is no input."""
        given = (images[0].shape[1], images[0].shape[0]) if images else sizes.sides(asked)
        return sizes.floored(*(given or self.spec.text_size), specs.TOKEN_SIDE)

    def _prompt(self, take: StreamRun, parameters: CausalParameters, *, anew: bool) -> None:
        """Use the current state of the prompts; `anew` sets it again after the network changed.
        Waits only for the very first prompt.
        """
        wishes = [(parameters.prompt, parameters.prompt_weight),
                  (parameters.prompt_2, parameters.prompt_2_weight),
                  (parameters.prompt_3, parameters.prompt_3_weight)]  # fmt: skip
        self._prompts.wish(wishes, parameters.prompt_method, fade=parameters.fade)
        embedding, changed = self._prompts.now()
        while embedding is None:
            if not self._prompts.arriving:
                raise ValueError(" ".join(self._prompts.problems) or "No prompt could be encoded.")
            sleep(GLANCE)
            embedding, changed = self._prompts.now()
        if anew or changed or self._embedding is None:
            self._embedding = embedding
            take.stream.prompt(embedding)

    def _set_loras(self, parameters: CausalParameters) -> bool:
        """Set the LoRAs' strengths; whether one changed, which makes the prompt's keys stale."""
        moved = False
        for place, lora in self._parts.loras.items():
            strength = getattr(parameters, f"lora_{place}_strength")
            moved = moved or lora.strength != strength
            lora.strength = strength
        return moved

    def _levels(self, parameters: CausalParameters) -> tuple[Level, ...]:
        """The requested noise levels; the spec's first list if it has none of that name, which
        may be another pipeline's.
        """
        text = parameters.denoising_steps.strip().lower()
        self._problems = []
        chosen = self.spec.steps.get(text)
        if chosen is None:
            with suppress(ValueError):
                chosen = specs.StepList(steps.levels(text), warped=False)
        if chosen is None:
            named, chosen = [*self.spec.steps], next(iter(self.spec.steps.values()))
            self._problems = [
                f"{self.spec.id} has no denoising_steps called {text!r:.40} and uses {named[0]}; "
                f"choose {', '.join(named)} or numbers from 1000 to 0."
            ]
        return self._schedule.levels(chosen)


def _pictures(chunk: Tensor) -> Iterator[Image]:
    """Decoded pixels (1, 3, frames, H, W) as images (H, W, 4), converted to bytes on the device.

    UnusableOutput if they contain NaN or infinity.
    """
    frames = (chunk[0].permute(1, 2, 3, 0) * 127.5 + 128).clamp(0, 255)
    usable = frames.isfinite().all()
    opaque = torch.full_like(frames[..., :1], 255)
    images = torch.cat((frames, opaque), -1).to(torch.uint8).cpu().numpy()
    if not usable:
        raise UnusableOutput("The pipeline's output contains NaN or infinity.")
    yield from images
