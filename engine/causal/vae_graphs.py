"""The VAE as CUDA graphs: one for each direction, of the step that a stream repeats.

The first steps of a stream, before its state has its final shape, run plainly. A graph has memory
of its own for the state of one stream, and for that stream nothing is copied; where streams take
turns, as those of control video and mask do, their states are moved in and out.

A graph is proven like those of passes, and used only where it measured faster than the plain step.
One that fails or differs is thrown away, and `VaeGraphs.problem` says so: the VAE then runs
plainly, and the worker continues. Only a lost CUDA context cannot be survived.
"""

import random
import traceback
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from engine.causal.cuda_graphs import CHECK_EVERY, PROOFS, GraphPool, alike
from engine.causal.vae.streams import CHANNELS, COLOURS, GROUP, SIDE, Codec, Past
from engine.system.commit import short_of_memory
from engine.system.gpu_errors import is_cuda_error

Code: TypeAlias = Callable[[Tensor, list[object]], Tensor]  # as `Coder.encode` and `Coder.decode`
SETTLED = 4  # steps by which every VAE's state has its final shape
TRIES = 5  # timed runs of each way, of which the fastest counts
GAIN = 0.97  # of the plain step's time; a graph that takes longer is not worth its memory
WHY = 200  # characters of an error that are shown


class Replayed(Protocol):
    """A captured call."""

    def replay(self) -> None:
        """Run it again: it reads and writes the same tensors."""
        ...


Capture: TypeAlias = Callable[[Callable[[], Tensor]], tuple[Replayed, Tensor]]
Clock: TypeAlias = Callable[[Callable[[], object]], float]


class VaeGraphs:
    """Runs a codec's steps, as graphs once `warm` has captured them. A `Coder`."""

    def __init__(
        self, codec: Codec, capture: Capture | None = None, clock: Clock | None = None
    ) -> None:
        """`capture` and `clock` default to CUDA's; without CUDA everything stays plain."""
        self._codec = codec
        self._capture, self._clock = capture, clock or gpu_seconds
        self._steps: dict[str, GraphStep] = {}
        self._until_check = random.randrange(CHECK_EVERY)
        self.problem = ""  # why the VAE runs plainly although it was captured, as a sentence

    @property
    def how(self) -> Literal["graphs", "plain"]:
        """How steps run."""
        return "graphs" if self._steps else "plain"

    def warm(self, height: int, width: int) -> None:
        """Capture both directions for latents of that height and width, prove and time them."""
        device = next(self._codec.module.parameters()).device
        capture = self._capture or (GraphPool() if device.type == "cuda" else None)
        if capture is None:
            return
        generator = torch.Generator(device).manual_seed(0)

        def latents() -> Tensor:
            shape = (1, CHANNELS, 1, height, width)
            return torch.randn(shape, generator=generator, device=device)

        def pixels(frames: int = GROUP) -> Tensor:
            shape = (1, COLOURS, frames, height * SIDE, width * SIDE)
            return torch.rand(shape, generator=generator, device=device) * 2 - 1

        codec = self._codec
        try:
            steps = {
                "decode": self._proven(codec.decode, codec.decoder_slots, latents, capture),
                "encode": self._proven(
                    codec.encode, codec.encoder_slots, pixels, capture, first=pixels(1)
                ),
            }
        except Exception as error:
            if is_cuda_error(error) and _is_lost(device):
                raise
            traceback.print_exception(error)  # into the bridge's log
            self.problem = f"The VAE runs plainly: {_reason(error)}."
            return
        self._steps = {name: step for name, step in steps.items() if step is not None}

    def encode(self, pixels: Tensor, past: list[object]) -> Tensor:
        """See `Coder`."""
        return self._coded("encode", self._codec.encode, pixels, past)

    def decode(self, latent: Tensor, past: list[object]) -> Tensor:
        """See `Coder`."""
        return self._coded("decode", self._codec.decode, latent, past)

    def _coded(self, name: str, code: Code, given: Tensor, past: list[object]) -> Tensor:
        step = self._steps.get(name)
        if step is None or not isinstance(past, Past) or not step.fits(given, past):
            return code(given, past)
        if self._until_check:
            self._until_check -= 1
            return step(given, past)
        self._until_check = random.randrange(CHECK_EVERY)
        after = list(past)
        exact = code(given, after)
        found = step(given, past)
        if alike(found, exact):
            return found
        self._steps.clear()
        self.problem = f"The VAE runs plainly: {Differs()}."
        past[:] = after
        return exact

    def _proven(
        self,
        code: Code,
        slots: int,
        draw: Callable[[], Tensor],
        capture: Capture,
        first: Tensor | None = None,
    ) -> "GraphStep | None":
        """The captured step; None where it is not faster. Differs where its results are others."""
        past = Past([None] * slots)
        for number in range(SETTLED):
            code(draw() if number or first is None else first, past)
        step = GraphStep(code, draw(), past, capture)
        for _ in range(PROOFS):
            given, after, found_after = draw(), Past(past), Past(past)
            exact = code(given, after)
            found = step(given, found_after)
            if not all(map(alike, (found, *_tensors(found_after)), (exact, *_tensors(after)))):
                raise Differs
            past = after
        given = draw()
        times = [
            (self._clock(lambda: step(given, found_after)), self._clock(lambda: code(given, after)))
            for _ in range(TRIES)
        ]
        fast, plain = map(min, zip(*times, strict=True))
        return step if fast < GAIN * plain else None


class Differs(RuntimeError):
    """A graph whose results are not the plain step's."""

    def __str__(self) -> str:
        return "its captured CUDA graph gave another result"


class GraphStep:
    """One captured step, with the memory that it reads and writes."""

    def __init__(self, code: Code, given: Tensor, past: Past, capture: Capture) -> None:
        """`given` and `past` are of the shapes that the step is repeated with."""
        self._given = given.clone()
        self._held = {
            slot: state.clone() for slot, state in enumerate(past) if isinstance(state, Tensor)
        }
        self._form = _form(given, past)
        others = [None if isinstance(state, Tensor) else state for state in past]
        self._owner: Callable[[], Past | None] = lambda: None
        held, own = self._held, self._given

        def step() -> Tensor:
            after = [held.get(slot, other) for slot, other in enumerate(others)]
            result = code(own, after)
            for slot, state in held.items():
                fresh = after[slot]
                assert isinstance(fresh, Tensor)  # as `past` has shown
                state.copy_(fresh)
            return result

        self._graph, self._result = capture(step)

    def fits(self, given: Tensor, past: Past) -> bool:
        """Whether a step with these is the captured one."""
        return _form(given, past) == self._form

    def __call__(self, given: Tensor, past: Past) -> Tensor:
        """As the plain step; `past`, which must fit, is then in the graph's memory."""
        self._take(past)
        self._given.copy_(given)
        self._graph.replay()
        return self._result.clone()

    def _take(self, past: Past) -> None:
        """Make `past` the state in the graph's memory; the one that is there gets memory again."""
        held = self._held
        if all(past[slot] is state for slot, state in held.items()):
            return
        owner = self._owner()
        for slot, state in held.items():
            if owner is not None and owner[slot] is state:
                owner[slot] = state.clone()
            fresh = past[slot]
            assert isinstance(fresh, Tensor)  # as it fits
            state.copy_(fresh)
            past[slot] = state
        self._owner = weakref.ref(past)


def gpu_seconds(call: Callable[[], object]) -> float:
    """How long the GPU takes for a call."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    call()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000


def _form(given: Tensor, past: Sequence[object]) -> tuple[object, ...]:
    """The shapes of an input and a state."""
    return given.shape, *(each.shape if isinstance(each, Tensor) else each for each in past)


def _tensors(past: Iterable[object]) -> list[Tensor]:
    return [state for state in past if isinstance(state, Tensor)]


def _reason(error: Exception) -> str:
    if isinstance(error, Differs):
        return str(error)
    if short_of_memory(error):
        return "too little memory is free for its CUDA graphs"
    words = (str(error).strip() or "no reason given").splitlines()[0][:WHY].rstrip(".")
    return f"it could not be captured as CUDA graphs ({type(error).__name__}: {words})"


def _is_lost(device: torch.device) -> bool:
    """Whether nothing runs on a CUDA device any more; an error of a capture passes."""
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError:
        return True
    return False
