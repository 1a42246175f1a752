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
from engine.causal.block_inputs import PLACES, Mode, pictures_of
from engine.causal.ladder import Ladder, Record, about, rungs
from engine.causal.lanes import lane
from engine.causal.memory_check import stream_fits, vae_graphs_fit
from engine.causal.runs import Request, Runs, StreamRun
from engine.causal.schedule import Level, Schedule
from engine.causal.text.prompts import Prompts, Wish
from engine.causal.transfer import ImageReader
from engine.causal.warmup import Controls
from engine.cost.fit import Fit
from engine.images.assets import Pictures
from engine.images.scaling import resized
from engine.parameters import describe
from engine.pipeline import NO_GUIDES, Context, Guides, Image
from engine.system import builds

DEMO_NOTICE = "DEMO WEIGHTS: small and random; the output is abstract noise."
# Live parameters that give passes another shape. The size comes from the run itself.
SHAPING = (
    *(spec.name for spec in describe(CausalParameters) if spec.shapes and spec.name != "size"),
    *("cache_bias", "reference_weight", "reference_2_weight", "reference_3_weight"),
)
GLANCE = 0.005  # seconds between checks for the very first prompt


def of_row(load: CausalLoad, context: Context, row: str) -> "CausalPipeline":
    """The pipeline of the spec with the id `row`, with parts of the released sizes."""
    return CausalPipeline.assembled(specs.SPECS[row], Sizes(), load, context)


class CausalPipeline:
    """An endless series of image blocks. One class for all; they differ in `parts.spec`."""

    def __init__(self, load: CausalLoad, context: Context, parts: Parts) -> None:
        self._load = load
        self._parts, self.spec = parts, parts.spec
        self._assets = Pictures(context.assets)
        device = parts.network.device
        self._prompts = Prompts(parts.encode, parts.note, lane(device), lane(device))
        self._schedule = Schedule(self.spec.shift)
        self._embedding: Tensor | None = None
        self._reader = ImageReader(lane(device))
        record = Record(context.cache, about(device, parts.spec.id), context.dismissed)
        self._ladder = Ladder(rungs(load, device), record, context.trying)
        context.stopping(self._ladder.stop)
        self._runs = Runs(
            parts, self._assets, self._ladder, context.progress, self._fits_beside, self._vae_fit
        )
        self._held: dict[str, object] = {}  # values that shaped the last block, by name
        self._problems: list[str] = []
        self._ran: tuple[Level, ...] = ()  # the levels of the last block
        self._halved = False  # after running out of memory
        self._noise = 1.0
        self._guides: list[str] = []  # the guides of the last block
        self._vace_scale = 0.0  # of the last block; 0 without VACE

    @classmethod
    def assembled(
        cls, spec: specs.CausalSpec, sizes: Sizes, load: CausalLoad, context: Context
    ) -> Self:
        """Load the pipeline of a spec, which may take minutes; see `assemble` for the errors."""
        # refused here rather than by the first block, which would make worker after worker exit
        rungs(load, torch.device(builds.device(cuda=torch.cuda.is_available())))
        return cls(load, context, assemble(spec, sizes, load, context))

    def wanted(self, parameters: CausalParameters) -> int:
        """Images that the next block takes; 0 in text mode."""
        mode = self._mode(parameters, given=True)
        if mode == "text":
            return 0
        run = self._runs.current
        begins = run is None or run.mode != mode or not run.stream.frame
        return pictures_of(self.spec.frames(begins=begins, video=mode == "video"), begins=begins)

    def guided(self, parameters: CausalParameters) -> int:
        """Images of each guide that a block without input frames takes; 0 without VACE."""
        if not self._steers(parameters):
            return 0
        run = self._runs.current
        begins = run is None or not run.stream.frame
        return pictures_of(self.spec.frames(begins=begins), begins=begins)

    def __call__(
        self,
        images: Sequence[Image],
        parameters: CausalParameters,
        guides: Guides = NO_GUIDES,
    ) -> Iterator[Image]:
        """Yield the block's images, each as soon as it is decoded."""
        self._assets.begin()
        size = self._size(images or guides.control, parameters.size)
        request, levels, mode = self._request(images, parameters, guides, size)
        if not self._runs.ready(request):
            run = self._runs.current
            assert run is not None  # else all is ready
            images, parameters, guides = self._as_before(images, parameters, guides, run.size)
            request, levels, mode = self._request(images, parameters, guides, run.size)
        self._held = {name: getattr(parameters, name) for name in SHAPING}
        self._held["mode"] = mode
        run = self._run(request, mode)
        moved = self._set_loras(parameters)
        if parameters.manage_cache and (moved or levels != self._ran):
            run.begin(mode)
        self._ran = levels
        self._guides = [name for name in ("control", "mask") if getattr(guides, name)]
        self._prompt(run, parameters, anew=moved)
        inputs = run.conditioning.inputs(images, parameters, levels, guides)
        self._noise = inputs.noise_scale
        self._vace_scale = 0.0 if inputs.control is None else inputs.control_scale
        with self._ladder.watched():
            latents = run.stream.block(inputs)
        if latents is None:
            return
        yield from self._reader(self._decoded(run, latents))
        self._ladder.held()
        self._runs.rest()

    def _decoded(self, run: StreamRun, latents: Tensor) -> Iterator[Tensor]:
        """Yield the pixels of each latent; then queue the pass that the next block needs, beside
        which the last images are copied and handed over.
        """
        for chunk in run.decoder(latents):
            run.conditioning.shown(chunk)
            yield chunk
        with self._ladder.watched():
            run.stream.settle()

    def prepare(self, parameters: CausalParameters) -> int:
        """Encode the prompts, read the images and warm the passes of a later block; how many are
        still coming. ValueError for what cannot be, or only once that block is requested.
        """
        left = self._prompts.prepare(_wishes(parameters))
        run = self._runs.current
        if run is None:
            return left
        left += run.conditioning.prepare(parameters)
        given = run.mode != "text" or self._held["input_mode"] == "text"
        mode = self._mode(parameters, given=given)
        if "control" in self._guides and mode == "text":
            mode = "control"
        return left + self._runs.later(self._shaped(parameters, run.size, mode)[0])

    def reset(self) -> None:
        """Clear the stream's history; the prompt stays."""
        if run := self._runs.current:
            run.begin(run.mode)

    def halve(self, halved: bool) -> None:
        """Make blocks without input at half the size, or no longer. Frees the stream's memory."""
        self._halved = halved
        self._runs.close()

    def report(self) -> Mapping[str, object]:
        """The current state, pending prompts and images, and notes for the user."""
        run, parts = self._runs.current, self._parts
        return {
            "notice": DEMO_NOTICE if self._load.weights == "demo" else "",
            "mode": run.mode if run else "",
            "passes": run.how if run else "",
            "vae": run.vae_graphs.how if run else "",
            "attention": self._ladder.rung.kernel,
            "warm": self._runs.warmth,
            "device": str(parts.network.device),
            "size": "x".join(map(str, run.size)) if run else "",
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
                *filter(None, [run.conditioning.problem if run else "", self._runs.problem]),
                *self._ladder.remarks, *parts.remarks,
            ],
        }  # fmt: skip

    def close(self) -> None:
        """Stop the threads and release everything; the pipeline cannot be used afterwards."""
        self._prompts.close()
        self._assets.close()
        self._runs.close()
        self._embedding = None

    def _mode(self, parameters: CausalParameters, *, given: bool) -> Mode:
        """The mode of a block, with images `given` or not."""
        if parameters.input_mode == "text" or not given:
            return "text"
        steers = self._steers(parameters) and parameters.control_from_input
        return "control" if steers else "video"

    def _steers(self, parameters: CausalParameters) -> bool:
        return parameters.vace_on and self._parts.network.vace is not None

    def _request(
        self,
        images: Sequence[Image],
        parameters: CausalParameters,
        guides: Guides,
        size: tuple[int, int],
    ) -> tuple[Request, tuple[Level, ...], Mode]:
        """What a block of these needs at a size, its noise levels and its mode."""
        mode = self._mode(parameters, given=bool(images))
        if guides.control and mode == "text":  # the stream continues without the input
            mode = "control"
        return *self._shaped(parameters, size, mode), mode

    def _shaped(
        self, parameters: CausalParameters, size: tuple[int, int], mode: Mode
    ) -> tuple[Request, tuple[Level, ...]]:
        """What a block of a size and mode needs, and its noise levels."""
        levels = self._levels(parameters)
        names = [f"reference{place}" for place in PLACES]
        shown = [n for n in names if getattr(parameters, n) and getattr(parameters, f"{n}_weight")]
        controls = Controls(
            video=mode == "video",
            references=len(shown) if self._steers(parameters) else None,
            biased=parameters.cache_bias < 1,
            clean_hints=parameters.vace_clean_pass,
            late=parameters.prompt_change == "on_time",
        )
        return Request(size, len(levels) if self.spec.batch_steps else 1, controls), levels

    def _as_before(
        self,
        images: Sequence[Image],
        parameters: CausalParameters,
        guides: Guides,
        size: tuple[int, int],
    ) -> tuple[Sequence[Image], CausalParameters, Guides]:
        """A block in the shape of the last one, which has this size, while what it was asked to be
        is prepared.
        """

        def scaled(images: Sequence[Image]) -> list[Image]:
            return [resized(image, *size) for image in images]

        values = dict(self._held)
        mode = values.pop("mode")
        if mode == "text":
            images, guides = (), NO_GUIDES
        guides = Guides(scaled(guides.control), scaled(guides.mask))
        return scaled(images), parameters.model_copy(update=values), guides

    def _fits_beside(self, size: tuple[int, int]) -> bool:
        """Whether a second run of a size fits into the free memory."""
        parts = self._parts
        return stream_fits(parts.spec, self._load, size, parts.network.device, parts.network.dtype)

    def _vae_fit(self, size: tuple[int, int]) -> Fit:
        """How much of the free memory the VAE's graphs need at a size."""
        network, width = self._parts.network, self._parts.vae_width
        return vae_graphs_fit(self._load, size, network.device, network.dtype, width)

    def _run(self, request: Request, mode: Mode) -> StreamRun:
        """The run that a block continues: the last one, or a new one if that is not possible."""
        run = self._runs.of(request)
        if not run.prompted and self._embedding is not None:
            run.prompted = True
            run.stream.prompt(self._embedding)
        if run.mode != mode or not run.stream.frame:
            run.begin(mode)
        return run

    def _size(self, images: Sequence[Image], asked: str) -> tuple[int, int]:
        """Width and height of a block: the input's, or the requested size if there is no input."""
        given = (images[0].shape[1], images[0].shape[0]) if images else sizes.sides(asked)
        width, height = given or self.spec.text_size
        if self._halved and not images:
            width, height = width // 2, height // 2
        return sizes.floored(width, height, specs.TOKEN_SIDE)

    def _prompt(self, run: StreamRun, parameters: CausalParameters, *, anew: bool) -> None:
        """Use the current state of the prompts; `anew` sets it again after the network changed.
        Waits only for the very first prompt.
        """
        self._prompts.wish(_wishes(parameters), parameters.prompt_method, fade=parameters.fade)
        embedding, changed = self._prompts.now()
        while embedding is None:
            if not self._prompts.arriving:
                self._ladder.stop()
                raise ValueError(" ".join(self._prompts.problems) or "No prompt could be encoded.")
            sleep(GLANCE)
            embedding, changed = self._prompts.now()
        if anew or changed or self._embedding is None:
            self._embedding, run.prompted = embedding, True
            run.stream.prompt(embedding)

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


def _wishes(parameters: CausalParameters) -> Wish:
    """The prompts with their weights."""
    return [(parameters.prompt, parameters.prompt_weight),
            (parameters.prompt_2, parameters.prompt_2_weight),
            (parameters.prompt_3, parameters.prompt_3_weight)]  # fmt: skip
