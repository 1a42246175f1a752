"""One endless stream of latent frames: the loop that all causal pipelines share.

It owns the state of one stream and asks the network for blocks. The differences between the
pipelines come from the `CausalSpec`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from engine.catalog.specs import CausalSpec
from engine.causal.network.cache import KVCache, PassShape, TextCache
from engine.causal.network.transformer import PATCH, CausalTransformer, Layer
from engine.causal.network.upload import to_device
from engine.causal.network.vace import Hints
from engine.causal.schedule import Level, Schedule, denoised, noised
from engine.causal.vace_context import reference_context

Draw: TypeAlias = Callable[[int], Tensor]  # frames to (1, channels, frames, height, width) noise
Run: TypeAlias = Callable[[PassShape, Tensor, Tensor], Tensor]  # pass, latents, timesteps to flow


@dataclass(frozen=True, eq=False)
class BlockInputs:
    """Inputs and conditioning of one block, made by `engine.causal.block_inputs`.

    levels          noise levels, in order
    draw            returns the starting noise, then the noise of each later step
    video           latents to start from, (1, channels, frames, height, width); None for pure noise
    noise_scale     fraction of the video replaced by noise, 0 to 1
    context_head    replaces the first frame in a recomputed context, (1, channels, 1, height,
                    width); None keeps that frame
    context_weight  as in `KVCache.begin`
    control         VACE context, (1, 96, frames, height, width); None if VACE is idle
    control_scale   weight of the VACE hints, 0 to 2
    hint_clean      whether the clean pass gets hints too; the authors' does not
    recache_late    whether the window is recached after the first block of a new prompt; the
                    authors recache it before
    """

    levels: Sequence[Level]
    draw: Draw
    video: Tensor | None = None
    noise_scale: float = 1.0
    context_head: Tensor | None = None
    context_weight: float = 1.0
    control: Tensor | None = None
    control_scale: float = 1.0
    hint_clean: bool = False
    recache_late: bool = False


@dataclass(frozen=True, eq=False)
class Passes:
    """Runs passes of one stream, each layer by `run_layer` if given.

    It has no reference to the stream, so that nothing keeps an unused stream alive.
    """

    network: CausalTransformer
    window: KVCache
    text: TextCache
    hints: Hints | None
    run_layer: Layer | None = None

    def __call__(self, plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
        """Return the flow of a pass; see `CausalTransformer.forward`."""
        memory = self.window, self.text, self.hints
        return self.network(latents, timesteps, plan, *memory, self.run_layer)


def seeded(seed: int, shape: Sequence[int], device: torch.device) -> Draw:
    """Noise for one block, reproducible from the seed; `shape` is (channels, height, width)."""
    meta = device.type == "meta"  # in a rehearsal, which has no numbers
    generator = None if meta else torch.Generator(device).manual_seed(seed)
    channels, height, width = shape

    def draw(frames: int) -> Tensor:
        size = (1, channels, frames, height, width)
        return torch.randn(size, generator=generator, device=device)

    return draw


class LatentStream:
    """Consecutive blocks of latents (1, channels, frames, height, width) in float32.

    A block that fails midway leaves the window half written: call `reset` before the next.
    """

    def __init__(
        self,
        spec: CausalSpec,
        network: CausalTransformer,
        height: int,
        width: int,
        rows: int | None = None,
    ) -> None:
        """`height` and `width` are those of the latents, even; `rows` is the number of batched
        steps if not the authors'.
        """
        self.spec, self.network = spec, network
        self.rows = rows or spec.rows
        dtype, device = network.dtype, network.device
        self.shape = (spec.network.channels, height, width)
        self.window = KVCache(spec, height // PATCH, width // PATCH, self.rows, dtype, device)
        self.text = TextCache(spec, self.rows, dtype, device)
        tokens = height // PATCH, width // PATCH
        vace = network.vace is not None
        self.hints = Hints(spec, *tokens, self.rows, dtype, device) if vace else None
        self._references: tuple[Tensor, Tensor, Tensor] | None = None  # tokens, latents, noise
        self.passes = Passes(network, self.window, self.text, self.hints)
        self.run: Run = self.passes
        self._clean = Schedule(spec.shift).level(0.0)
        channels = spec.network.channels
        self._timesteps = torch.zeros(self.rows, spec.window, device=device)
        self._past = torch.zeros(1, channels, spec.window, height, width, device=device)
        self._first = torch.zeros(1, channels, 1, height, width, device=device)
        self._flight = torch.zeros(self.rows, channels, 1, height, width, device=device)
        self.reset()

    def reset(self) -> None:
        """Clear the stream's history; the prompt stays."""
        self.window.clear()
        self.frame = 0  # finished frames, and so the number of the next one
        self._placed = 0  # frames by which positions lag behind frame numbers
        self._stale = False  # whether the window's keys were made with another prompt
        # the last block, until its clean keys are in the window, and whether that pass gets hints
        self._unsettled: tuple[PassShape, Tensor, bool] | None = None
        self._rows_at: list[tuple[int, int]] = []  # frame number and position of each row in flight
        self._emitted = 0
        self._hinted = False
        self._flight.zero_()

    def prompt(self, embeddings: Tensor) -> None:
        """Switch to another prompt: (1, text tokens, text width), zero beyond its own tokens."""
        self.settle()
        self.network.remember(embeddings, self.text, self.hints)
        self._stale = self.spec.on_prompt == "recache" and self.frame > 0

    def refer(self, latents: Tensor | None) -> None:
        """Steer all further blocks by reference images, each encoded separately: (1, channels,
        images, height, width), or None for no references. Needs a network with VACE.
        """
        if latents is None:
            self._references = None
            return
        device = self.network.device
        latents = latents.to(device, torch.float32)
        tokens = self.network.embedded(reference_context(latents))
        noise = seeded(0, self.shape, device)(latents.shape[2])
        self._references = tokens, latents, noise

    def block(self, inputs: BlockInputs) -> Tensor | None:
        """Make the next block; None until a batch of steps emits its first.

        Calls `settle` first, so that the window has the clean keys of the previous block.
        """
        self.settle()
        self._keep_in_range()
        levels, video = inputs.levels, inputs.video
        frames = video.shape[2] if video is not None else self.spec.frames(begins=not self.frame)
        start = inputs.draw(frames)
        if video is not None:
            start = noised(video, start, inputs.noise_scale)
        if self.spec.batch_steps and len(levels) != self.rows:
            raise ValueError(f"This stream batches {self.rows} steps; got {len(levels)}.")
        if self.hints is not None and inputs.control is not None:
            self.hints.scale.fill_(inputs.control_scale)
            references = None if self._references is None else self._references[0]
            self.hints.write(references, self.network.embedded(inputs.control))
        self._hinted = inputs.control is not None
        if self.spec.batch_steps and self.frame:
            return self._batched(levels, start, inputs.draw)
        if self._stale and not inputs.recache_late:
            self._recache()
        self._recompute(inputs.context_head)
        plan = self.window.begin(
            [self._number()], frames, [self._number() - self._placed], inputs.context_weight
        )
        latents = self._denoise(plan, levels, start, inputs.draw)
        if self.spec.refresh == "clean":
            self._unsettled = plan, latents, self._hinted and inputs.hint_clean
        self._finish(latents)
        if self.spec.batch_steps:
            self._take_off()
        return latents

    def settle(self) -> None:
        """Write the clean keys of the last block into the window: one more pass, if the pipeline
        uses one.

        It is a separate call so that a block's images can be sent first. A late recache replaces
        that pass, because it writes those keys too.
        """
        if self._unsettled is not None:
            plan, latents, hinted = self._unsettled
            self._unsettled = None
            if self._stale:
                self._recache()
                return
            self._pass(plan, latents, [self._clean], hinted=hinted)

    def _number(self) -> int:
        """The next frame's number in the window: a recomputed window holds only the context."""
        return min(self.frame, self.spec.context) if self.spec.context else self.frame

    def _denoise(
        self, plan: PassShape, levels: Sequence[Level], latents: Tensor, draw: Draw
    ) -> Tensor:
        """Denoise the starting latents: one pass per level."""
        for step, level in enumerate(levels):
            if step:
                latents = noised(latents, draw(plan.frames), level.sigma)
            flow = self._pass(plan, latents, [level], hinted=self._hinted)
            latents = denoised(latents, flow, level.sigma)
        return latents

    def _batched(self, levels: Sequence[Level], start: Tensor, draw: Draw) -> Tensor | None:
        """One pass for all steps: row i is i blocks behind row 0 and at level i."""
        flight, last = self._flight, len(levels) - 1
        for row in range(last, 0, -1):
            flight[row].copy_(flight[row - 1])
        flight[0].copy_(start[0])
        self._rows_at = [(self.frame, self.frame - self._placed), *self._rows_at[:last]]
        numbers, places = zip(*self._rows_at, strict=True)
        plan = self.window.begin(numbers, self.spec.block, places)
        sigmas = to_device([level.sigma for level in levels], flight.device, torch.float64)
        flow = self._pass(plan, flight, levels, hinted=self._hinted)
        clean = denoised(flight, flow, sigmas[:, None, None, None, None])
        for row in range(last):
            noise = draw(self.spec.block)[0]
            flight[row].copy_(noised(clean[row], noise, levels[row + 1].sigma))
        self.frame += self.spec.block
        self._emitted += 1
        return clean[last:] if self._emitted > last else None

    def _take_off(self) -> None:
        """Start every row at the end of the first block, which was made step by step."""
        self.window.spread()
        self._rows_at = [(self.frame, self.frame)] * self.rows

    def _recache(self) -> None:
        """Run the window's finished frames through the network again, with the current prompt.

        All frames see each other and the sink. A sink older than these frames keeps its old
        prompt.
        """
        self._stale = False
        frames = min(self.spec.window, self.frame)
        plan = self.window.begin([self.frame - frames], frames)
        self._pass(plan, self._last(frames), [self._clean])

    def _recompute(self, head: Tensor | None) -> None:
        """Clear the window and refill it from finished frames: the first and the latest."""
        if self.spec.refresh != "recompute" or not self.frame:
            return
        recent = self._last(self.spec.context - 1)
        context = torch.cat((self._first if head is None else head, recent), 2)
        self.window.clear()
        self._pass(self.window.begin([0], self.spec.context), context, [self._clean])

    def _keep_in_range(self) -> None:
        """Move positions back before they leave the range the network supports."""
        spec = self.spec
        if not spec.last_position or self.frame - self._placed < spec.last_position:
            return
        if spec.at_last == "jump":
            self._placed = self.frame - (spec.window - 1)
            return
        frames = min(spec.window, self.frame)
        order = self._last(frames)
        for place in range(frames):
            self._past[:, :, place].copy_(order[:, :, place])
        self.frame = frames
        self.window.clear()
        self._recache()

    def _finish(self, latents: Tensor) -> None:
        """Count the frames and keep as many as the window holds."""
        if not self.frame:
            self._first.copy_(latents[:, :, :1])
        for frame in range(latents.shape[2]):
            slot = (self.frame + frame) % self.spec.window
            self._past[:, :, slot].copy_(latents[:, :, frame])
        # an averaged sink works on whole blocks: the last frame of a longer first block is redone
        self.frame += latents.shape[2] if self.spec.sink_decay == 1 else self.spec.block

    def _last(self, frames: int) -> Tensor:
        """The latest finished frames, oldest first."""
        slots = [n % self.spec.window for n in range(self.frame - frames, self.frame)]
        return torch.cat([self._past[:, :, slot, None] for slot in slots], 2)

    def _pass(
        self, plan: PassShape, latents: Tensor, levels: Sequence[Level], *, hinted: bool = False
    ) -> Tensor:
        """One pass, each row at its level; with hints, the references are at that level too."""
        timesteps = self._timesteps[: plan.rows, : plan.frames]
        for row, level in enumerate(levels):
            timesteps[row].fill_(level.timestep)
        if not hinted or self.hints is None:
            return self.run(plan, latents, timesteps)
        plan = plan._replace(hinted=True, references=self.hints.references)
        if self._references is not None:
            _, shown, noise = self._references
            rows = [noised(shown, noise, level.sigma) for level in levels]
            latents = torch.cat((torch.cat(rows), latents), 2)
        return self.run(plan, latents, timesteps)
