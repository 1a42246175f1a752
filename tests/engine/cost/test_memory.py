"""The memory that a pipeline is said to need is what its parts take."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.bench.op_counts import Counted
from engine.catalog.controls import CausalLoad
from engine.catalog.specs import (
    KREA,
    LONGLIVE,
    REWARD_FORCING,
    SPECS,
    UMT5_XXL,
    WAN_1_3B,
    WAN_14B,
    CausalSpec,
    NetworkSize,
)
from engine.causal.assembly import Sizes
from engine.causal.cuda_graphs import accelerate
from engine.causal.memory_check import kept_parts
from engine.causal.network.attention import attention
from engine.causal.network.cache import KVCache, TextCache
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.vace import Hints, empty_vace
from engine.causal.network.wan_weights import empty_transformer, random_transformer
from engine.causal.pipeline import CausalPipeline
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream, seeded
from engine.causal.text.encoder import empty_text_encoder
from engine.causal.vae.streams import KINDS, VaeKind, empty_vae, random_vae
from engine.cost import memory
from engine.cost.fit import Fit, Remedy, fit_of, pixels
from engine.cost.memory import Setting, need, total
from engine.cost.roofline import frame_tokens, parameters
from engine.cost.vae_layers import VAES
from engine.pipeline import Context, InsufficientMemory
from engine.worker.guards import is_out_of_memory
from tests.support.slow_cases import rest_slow
from tests.support.tiny import SIZE, tiny_stream

ROWS = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
FEW_ROWS = pytest.mark.parametrize("spec", rest_slow(SPECS.values(), 2), ids=SPECS)
NETWORKS = pytest.mark.parametrize("size", [WAN_1_3B, WAN_14B], ids=["1.3B", "14B"])
META, HEIGHT, WIDTH = torch.device("meta"), 480, 832
BF16 = torch.bfloat16
LOAD = CausalLoad()


def count(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def held(*owners: Any) -> int:
    """Bytes of all tensors that these objects have, each storage once."""
    storages: dict[int, int] = {}

    def look(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            storages[value.untyped_storage()._cdata] = value.untyped_storage().nbytes()
        elif isinstance(value, list | tuple):
            for each in value:
                look(each)

    for owner in owners:
        look(list(vars(owner).values()))
    return sum(storages.values())


def attend(queries: Any, keys: Any, values: Any, bias: Any) -> Any:
    """What a fused attention allocates: its result."""
    return torch.empty_like(queries)


def stream_of(
    spec: CausalSpec, dtype: torch.dtype, *, vace: bool = False, layers: int = 2
) -> LatentStream:
    """At its true size on `meta`, with few layers."""
    size = replace(spec.network, layers=layers, vace_layers=(0, 1) if vace else ())
    module = empty_vace(size).to(dtype) if vace else None
    network = CausalTransformer(empty_transformer(size).to(dtype), attend, module)
    return LatentStream(replace(spec, network=size), network, HEIGHT // 8, WIDTH // 8)


@NETWORKS
def test_networks_have_as_many_numbers_as_are_said(size: NetworkSize) -> None:
    assert parameters(size) == count(empty_transformer(size))
    assert memory.vace_parameters(size) == count(empty_vace(size))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [None, 16])
def test_vaes_have_as_many_numbers_as_are_said(kind: VaeKind, width: int | None) -> None:
    assert VAES[kind].width == KINDS[kind].width
    assert VAES[kind].weights(width) == count(empty_vae(kind, width=width).codec.module)


def test_the_text_encoder_has_as_many_numbers_as_are_said() -> None:
    model = empty_text_encoder(UMT5_XXL)
    attention, feed, layers = memory.text_parameters(UMT5_XXL)
    assert layers == count(model) - model.shared.weight.numel()
    block = model.encoder.block[5].layer
    assert (attention, feed) == (count(block[0]), count(block[1]))


@FEW_ROWS
@pytest.mark.parametrize("dtype", rest_slow([BF16, torch.float32]), ids=["bf16", "float32"])
def test_a_stream_keeps_what_is_said(spec: CausalSpec, dtype: torch.dtype) -> None:
    tokens = frame_tokens(WIDTH, HEIGHT)
    stream = stream_of(spec, dtype, layers=spec.network.layers)
    window = stream.window
    said = memory.window_bytes(spec, tokens, dtype.itemsize)
    assert said["keys and values"] == window.keys.nbytes + window.values.nbytes
    assert said["text"] == stream.text.keys.nbytes + stream.text.values.nbytes
    kept = held(stream, window, stream.text, window._rotation)
    assert sum(said.values()) - said["averaged sink"] == kept


@pytest.mark.parametrize("dtype", [BF16, torch.float32], ids=["bf16", "float32"])
def test_an_averaged_sink_keeps_what_is_said(dtype: torch.dtype) -> None:
    spec = replace(REWARD_FORCING, network=SIZE)
    cpu = torch.device("cpu")
    window, text = KVCache(spec, 4, 3, 1, dtype, cpu), TextCache(spec, 1, dtype, cpu)
    window.begin([0], 9)
    window.begin([9], 3)  # three frames leave into the sink
    said = memory.window_bytes(spec, 12, dtype.itemsize)
    timesteps = spec.window * 4
    kept = held(window, text, window._rotation) + timesteps
    assert sum(said.values()) - said["latents"] == kept


@ROWS
def test_vace_is_shown_as_much_as_is_said(spec: CausalSpec) -> None:
    hints = Hints(spec, HEIGHT // 16, WIDTH // 16, spec.rows, BF16, META)
    said = memory.vace_context_bytes(spec, frame_tokens(WIDTH, HEIGHT), 2)
    assert said == held(hints, hints.text) - hints.scale.nbytes


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_vae_streams_keep_and_use_what_is_said(kind: VaeKind) -> None:
    size, pixels = VAES[kind], HEIGHT * WIDTH
    encoder, decoder = size.past(pixels)
    for encodes, past, working in ((True, encoder, size.encode), (False, decoder, size.decode)):
        kept, used = coded(kind, encodes=encodes)
        assert kept == 2 * past
        assert used == pytest.approx(2 * working * size.width * pixels, rel=0.005)


def coded(kind: VaeKind, *, encodes: bool) -> tuple[int, int]:
    """Bytes that a stream of a VAE keeps, and those that its fourth latent needs meanwhile."""
    vae = empty_vae(kind)
    vae.codec.module.to(BF16)
    past = [None] * (vae.codec.encoder_slots if encodes else vae.codec.decoder_slots)
    with torch.no_grad(), Counted() as counted:
        for frames in (1, 4, 4, 4):
            counted.peak = counted.alive
            if encodes:
                vae.codec.encode(torch.empty(1, 3, frames, HEIGHT, WIDTH, device=META), past)
            else:
                latent = torch.empty(1, 16, 1, HEIGHT // 8, WIDTH // 8, device=META)
                vae.codec.decode(latent, past)
                del latent
    return counted.alive, counted.peak - counted.alive


def worked(stream: LatentStream, frames: int, references: int = 0) -> int:
    """Bytes that one pass over a full window needs meanwhile."""
    spec, window = stream.spec, stream.window
    rows = spec.rows if frames == spec.block else 1
    full = spec.window if frames in (spec.block, spec.window) else frames
    window.ends = [full - frames] * stream.rows
    plan = window.begin([full - frames] * rows, frames)
    if references and stream.hints:
        stream.hints.references = references
        plan = plan._replace(hinted=True, references=references)
    device = stream.network.device
    shape = (rows, 16, frames + references, *stream.shape[1:])
    latents, steps = torch.zeros(shape, device=device), torch.zeros(rows, frames, device=device)
    with torch.no_grad(), Counted() as counted:
        stream.run(plan, latents, steps)  # what it has seen now was there before
        before = counted.peak = counted.alive
        stream.run(plan, latents, steps)
    return counted.peak - before


@pytest.mark.slow
@FEW_ROWS
@pytest.mark.parametrize("vace", rest_slow([False, True]), ids=["plain", "vace"])
def test_passes_work_with_what_is_said(spec: CausalSpec, vace: bool) -> None:
    stream = stream_of(spec, BF16, vace=vace)
    frames = [spec.block, max(spec.block + 1, spec.first_block)]
    peaks = [worked(stream, count, 3 * vace) for count in frames]
    if spec.on_prompt == "recache":
        peaks.append(worked(stream, spec.window))
    tokens = frame_tokens(WIDTH, HEIGHT)
    said = memory.pass_bytes(spec, CausalLoad(vace_load=vace), tokens, 2)
    assert said == pytest.approx(max(peaks), rel=0.005)


@ROWS
def test_small_passes_on_the_cpu_work_with_about_what_is_said(spec: CausalSpec) -> None:
    stream = tiny_stream(spec)
    stream.network.attend = attend
    said = memory.pass_bytes(stream.spec, LOAD, frame_tokens(8 * 6, 8 * 8), 4)
    # at this size the embedding of the time, which is not counted, is a part of it
    recached = [spec.window] if spec.on_prompt == "recache" else []
    peak = max(worked(stream, frames) for frames in (spec.block, spec.block + 1, *recached))
    assert said == pytest.approx(peak, rel=0.15)


def test_what_a_part_needs_follows_from_what_is_chosen() -> None:
    plain = need(LONGLIVE, LOAD, WIDTH, HEIGHT)
    assert plain["network"] == 2 * 1_418_996_800
    assert total(plain) == pytest.approx(22.8e9, rel=0.01)
    assert (
        total(plain, ["VAE", "text encoder"]) == total(plain) - plain["VAE"] - plain["text encoder"]
    )
    assert need(LONGLIVE, LOAD, WIDTH + 15, HEIGHT) == plain
    small = need(LONGLIVE, CausalLoad(vae="tae", text_encoder="fp8"), WIDTH, HEIGHT)
    assert {name for name in plain if small[name] < plain[name]} == {
        "text encoder", "VAE", "VAE past", "working"
    }  # fmt: skip
    more = need(LONGLIVE, CausalLoad(vace_load=True), WIDTH, HEIGHT, Setting(loras=7))
    assert set(more) - set(plain) == {"VACE", "VACE context", "LoRAs"}
    assert "graphs" not in need(LONGLIVE, LOAD, WIDTH, HEIGHT, Setting(value=4, gpu=False))
    assert need(KREA, LOAD, WIDTH, HEIGHT)["network"] > 28e9


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (24, r"fits: 22\.8 of 24\.0 GB"),
        (20, r"needs 22\.8 GB, but 20\.0 GB are free; it would fit with "
             r"text_encoder=fp8 \(18\.4 GB\) or vae=lightvae \(19\.1 GB\) or "
             r"size=640x352 \(18\.6 GB\)"),
        (14, r"fit with text_encoder=offloaded \(13\.8 GB\)"),
        (12, r"fit with text_encoder=fp8, vae=tae, size=640x352 together \(11\.7 GB\)"),
        (2, r"no setting makes it fit: the least it needs is 4\.7 GB"),
    ],
)  # fmt: skip
def test_the_advice_says_what_would_make_it_fit(free: float, words: str) -> None:
    assert re.search(words, str(fit_of(LONGLIVE, LOAD, (WIDTH, HEIGHT), free * 1e9)))


def test_a_fit_is_a_value_and_its_words_are_made_of_it() -> None:
    fit = fit_of(LONGLIVE, LOAD, (WIDTH, HEIGHT), 20e9)
    assert not fit.fits
    assert [one.values for one in fit.remedies] == [
        {"text_encoder": "fp8"}, {"vae": "lightvae"}, {"size": "640x352"}
    ]  # fmt: skip
    assert fit_of(LONGLIVE, LOAD, (WIDTH, HEIGHT), fit.needed) == Fit(fit.needed, fit.needed)
    assert fit_of(LONGLIVE, LOAD, (WIDTH, HEIGHT), 2e9).least == pytest.approx(4.7e9, rel=0.01)
    lacks = Fit(3 * 10**9, 2 * 10**9, memory="memory", cure="; close other programs")
    assert lacks.told("x") == (
        "x needs 3.0 GB of memory, but 2.0 GB are free; close other programs"
    )
    assert replace(lacks, part="pictures").told("x").startswith("x's pictures need 3.0 GB of mem")
    for needed, free, told in (
        (3e6, 0, "needs 3 MB of memory, but nothing is free;"),
        (3.2e6, 2.9e6, "needs 4 MB of memory, but 2 MB are free;"),
        (3e9, 5e5, "needs 3.0 GB of memory, but nothing is free;"),
        (2e8, 1e7, "needs 0.2 GB of memory, but 10 MB are free;"),
        (1e6, 24e9, "fits: 1 MB of 24.0 GB"),
    ):
        assert str(replace(lacks, needed=int(needed), free=free)).startswith(told)
    both = replace(lacks, remedies=[Remedy({"vae": "tae", "size": "64x64"}, 10**9)])
    assert "; it would fit with vae=tae, size=64x64 together (1.0 GB); close" in str(both)
    assert replace(lacks, free=None).fits, "what nobody knows is no reason to refuse"
    assert str(Fit(0, None)) == ""


@pytest.mark.parametrize(
    "size",
    rest_slow([(one,) for one in ((832, 480), (480, 832), (512, 512), (1920, 1088), (1024, 256))]),
)
@pytest.mark.parametrize("spec", [LONGLIVE, KREA], ids=["longlive", "krea"])
def test_what_is_advised_fits(spec: CausalSpec, size: tuple[int, int]) -> None:
    """Every single piece of advice, taken, is then said to fit."""
    for free in range(4, 60, 2):
        for remedy in fit_of(spec, LOAD, size, free * 1e9).remedies:
            changes = dict(remedy.values)
            chosen = tuple(int(n) for n in changes.pop("size", "x".join(map(str, size))).split("x"))
            assert chosen[0] * size[1] / (chosen[1] * size[0]) == pytest.approx(1, rel=0.15)
            load = LOAD.model_copy(update=changes)
            fit = fit_of(spec, load, chosen, free * 1e9)
            assert fit.fits, (free, remedy)
            assert fit.needed == remedy.needed


def test_what_is_kept_is_not_counted_unless_it_is_replaced() -> None:
    kept = ["text encoder", "VAE"]
    told = str(fit_of(LONGLIVE, LOAD, (WIDTH, HEIGHT), 13e9, kept=kept))
    assert told.startswith("needs 13.3 GB")
    assert "text_encoder=fp8" not in told  # another one would have to stand beside it
    assert "vae=lightvae" in told


def test_too_little_memory_is_told_before_a_file_is_looked_for(tmp_path: Path) -> None:
    huge = replace(LONGLIVE, network=replace(WAN_1_3B, layers=10**6))
    context = Context(tmp_path, tmp_path, lambda *_: None)
    with pytest.raises(
        InsufficientMemory, match=r"longlive needs \d+\.\d GB, but .* no setting makes it fit"
    ) as told:
        CausalPipeline.assembled(huge, Sizes(), LOAD, context)
    assert is_out_of_memory(told.value)  # for then a worker ends what it has, and tries again


def test_parts_that_are_here_are_those_loaded_the_same_way() -> None:
    assert kept_parts(LOAD, "wan", "resident") == ["CUDA", "VAE", "text encoder"]
    assert kept_parts(LOAD, "tae", "") == ["CUDA"]
    assert pixels("832X480") == (832, 480)
    assert pixels("auto") == (512, 512)
    assert pixels("8x640") == (16, 640)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("kind", ["wan", "tae"])
@ROWS
def test_the_prediction_is_within_a_tenth_of_the_peak(spec: CausalSpec, kind: VaeKind) -> None:
    """All but the text encoder, which takes its 9 GB where it is tested by itself."""
    said = need(spec, CausalLoad(vae=kind), WIDTH, HEIGHT)
    predicted = total(said, ["text encoder", "graphs", "CUDA"])
    if torch.cuda.mem_get_info()[0] < total(said, ["text encoder"]):
        pytest.skip("this GPU is too small")
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    for _ in made_on_the_gpu(spec, kind, blocks=6):
        pass
    assert torch.cuda.max_memory_allocated() - before == pytest.approx(predicted, rel=0.1)


def made_on_the_gpu(spec: CausalSpec, kind: VaeKind, blocks: int) -> Iterator[Any]:
    """Blocks of video to video with random weights, the prompt changing in between."""
    device = torch.device("cuda")
    network = CausalTransformer(
        random_transformer(spec.network, BF16, device), attention("auto", device)
    )
    vae = random_vae(kind, BF16, device)
    stream = LatentStream(spec, network, HEIGHT // 8, WIDTH // 8)
    accelerate(stream, "auto")
    encoder, decoder = vae.encoder(), vae.decoder()
    levels = Schedule(spec.shift).levels(next(iter(spec.steps.values())))
    text = torch.zeros(1, spec.network.text_tokens, spec.network.text_dim)
    with torch.no_grad():
        for number in range(blocks):
            if number % 3 == 0:
                stream.prompt(text.normal_())
            count = encoder.pictures(spec.block if number else spec.block + 1)
            video = encoder(torch.rand(1, 3, count, HEIGHT, WIDTH, device=device) * 2 - 1)
            draw = seeded(number, stream.shape, device)
            latents = stream.block(BlockInputs(levels, draw, video, 0.7))
            yield from () if latents is None else decoder(latents)
            stream.settle()
