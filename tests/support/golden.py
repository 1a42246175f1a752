"""Reference values of the model authors' own code, and how they are replayed.

Each file of tests/golden holds random weights under the names of the real checkpoint, all inputs,
and what the authors' code gave after every pass (float32 on a CPU). Its header says the sizes.
Nothing here writes them: they were made by running that code.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from engine.catalog.specs import CausalSpec, NetworkSize
from engine.causal.network.attention import sdpa
from engine.causal.network.cache import PassShape
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.wan_weights import load_transformer
from engine.causal.schedule import Level, Schedule
from engine.causal.stream import BlockInputs, LatentStream
from engine.causal.text.blending import Method, between

torch.set_num_threads(1)  # tensors this small only wait for each other

FOLDER = Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-4  # in float32, on every device
DEVICES = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
])])  # fmt: skip
CORNERS = [0, -1]  # the tokens and heads of a frame that the files hold


class Fixture:
    """One file: `config` from its header, tensors by name, all on one device."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        self.device = device
        with safe_open(FOLDER / f"{name}.safetensors", "pt", device=device) as file:
            self.config: dict[str, Any] = json.loads(file.metadata()["config"])
            self._tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def get(self, name: str) -> Tensor | None:
        """The tensor, where the file has it."""
        return self._tensors.get(name)

    def all(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin so, by the rest of their names."""
        return {k.removeprefix(prefix): t for k, t in self._tensors.items() if k.startswith(prefix)}

    def weights(self) -> dict[str, Tensor]:
        """The checkpoint under its own key names."""
        return self.all("weights.")

    def size(self) -> NetworkSize:
        """The sizes of the file's network."""
        model = self.config["model"]
        return NetworkSize(
            name="tiny",
            layers=model["num_layers"],
            dim=model["dim"],
            ffn=model["ffn_dim"],
            heads=model["num_heads"],
            text_dim=model["text_dim"],
            text_tokens=model["text_len"],
            frequencies=model["freq_dim"],
        )

    def stream(self, spec: CausalSpec, kind: type[LatentStream] = LatentStream) -> LatentStream:
        """A stream of that row with the file's weights in float32."""
        size = self.size()
        wan = load_transformer(size, self.weights(), torch.float32, self.device)
        network = CausalTransformer(wan, sdpa)
        return kind(replace(spec, network=size), network, *self.config["latent_hw"])


class Replay:
    """Runs a file's blocks through a stream and notes the differences after every pass."""

    def __init__(
        self,
        fixture: Fixture,
        spec: CausalSpec,
        *,
        kind: type[LatentStream] = LatentStream,
        levels: Sequence[Level] | None = None,
        prompts: bool = True,
        reencoded: bool = True,
        caches: bool = True,
    ) -> None:
        self.fixture, self.spec, self.prompts = fixture, spec, prompts
        self.reencoded, self.caches = reencoded, caches
        self.stream = fixture.stream(spec, kind)
        schedule = Schedule(spec.shift)
        self.levels = levels or [schedule.level(float(step)) for step in fixture["in.steps"]]
        self.flows: list[Tensor] = []
        self.differences: dict[str, float] = {}
        run = self.stream.run

        def recorded(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
            self.flows.append(run(plan, latents, timesteps))
            return self.flows[-1]

        self.stream.run = recorded

    def worst(self) -> float:
        """The largest difference of the whole run; infinite where passes are missing."""
        shown = -1
        for block in range(self.fixture.config["blocks"]):
            prompt = self.fixture.config.get("prompt_of_block", [0] * 99)[block]
            if prompt != shown and (self.prompts or shown < 0):
                self.stream.prompt(self.fixture[f"in.text.{prompt}"])
                shown = prompt
            self._block(block)
        return max(self.differences.values())

    def _block(self, block: int) -> None:
        fixture, at = self.fixture, f"b{block:02}"
        self.flows.clear()
        inputs = BlockInputs(
            self.levels,
            _given(
                fixture[f"in.{at}.noise"],
                *(fixture[f"in.{at}.renoise.{i}"] for i in range(1, len(self.levels))),
            ),
            video=fixture.get(f"in.{at}.video"),
            noise_scale=fixture.config.get("noise_scale", 1.0),
            context_head=fixture.get(f"in.{at}.reencoded") if self.reencoded else None,
        )
        latents = self.stream.block(inputs)
        self.stream.settle()
        self._note(f"{at}.latents", latents, fixture[f"out.{at}.latents"])
        expected = list(self._expected(block))
        self.differences[f"{at}.passes"] = 0 if len(expected) == len(self.flows) else float("inf")
        for index, (flow, wanted) in enumerate(zip(self.flows, expected, strict=False)):
            self._note(f"{at}.pass{index}", flow, wanted)
        if self.caches:
            self._compare_cache(block)

    def _expected(self, block: int) -> Iterator[Tensor]:
        fixture, at = self.fixture, f"b{block:02}"
        switches = fixture.config.get("switch_at_frames", [])
        if block and 3 * block in switches:
            yield fixture[f"out.recache.{switches.index(3 * block)}.flow"]
        recompute = fixture.get(f"out.{at}.recompute.flow")
        if recompute is not None:
            yield recompute
        for step in range(len(fixture["in.steps"])):
            yield fixture[f"out.{at}.s{step}.flow"]
        clean = fixture.get(f"out.{at}.clean.flow")
        if clean is not None:
            yield clean

    def _compare_cache(self, block: int) -> None:
        window, at = self.stream.window, f"b{block:02}"
        frames = self.fixture.config["cache_frames"][block]
        slots = [
            int(frame[3:]) if isinstance(frame, str) else slot_of(frame, self.spec)
            for frame in frames
        ]
        for kind, cache in (("k", window.keys), ("v", window.values)):
            for layer, name in ((0, "first"), (-1, "last")):
                held = cache[layer][slots][:, CORNERS][:, :, CORNERS]
                wanted = self.fixture[f"out.{at}.cache.{kind}_{name}_layer"]
                self._note(f"{at}.{kind}.{name}", held, wanted)
        held = torch.stack([cache[:, slots] for cache in (window.keys, window.values)], 1)
        sums = torch.stack([held.sum((2, 3, 4, 5)), (held**2).sum((2, 3, 4, 5))], -1)
        wanted = self.fixture[f"out.{at}.cache.sums"]
        self._note(f"{at}.sums", sums / wanted[..., 1:], wanted / wanted[..., 1:])

    def _note(self, name: str, found: Tensor | None, wanted: Tensor) -> None:
        fits = found is not None and found.shape == wanted.shape
        self.differences[name] = (found - wanted).abs().max().item() if fits else float("inf")


class Batch:
    """Replays a file of a batch of steps: the first block step by step, then one call a block."""

    def __init__(
        self, fixture: Fixture, spec: CausalSpec, kind: type[LatentStream] = LatentStream
    ) -> None:
        self.fixture = fixture
        self.stream = fixture.stream(spec, kind)
        self.schedule = Schedule(spec.shift)
        self.calls: list[tuple[Tensor, Tensor]] = []
        run = self.stream.run

        def recorded(plan: PassShape, latents: Tensor, timesteps: Tensor) -> Tensor:
            given = latents.clone()
            self.calls.append((given, run(plan, latents, timesteps)))
            return self.calls[-1][1]

        self.stream.run = recorded

    def worst(self) -> float:
        """The largest difference of inputs, flows and outputs over the whole run."""
        fixture = self.fixture
        levels = [self.schedule.level(float(step)) for step in fixture["in.steps"]]
        self.stream.prompt(fixture["in.text.0"])
        first = self._block("prepare", levels, fixture.config["noise_scales"][0])
        pairs = [(first, fixture["out.prepare.latents"])]
        for step, (_, flow) in enumerate(self.calls):
            pairs.append((flow, fixture[f"out.prepare.s{step}.flow"]))
        for call, scale in enumerate(fixture.config["noise_scales"]):
            at = f"c{call:02}"
            latents = self._block(at, self.schedule.for_video(levels, scale), scale)
            ((given, flow),) = self.calls
            pairs.append((given, fixture[f"out.{at}.rows_x"]))
            pairs.append((flow, fixture[f"out.{at}.rows_flow"]))
            wanted = fixture.get(f"out.{at}.latents")
            assert (latents is None) == (wanted is None)
            if wanted is not None:
                pairs.append((latents, wanted))
        return max((found - wanted).abs().max().item() for found, wanted in pairs)

    def _block(self, at: str, levels: Sequence[Level], scale: float) -> Tensor | None:
        self.calls.clear()
        noises = self.fixture[f"in.{at}.noise"], self.fixture[f"in.{at}.renoise.1"]
        video = self.fixture[f"in.{at}.video"]
        inputs = BlockInputs(levels, _given(*noises), video=video, noise_scale=scale)
        return self.stream.block(inputs)


def slot_of(frame: int, spec: CausalSpec) -> int:
    """Where the ring keeps a frame: the sink first, the others in turn."""
    if frame < spec.window:
        return frame
    return spec.sink + (frame - spec.sink) % (spec.window - spec.sink)


def _given(*noises: Tensor) -> Callable[[int], Tensor]:
    left = iter(noises)
    return lambda frames: next(left)


def transition(source: Tensor, target: Tensor, steps: int, method: Method) -> list[Tensor]:
    """One embedding per block, from the source itself to the target itself; fewer than two steps
    are the target at once.
    """
    if steps < 2:
        return [target]
    return [between(source, target, step / (steps - 1), method) for step in range(steps)]
