"""The VAE as graphs makes exactly what it makes plainly; what fails or differs is not used.

Captures are stand-ins that run the step again, so these tests prove what is moved where, and which
step is used when; that CUDA's graphs do the same is proven on the card, before each is used.
"""

import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch import Tensor

from engine.bench.op_counts import Counted
from engine.catalog.controls import CausalLoad, CausalParameters
from engine.catalog.specs import DEMO_VAE_WIDTH
from engine.causal import memory_check, vae_graphs
from engine.causal.ladder import Rung
from engine.causal.vae.streams import Stream, Vae, VaeKind, random_vae
from engine.causal.vae_graphs import VaeGraphs
from engine.cost import memory
from engine.cost.vae_layers import VAES
from engine.pipeline import Context, Image, build
from tests.support.tiny_rows import CATALOG

KINDS = pytest.mark.parametrize("kind", ["tae", pytest.param("wan", marks=pytest.mark.slow)])
torch.set_num_threads(1)  # tensors this small only wait for each other

HEIGHT, WIDTH = 2, 2  # of latents
PLAINLY = {"wan": 2, "tae": 1}  # steps until the state has its shape

Answer = Callable[[Callable[[], Tensor], Tensor], None]


def right(call: Callable[[], Tensor], result: Tensor) -> None:
    result.copy_(call())


def stale(call: Callable[[], Tensor], result: Tensor) -> None:
    """All kernels escaped the capture."""


def forgetful(call: Callable[[], Tensor], result: Tensor) -> None:
    """Some did: the images of this step are right, but its state is that of the one before."""
    cells = [each.cell_contents for each in call.__closure__ or ()]  # type: ignore[attr-defined]
    (held,) = (each for each in cells if isinstance(each, dict))
    before = {slot: state.clone() for slot, state in held.items()}
    result.copy_(call())
    for slot, state in before.items():
        held[slot].copy_(state)


class Card:
    """Captures steps and counts replays; a replay takes 1 s, a plain step `plain`."""

    def __init__(self, answer: Answer = right, plain: float = 2.0) -> None:
        self.answer, self.plain = answer, plain
        self.captured = self.replays = 0
        self.broken: Exception | None = None

    def __call__(self, call: Callable[[], Tensor]) -> "tuple[Card.Graph, Tensor]":
        if self.broken:
            raise self.broken
        self.captured += 1
        for _ in range(3):  # warm-ups, and the capture
            result = call()
        return Card.Graph(self, call, result), result

    def clock(self, call: Callable[[], object]) -> float:
        before = self.replays
        call()
        return 1.0 if self.replays > before else self.plain

    class Graph:
        def __init__(self, card: "Card", call: Callable[[], Tensor], result: Tensor) -> None:
            self._card, self._call, self._result = card, call, result

        def replay(self) -> None:
            self._card.replays += 1
            self._card.answer(self._call, self._result)


def both(kind: VaeKind, card: Card) -> tuple[Vae, Vae, VaeGraphs]:
    """The same weights, plain and with graphs."""
    plain = random_vae(kind, torch.float32, "cpu", width=8)
    graphs = VaeGraphs(plain.codec, card, card.clock)
    return plain, Vae(plain.codec, plain.normalised, graphs), graphs


def warmed(kind: VaeKind, card: Card) -> tuple[Vae, Vae, VaeGraphs]:
    made = both(kind, card)
    made[2].warm(HEIGHT, WIDTH)
    card.replays = 0
    return made


def latents(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 16, count, HEIGHT, WIDTH, generator=generator)


def pixels(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, count, 8 * HEIGHT, 8 * WIDTH, generator=generator) * 2 - 1


def decoded(stream: Stream, given: Tensor) -> Tensor:
    return torch.cat([*stream(given)], 2)  # type: ignore[operator]  # a decoder


@KINDS
def test_a_stream_of_graphs_makes_what_a_plain_one_makes(kind: VaeKind) -> None:
    card = Card()
    plain, fast, graphs = warmed(kind, card)
    assert graphs.how == "graphs"
    assert card.captured == 2
    one, other = plain.decoder(), fast.decoder()
    for block in range(3):
        given = latents(3, block)
        assert torch.equal(decoded(one, given), decoded(other, given))
    assert card.replays == 9 - PLAINLY[kind]
    one, other = plain.encoder(), fast.encoder()
    for block in range(3):
        given = pixels(one.pictures(3), block)
        assert torch.equal(one(given), other(given))
    assert card.replays == 18 - 2 * PLAINLY[kind]
    assert not graphs.problem


@pytest.mark.slow
@KINDS
def test_streams_that_take_turns_keep_their_own_state(kind: VaeKind) -> None:
    """Any number of them, in any order, reset at any time, as control video and mask are."""
    chance = random.Random(kind)
    plain, fast, _ = warmed(kind, Card())
    pairs = [(plain.decoder(), fast.decoder()) for _ in range(3)]
    pairs += [(plain.encoder(), fast.encoder()) for _ in range(3)]  # type: ignore[misc]
    for turn in range(40):
        one, other = chance.choice(pairs)
        if chance.random() < 0.1:
            one.reset()
            other.reset()
        if hasattr(one, "pictures"):
            given = pixels(one.pictures(chance.choice((1, 2))), turn)
            assert torch.equal(one(given), other(given))
        else:
            given = latents(chance.choice((1, 2)), turn)
            assert torch.equal(decoded(one, given), decoded(other, given))


def test_what_is_handed_over_is_not_written_over_by_the_next_step() -> None:
    _, fast, _ = warmed("tae", Card())
    decoder = fast.decoder()
    chunks = [*decoder(latents(5, 0))]
    kept = [chunk.clone() for chunk in chunks]
    decoded(decoder, latents(3, 1))
    assert all(map(torch.equal, chunks, kept))


def test_another_size_runs_plainly() -> None:
    card = Card()
    plain, fast, _ = warmed("tae", card)
    given = torch.randn(1, 16, 4, 4, 4)
    assert torch.equal(decoded(plain.decoder(), given), decoded(fast.decoder(), given))
    assert card.replays == 0


@pytest.mark.parametrize("answer", [stale, forgetful])
@KINDS
def test_a_graph_that_differs_is_not_used_and_that_is_told(kind: VaeKind, answer: Answer) -> None:
    card = Card(answer)
    plain, fast, graphs = warmed(kind, card)
    assert graphs.how == "plain"
    assert graphs.problem == ("The VAE runs plainly: its captured CUDA graph gave another result.")
    given = latents(4, 0)
    assert torch.equal(decoded(plain.decoder(), given), decoded(fast.decoder(), given))
    assert card.replays == 0


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("no kernel image\nat x.cpp"), "CUDA graphs (RuntimeError: no kernel image)."),
        (RuntimeError("CUDA error: operation not permitted when stream is capturing"), "captur"),
        (MemoryError("3 GiB"), "runs plainly: too little memory is free for its CUDA graphs."),
        (AssertionError(), "could not be captured as CUDA graphs (AssertionError: no reason given"),
    ],
    ids=["kernel", "capture", "memory", "no words"],
)
def test_a_capture_that_fails_leaves_the_vae_plain_and_that_is_told(
    error: Exception, told: str
) -> None:
    card = Card()
    card.broken = error
    plain, fast, graphs = warmed("tae", card)
    assert graphs.how == "plain"
    assert told in graphs.problem
    given = latents(3, 0)
    assert torch.equal(decoded(plain.decoder(), given), decoded(fast.decoder(), given))


def test_a_lost_context_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card()
    card.broken = RuntimeError("CUDA error: an illegal memory access was encountered")
    monkeypatch.setattr(vae_graphs, "_is_lost", lambda device: True)
    with pytest.raises(RuntimeError, match="illegal memory"):
        warmed("tae", card)


@pytest.mark.parametrize("plain", [0.5, 1.0, 1.02])
def test_a_graph_that_is_not_faster_is_not_used(plain: float) -> None:
    card = Card(plain=plain)
    graphs = warmed("tae", card)[2]
    assert (graphs.how, graphs.problem) == ("plain", "")


def test_without_cuda_nothing_is_captured() -> None:
    codec = random_vae("tae", torch.float32, "cpu", width=8).codec
    graphs = VaeGraphs(codec)
    graphs.warm(HEIGHT, WIDTH)
    assert (graphs.how, graphs.problem) == ("plain", "")


@KINDS
def test_a_graph_that_goes_wrong_later_is_thrown_away_and_never_shown(
    kind: VaeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = Card()
    plain, fast, graphs = warmed(kind, card)
    monkeypatch.setattr(vae_graphs, "CHECK_EVERY", 1)
    graphs._until_check = 4
    one, other = plain.decoder(), fast.decoder()
    assert torch.equal(decoded(one, latents(6, 0)), decoded(other, latents(6, 0)))
    card.answer = stale
    for block in range(1, 4):
        given = latents(3, block)
        assert torch.equal(decoded(one, given), decoded(other, given))
    assert graphs.how == "plain"
    assert "another result" in graphs.problem


def played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, card: Card | None
) -> tuple[list[Image], dict[str, Any]]:
    """Blocks of a pipeline, whose passes are graphs if there is a card, and its report."""
    if card:
        made = partial(VaeGraphs, capture=card, clock=card.clock)
        ways = (Rung("graphs", "sdpa"), Rung("plain", "sdpa"))
        monkeypatch.setattr("engine.causal.runs.VaeGraphs", made)
        monkeypatch.setattr("engine.causal.runs.accelerate", lambda stream, how: how)
        monkeypatch.setattr("engine.causal.pipeline.rungs", lambda load, device: ways)
    load = CausalLoad(weights="demo", vae="tae")
    pipeline = build(CATALOG["longlive"].target, load, Context(tmp_path, tmp_path, lambda *_: None))
    images: list[Image] = []
    for _ in range(4):
        images += pipeline([], CausalParameters(fade=0.0, input_mode="text", size="64x48"))
    report = dict(pipeline.report())
    pipeline.close()
    return images, report


@pytest.mark.slow
@pytest.mark.parametrize("broken", [False, True])
def test_a_pipeline_says_how_its_vae_runs_and_never_fails_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: bool
) -> None:
    found: list[list[Image]] = []
    for card in (None, Card()):
        if card:
            card.broken = RuntimeError("no kernel") if broken else None
        images, report = played(tmp_path, monkeypatch, card)
        found.append(images)
        assert report["vae"] == ("graphs" if card and not broken else "plain")
        told = "The VAE runs plainly: it could not be captured as CUDA graphs (RuntimeError: no ke"
        assert any(told in each for each in report["problems"]) == bool(card and broken)
        assert report["passes"] == ("graphs" if card else "plain")
        if card:
            assert bool(card.replays) != broken
    assert len(found[0]) == len(found[1]) > 40
    assert all(map(np.array_equal, *found))


@pytest.mark.parametrize("kind", ["tae", pytest.param("lightvae", marks=pytest.mark.slow)])
def test_what_the_graphs_hold_is_what_is_predicted(kind: VaeKind) -> None:
    """Each allocation is counted, on the released network."""
    codec = random_vae(kind, torch.float32, "cpu").codec
    working: list[int] = []
    card = Card()
    with Counted() as counted:

        def capture(call: Callable[[], Tensor]) -> tuple[Card.Graph, Tensor]:
            before = counted.peak = counted.alive
            call()
            working.append(counted.peak - before)
            return card(call)

        graphs = VaeGraphs(codec, capture, card.clock)
        graphs.warm(HEIGHT, WIDTH)
    steps = graphs._steps.values()
    held = sum(
        each.nbytes for step in steps for each in (step._given, step._result, *step._held.values())
    )
    pixels = 64 * HEIGHT * WIDTH
    assert len(steps) == 2
    assert memory.vae_graph_bytes(VAES[kind], pixels, 4) == pytest.approx(
        held + max(working), rel=0.07
    )


@pytest.mark.slow
@pytest.mark.parametrize("short", [-1, 0, 1, 3 << 30])
def test_graphs_of_the_vae_that_do_not_fit_are_not_tried_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: int
) -> None:
    width = DEMO_VAE_WIDTH["tae"]
    needed = memory.vae_graph_bytes(VAES["tae"], 64 * 48, 4, width)
    monkeypatch.setattr(memory_check, "free_bytes", lambda device: max(0, needed - short))
    card = Card()
    images, report = played(tmp_path, monkeypatch, card)
    fits = short <= 0
    assert (report["vae"], card.captured) == (("graphs", 2) if fits else ("plain", 0))
    told = [each for each in report["problems"] if "VAE" in each]
    free = "nothing is" if short > needed else r"\d MB are"
    wanted = rf"The VAE runs plainly: its CUDA graphs need \d MB, but {free} free\."
    assert [bool(re.fullmatch(wanted, each)) for each in told] == ([] if fits else [True])
    assert len(images) > 40


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("kind", ["wan", "tae"])
def test_on_a_gpu_graphs_make_what_the_plain_vae_makes(kind: VaeKind) -> None:
    plain = random_vae(kind, torch.float32, "cuda", width=8)
    times = iter([1.0, 2.0] * 100)  # the graph's, the plain step's
    graphs = VaeGraphs(plain.codec, clock=lambda call: (call(), next(times))[1])
    graphs.warm(HEIGHT, WIDTH)
    assert (graphs.how, graphs.problem) == ("graphs", "")
    one, other = plain.decoder(), Vae(plain.codec, plain.normalised, graphs).decoder()
    for block in range(4):
        given = latents(3, block).cuda()
        torch.testing.assert_close(decoded(one, given), decoded(other, given), rtol=0, atol=1e-3)
