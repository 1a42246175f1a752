"""LoRAs, merged and live, give what the authors' code gives; unused keys are reported."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from diffusers import WanVACETransformer3DModel
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from safetensors.torch import save_file
from torch import Tensor, nn

from engine.bench.op_counts import Counted
from engine.catalog.specs import LONGLIVE
from engine.causal.cuda_graphs import accelerate
from engine.causal.lora.files import (
    Adapter,
    LoraPair,
    linear_layers,
    load_adapter,
    match_adapter,
    read_adapter,
)
from engine.causal.lora.layers import attach, merge
from engine.causal.network.transformer import compiled_layer
from engine.causal.network.wan_weights import empty_transformer, load_transformer
from engine.causal.schedule import Schedule
from engine.causal.stream import BlockInputs, LatentStream, seeded
from engine.files.errors import CheckpointError
from engine.weights.checkpoint import read
from tests.support.golden import TOLERANCE, Fixture, Replay
from tests.support.tiny import SIZE, prompt, tiny_stream

pytestmark = pytest.mark.slow

Use: TypeAlias = Callable[[nn.Module, Adapter, float], None]
WRONG = 10 * TOLERANCE
RANK = 4
STYLES = ["plain", "kohya", "comfyui", "comfyui_updown", "peft"]
WAN_LAYERS = [
    *(f"{part}.{name}" for part in ("self_attn", "cross_attn") for name in "qkvo"),
    "ffn.0",
    "ffn.2",
]
AROUND = ["text_embedding.0", "text_embedding.2", "time_embedding.0", "time_embedding.2"]
AROUND += ["time_projection.1", "head.head"]


def merged(network: nn.Module, adapter: Adapter, strength: float) -> None:
    merge(network, [(adapter, strength)])


def attached(network: nn.Module, adapter: Adapter, strength: float) -> None:
    (handle,) = attach(network, [adapter])
    handle.strength = strength


USES = pytest.mark.parametrize("use", [merged, attached])


# What the authors' code gives


def built_in(fixture: Fixture, folder: Path) -> Path:
    """The file of LongLive's own LoRA, nested as the authors' is."""
    names = [
        f"base_model.model.blocks.{layer}.{name}.lora_{half}.weight"
        for layer in range(2)
        for name in WAN_LAYERS
        for half in "AB"
    ]
    path = folder / "lora.pt"
    torch.save({"generator_lora": {name: fixture[f"lora.{name}"] for name in names}}, path)
    return path


@USES
def test_the_lora_of_longlive_equals_the_authors(use: Use, tmp_path: Path) -> None:
    fixture = Fixture("longlive_lora")
    replay = Replay(fixture, LONGLIVE, caches=False)
    adapter = load_adapter(built_in(fixture, tmp_path), replay.stream.network.wan)
    assert (len(adapter.pairs), adapter.remark) == (20, "")
    use(replay.stream.network.wan, adapter, 1.0)
    assert replay.worst() < TOLERANCE
    assert len(replay.differences) == 14


@USES
@pytest.mark.parametrize("strength", [0.0, 0.5, -1.0])
def test_another_strength_is_noticed(use: Use, strength: float, tmp_path: Path) -> None:
    fixture = Fixture("longlive_lora")
    replay = Replay(fixture, LONGLIVE, caches=False)
    use(
        replay.stream.network.wan,
        load_adapter(built_in(fixture, tmp_path), replay.stream.network.wan),
        strength,
    )
    replay.worst()
    assert replay.differences["b00.latents"] > 0.1


def styled(fixture: Fixture, style: str, folder: Path, alpha: float = 2.0) -> Path:
    """The user's LoRA in one of the file styles."""
    tensors: dict[str, Tensor] = {}
    for name, (down, up, *rest) in fixture.config["key_names"][style].items():
        tensors[down], tensors[up] = fixture[f"lora.{name}.A"], fixture[f"lora.{name}.B"]
        tensors |= dict.fromkeys(rest, torch.tensor(alpha))
    path = folder / f"{style}.safetensors"
    save_file({key: tensor.clone() for key, tensor in tensors.items()}, path)
    return path


def first_block(fixture: Fixture, prepare: Callable[[Any], None]) -> Tensor:
    """The latents of block 0 after `prepare` has seen the network."""
    stream = fixture.stream(LONGLIVE)
    prepare(stream.network.wan)
    stream.prompt(fixture["in.text.0"])
    levels = [Schedule(LONGLIVE.shift).level(float(step)) for step in fixture["in.steps"]]
    names = ["noise", *(f"renoise.{index}" for index in range(1, len(levels)))]
    noises = iter([fixture[f"in.b00.{name}"] for name in names])
    made = stream.block(BlockInputs(levels, lambda frames: next(noises)))
    assert made is not None
    return made


def difference(one: Tensor, other: Tensor) -> float:
    return (one - other).abs().max().item()


@USES
@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_file_equals_the_reference(use: Use, style: str, tmp_path: Path) -> None:
    fixture = Fixture("lora_styles")
    path = styled(fixture, style, tmp_path)
    if style == "peft":  # whose alpha is not in the file
        (tmp_path / "adapter_config.json").write_text('{"lora_alpha": 2, "r": 4}')

    def at(strength: float) -> Tensor:
        return first_block(fixture, lambda wan: use(wan, load_adapter(path, wan), strength))

    full = at(1.0)
    assert difference(full, fixture["out.b00.latents"]) < TOLERANCE
    assert difference(at(0.6), fixture["out.strength0.6.b00.latents"]) < TOLERANCE
    assert difference(at(0.0), fixture["out.without_lora.b00.latents"]) < TOLERANCE
    assert difference(at(0.5), fixture["out.b00.latents"]) > WRONG
    assert difference(full, fixture["out.without_lora.b00.latents"]) > WRONG


@USES
def test_a_forgotten_alpha_gives_the_recorded_wrong_value(use: Use, tmp_path: Path) -> None:
    fixture = Fixture("lora_styles")
    path = styled(fixture, "plain", tmp_path, alpha=4.0)  # as the rank: scale 1
    made = first_block(fixture, lambda wan: use(wan, load_adapter(path, wan), 1.0))
    assert difference(made, fixture["out.alpha_ignored.b00.latents"]) < TOLERANCE
    assert difference(made, fixture["out.b00.latents"]) > 0.1


# Names of files and layers


@cache
def empty_network() -> Any:
    """On `meta`: names and shapes without weights."""
    return empty_transformer(SIZE)


@cache
def vace_network() -> Any:
    """On `meta`."""
    with torch.device("meta"):
        return WanVACETransformer3DModel(
            num_attention_heads=SIZE.heads,
            attention_head_dim=SIZE.head_dim,
            text_dim=SIZE.text_dim,
            freq_dim=SIZE.frequencies,
            ffn_dim=SIZE.ffn,
            num_layers=2,
            vace_layers=[0, 1],
        )


def pairs(names: Mapping[str, str], wan: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Random matrices for the layers at the values of `names`, under its keys in PEFT's way."""
    generator = torch.Generator().manual_seed(seed)
    made: dict[str, Tensor] = {}
    for name, path in names.items():
        layer = linear_layers(wan)[path]
        for half, shape in (("A", (RANK, layer.in_features)), ("B", (layer.out_features, RANK))):
            made[f"{name}.lora_{half}.weight"] = 0.1 * torch.randn(shape, generator=generator)
    return made


def lora(wan: nn.Module, *paths: str, seed: int = 0) -> Adapter:
    """A random LoRA for some layers, or all of the blocks."""
    chosen = paths or tuple(path for path in linear_layers(wan) if path.startswith("blocks."))
    return match_adapter(pairs({path: path for path in chosen}, wan, seed), wan)


@cache
def wan_names(vace: bool) -> dict[str, str]:
    """Wan's name of every linear layer to diffusers' by diffusers' own converter."""
    blocks = [f"blocks.{n}" for n in range(2)]
    if vace:
        blocks += [f"vace_blocks.{n}" for n in range(2)]
    names = AROUND + [f"{block}.{layer}" for block in blocks for layer in WAN_LAYERS]
    if vace:
        names += ["vace_blocks.0.before_proj", *(f"vace_blocks.{n}.after_proj" for n in range(2))]
    found: dict[str, str] = {}
    for name in names:
        (path,) = convert_wan_transformer_to_diffusers({f"{name}.weight": None})
        found[name] = path.removesuffix(".weight")
    return found


@pytest.mark.parametrize(
    "key",
    [
        "{wan}.lora_A.weight",
        "diffusion_model.{wan}.lora_down.weight",
        "model.diffusion_model.{wan}.lora_A.weight",
        "base_model.model.{wan}.lora_A.default.weight",
        "base_model.model.model._fsdp_wrapped_module.{wan}.lora_A.weight",
        "lora_unet_{flat}.lora_down.weight",
        "lora_unet__{flat}.lora_down.weight",
        "transformer.{path}.lora_A.weight",
        "transformer.{path}.lora.down.weight",
        "{path}.lora_A.weight",
    ],
)
@pytest.mark.parametrize("vace", [False, True], ids=["plain", "vace"])
def test_every_linear_layer_is_found_by_every_kind_of_name(key: str, vace: bool) -> None:
    wan = vace_network() if vace else empty_network()
    names = wan_names(vace)
    assert set(names.values()) == set(linear_layers(wan))
    tensors: dict[str, Tensor] = {}
    for name, path in names.items():
        down = key.format(wan=name, flat=name.replace(".", "_"), path=path)
        layer = linear_layers(wan)[path]
        tensors[down] = torch.ones(RANK, layer.in_features)
        up = down.replace("lora_A", "lora_B").replace("down", "up")
        tensors[up] = torch.ones(layer.out_features, RANK)
    adapter = match_adapter(tensors, wan)
    assert set(adapter.pairs) == set(names.values())
    assert adapter.remark == ""
    assert all(pair.scale == 1 for pair in adapter.pairs.values())


def test_keys_of_vace_without_vace_are_told() -> None:
    wan = empty_network()
    tensors = pairs({"blocks.0.self_attn.q": "blocks.0.attn1.to_q"}, wan)
    tensors |= pairs({"vace_blocks.0.self_attn.q": "blocks.0.attn1.to_q"}, wan)
    adapter = match_adapter(tensors, wan)
    assert set(adapter.pairs) == {"blocks.0.attn1.to_q"}
    assert set(adapter.unused) == {key for key in tensors if key.startswith("vace_blocks")}
    assert "linear layer of this network (2 tensors: vace_blocks.0.self" in adapter.remark


def test_a_file_of_another_network_names_itself_and_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "flux.safetensors"
    keys = [f"transformer.single_transformer_blocks.{n}.proj_mlp.lora_A.weight" for n in range(5)]
    save_file({key: torch.ones(RANK, 96) for key in keys}, path)
    with pytest.raises(CheckpointError) as told:
        load_adapter(path, empty_network())
    message = str(told.value)
    assert message.startswith(f"{path} contains no LoRA for this network: tensors that")
    assert "linear layer of this network (5 tensors: " in message
    assert all(key in message for key in keys[:3])
    assert "and 2 more" in message
    assert "choose a LoRA" in message


def test_what_is_not_supported_is_named_and_the_rest_is_used() -> None:
    wan = empty_network()
    names = {
        "blocks.0.self_attn.q": "blocks.0.attn1.to_q",
        "blocks.1.ffn.0": "blocks.1.ffn.net.0.proj",
    }
    plain = pairs({"blocks.0.ffn.2": "blocks.0.ffn.net.2"}, wan)
    reasons = {
        "blocks.0.self_attn.q.dora_scale": "parts of a DoRA",
        "base_model.model.blocks.1.ffn.0.lora_magnitude_vector.default.weight": "parts of a DoRA",
        "blocks.0.self_attn.k.diff": "full weight differences",
        "blocks.0.ffn.2.diff_b": "full weight differences",
        "diffusion_model.patch_embedding.diff": "full weight differences",
        "blocks.0.cross_attn.k_img.lora_A.weight": "tensors for image or face inputs",
        "diffusion_model.img_emb.proj.1.lora_down.weight": "tensors for image or face inputs",
        "face_adapter.fuser_blocks.0.linear2.lora_A.weight": "tensors for image or face inputs",
        "blocks.0.self_attn.v.alpha": "alphas without matrices",
        "blocks.0.self_attn.o.hada_w1_a": "parts of a LoHa",
        "patch_embedding.lora_A.weight": "tensors that belong to no linear layer",
    }
    dora = pairs(names, wan)
    adapter = match_adapter(plain | dora | dict.fromkeys(reasons, torch.ones(1)), wan)
    assert set(adapter.pairs) == {"blocks.0.ffn.net.2"}
    assert set(adapter.unused) == set(reasons) | set(dora)
    for key, reason in reasons.items():
        assert adapter.unused[key].startswith(reason)
        assert reason in adapter.remark
    assert all(adapter.unused[key].startswith("parts of a DoRA") for key in dora)
    with pytest.raises(
        CheckpointError, match=r"parts of a DoRA.*\(6 tensors: .*differences.*\(2 tensors: "
    ):
        match_adapter(dora | dict.fromkeys(list(reasons)[:4], torch.ones(1)), wan)


def test_a_shape_that_does_not_fit_names_key_expected_and_found() -> None:
    wan = empty_network()
    good = pairs({"blocks.0.ffn.0": "blocks.0.ffn.net.0.proj"}, wan)
    down, up = good
    for key, shape, expected in (
        (down, (RANK, 95), (RANK, 96)),
        (down, (RANK + 1, 96), (144, RANK + 1)),  # then `up` is the one that does not fit
        (up, (96, RANK), (144, RANK)),
        (down, (), (1, 96)),
        (down, (RANK, 96, 1, 1), (RANK, 96)),
    ):
        with pytest.raises(CheckpointError) as told:
            match_adapter(good | {key: torch.ones(shape)}, wan, source="x.safetensors")
        message = str(told.value)
        assert re.match(r"x\.safetensors does not fit: blocks\.0\.ffn\.0\.lora_[AB]\.we", message)
        assert f", expected {expected};" in message
    with pytest.raises(CheckpointError, match=r"ffn\.0\.alpha is \(2,\), expected \(1,\)"):
        match_adapter(good | {"blocks.0.ffn.0.alpha": torch.ones(2)}, wan)


def test_a_lora_of_no_rank_is_refused() -> None:
    wan = empty_network()
    tensors = {
        "blocks.0.ffn.0.lora_A.weight": torch.ones(0, 96),
        "blocks.0.ffn.0.lora_B.weight": torch.ones(144, 0),
        "blocks.0.ffn.0.alpha": torch.tensor(2.0),
    }
    with pytest.raises(CheckpointError, match=r"has no values in blocks\.0\.ffn\.0\.lora_A"):
        match_adapter(tensors, wan)


def test_halves_and_doubles_are_refused() -> None:
    wan = empty_network()
    good = pairs({"blocks.0.ffn.0": "blocks.0.ffn.net.0.proj"}, wan)
    for key in good:
        with pytest.raises(CheckpointError, match=f"{key} without its other half"):
            match_adapter({key: good[key]}, wan)
    again = {f"diffusion_model.{key}": tensor for key, tensor in good.items()}
    with pytest.raises(CheckpointError, match=r"the same matrix twice, as blocks.* and as diff"):
        match_adapter(good | again, wan)


def test_the_files_of_torch_are_read_flat_and_nested_and_refused_by_name(tmp_path: Path) -> None:
    wan, path = empty_network(), tmp_path / "lora.pt"
    tensors = pairs({"blocks.0.ffn.0": "blocks.0.ffn.net.0.proj"}, wan)
    for content in (tensors, {"generator_lora": tensors, "step": 7}, {"model": tensors}):
        torch.save(content, path)
        assert read_adapter(path).keys() == tensors.keys()
    torch.save({"generator_lora": tensors | {"step": 7}}, path)
    with pytest.raises(CheckpointError, match=r"lora\.pt contains 'step', a int"):
        read_adapter(path)
    for broken in (b"", b"no pickle", path.read_bytes()[:300]):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"lora\.pt is (empty|damaged)"):
            read_adapter(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_adapter(tmp_path / "absent.pth")
    with pytest.raises(CheckpointError, match="is not one of"):
        read_adapter(tmp_path / "lora.ckpt")


# Merging


def weights(wan: nn.Module) -> dict[str, Tensor]:
    return {key: tensor.detach().clone() for key, tensor in wan.state_dict().items()}


def summed(wan: nn.Module, given: Iterable[tuple[Adapter, float]]) -> dict[str, Tensor]:
    """The weights that a merge should give, in float32."""
    state = {key: tensor.float() for key, tensor in weights(wan).items()}
    for adapter, strength in given:
        for path, pair in adapter.pairs.items():
            state[f"{path}.weight"] += strength * pair.scale * pair.up.float() @ pair.down.float()
    return state


def test_two_adapters_at_once_are_merged_to_their_sum_with_one_rounding() -> None:
    wan = tiny_stream(LONGLIVE, torch.bfloat16).network.wan
    given = [(lora(wan), 0.7), (lora(wan, "blocks.1.ffn.net.2", "proj_out", seed=1), -1.3)]
    before, wanted = weights(wan), summed(wan, given)
    merge(wan, given)
    moved = 0
    for key, tensor in wan.state_dict().items():
        close = (tensor.float() - wanted[key]).abs() <= 2**-8 * wanted[key].abs() + 1e-6
        assert close.all(), key  # half a step of bfloat16
        moved += not torch.equal(tensor, before[key])
    assert moved == 21


def test_a_merge_leaves_the_mapped_file_and_its_tensors_alone(tmp_path: Path) -> None:
    fixture, path = Fixture("longlive_lora"), tmp_path / "base.safetensors"
    save_file(fixture.weights(), path)
    bytes_before, tensors = path.read_bytes(), read(path)
    copies = {key: tensor.clone() for key, tensor in tensors.items()}
    wan = load_transformer(fixture.size(), tensors, torch.bfloat16, "cpu")
    weight = wan.blocks[0].attn1.to_q.weight
    assert weight.data_ptr() == tensors["model.blocks.0.self_attn.q.weight"].data_ptr()
    merge(wan, [(lora(wan), 1.0)])
    assert wan.blocks[0].attn1.to_q.weight.dtype == torch.bfloat16
    assert not torch.equal(wan.blocks[0].attn1.to_q.weight, weight)
    assert all(torch.equal(tensors[key], copy) for key, copy in copies.items())
    assert path.read_bytes() == bytes_before


def test_a_merge_is_refused_after_quantising_and_reaches_below_an_attached_lora() -> None:
    wan = tiny_stream(LONGLIVE).network.wan
    layer = wan.blocks[0].ffn.net[2]
    adapter = lora(wan, "blocks.0.ffn.net.2")
    (handle,) = attach(wan, [adapter])
    merge(wan, [(adapter, 1.0)])
    handle.detach()
    assert wan.blocks[0].ffn.net[2] is layer
    layer.weight = nn.Parameter(layer.weight.to(torch.float8_e4m3fn), requires_grad=False)
    with pytest.raises(ValueError, match="merge before quantising"):
        merge(wan, [(adapter, 1.0)])


# Live


def one_pass(stream: LatentStream) -> Tensor:
    """The flow of one more block's only pass, on a prompt read anew."""
    stream.reset()
    stream.prompt(prompt(0))
    levels = Schedule(LONGLIVE.shift).levels(LONGLIVE.steps["authors"])[:1]
    made = stream.block(BlockInputs(levels, seeded(0, stream.shape, stream.network.device)))
    assert made is not None
    return made


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_strength_is_live_and_nought_is_exactly_nothing(dtype: torch.dtype) -> None:
    stream = tiny_stream(LONGLIVE, dtype)
    plain = one_pass(stream)
    first, second = attach(
        stream.network.wan,
        [lora(stream.network.wan), lora(stream.network.wan, "blocks.0.ffn.net.2", seed=1)],
    )
    full = one_pass(stream)
    first.strength = 0.5
    half = one_pass(stream)
    assert min(difference(full, plain), difference(half, plain), difference(half, full)) > 0.01
    first.strength = second.strength = 0
    assert torch.equal(one_pass(stream), plain)
    first.strength = second.strength = 1
    assert torch.equal(one_pass(stream), full)
    assert (first.strength, type(first.strength)) == (1.0, float)


@pytest.mark.parametrize("layer", WAN_LAYERS)
@USES
def test_each_layer_of_a_block_takes_part(layer: str, use: Use) -> None:
    stream = tiny_stream(LONGLIVE)
    plain = one_pass(stream)
    path = wan_names(vace=False)[f"blocks.1.{layer}"]
    use(stream.network.wan, lora(stream.network.wan, path), 1.0)
    assert difference(one_pass(stream), plain) > WRONG


def test_attached_adapters_add_up_to_what_merging_gives_and_come_off_in_any_order() -> None:
    stream, other = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    wan = stream.network.wan
    plain = one_pass(stream)
    keys = list(wan.state_dict())
    given = [(lora(wan, seed=seed), strength) for seed, strength in enumerate((1.5, -0.4, 0.3))]
    merge(other.network.wan, given)
    handles = attach(wan, [adapter for adapter, _ in given])
    for handle, (_, strength) in zip(handles, given, strict=True):
        handle.strength = strength
    assert difference(one_pass(stream), one_pass(other)) < TOLERANCE
    assert set(linear_layers(wan)) == set(linear_layers(other.network.wan))
    handles[1].detach()
    less = tiny_stream(LONGLIVE)
    merge(less.network.wan, [given[0], given[2]])
    assert difference(one_pass(stream), one_pass(less)) < TOLERANCE
    for handle in (handles[2], handles[0], handles[0]):
        handle.detach()
    assert torch.equal(one_pass(stream), plain)
    assert list(wan.state_dict()) == keys


def test_a_strength_out_of_range_is_refused_and_changes_nothing() -> None:
    wan = tiny_stream(LONGLIVE).network.wan
    adapter = lora(wan)
    (handle,) = attach(wan, [adapter])
    for wrong in (10.1, -11, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="from -10 to 10"):
            handle.strength = wrong
        with pytest.raises(ValueError, match="from -10 to 10"):
            merge(wan, [(adapter, wrong)])
    assert handle.strength == 1


def test_a_live_strength_reads_nothing_back_and_stays_where_it_was() -> None:
    stream = tiny_stream(LONGLIVE)
    with Counted() as before:
        one_pass(stream)
    (handle,) = attach(stream.network.wan, [lora(stream.network.wan)])
    place = stream.network.wan.blocks[0].attn1.to_q.strength.data_ptr()
    with Counted() as counted:
        one_pass(stream)
    assert counted.reads_back == 0
    # for each of 20 layers: the thin product, the strength, the other product with its sum
    assert counted.kernels - before.kernels == 3 * 20
    with Counted() as counted:
        handle.strength = 0.25
    assert counted.operations == {"fill_": 1}
    assert stream.network.wan.blocks[1].ffn.net[2].strength.data_ptr() == place
    assert stream.network.wan.blocks[1].ffn.net[2].strength.item() == 0.25


def uneven(wan: nn.Module) -> list[Adapter]:
    """Two LoRAs that leave out layers, and whose rank is not the same in all blocks."""
    one, other = lora(wan, "blocks.0.attn1.to_q", "blocks.1.attn2.to_v"), lora(wan, seed=1)
    thin = {path: pair for path, pair in other.pairs.items() if path.startswith("blocks.1")}
    thin = {path: LoraPair(down[:2], up[:, :2], 0.5) for path, (down, up, _) in thin.items()}
    return [one, Adapter("thinner", {**other.pairs, **thin}, {})]


def test_an_uneven_lora_makes_no_block_unlike_the_others() -> None:
    stream, other = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    given = uneven(stream.network.wan)
    attach(stream.network.wan, given)
    merge(other.network.wan, [(adapter, 1.0) for adapter in given])
    assert difference(one_pass(stream), one_pass(other)) < TOLERANCE
    shapes = [
        {key: tensor.shape for key, tensor in block.named_buffers()}
        for block in stream.network.wan.blocks
    ]
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 20


def test_an_adapted_layer_compiles_whole() -> None:
    layer, x = nn.Linear(6, 5), torch.randn(2, 3, 6)
    network = nn.Sequential(layer).requires_grad_(False)
    (handle,) = attach(network, [lora(network, "0")])
    whole = torch.compile(network, fullgraph=True, backend="aot_eager", dynamic=False)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for strength in (1.0, -2.0, 0.0):
            handle.strength = strength
            torch.testing.assert_close(whole(x), network(x))
    assert torch.equal(whole(x), layer(x))


@pytest.mark.slow
def test_adapted_blocks_share_one_program_and_a_new_strength_compiles_nothing() -> None:
    stream, plain = tiny_stream(LONGLIVE), tiny_stream(LONGLIVE)
    given = uneven(plain.network.wan)
    handles = [handle for s in (stream, plain) for handle in attach(s.network.wan, given)]
    stream.run = replace(stream.passes, run_layer=compiled_layer("LoRA", "aot_eager"))
    with torch._dynamo.config.patch(error_on_recompile=True):
        for strength in (1.0, -2.0, 0.0):
            for handle in handles:
                handle.strength = strength
            assert difference(one_pass(stream), one_pass(plain)) < TOLERANCE


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("how", ["graphs", "compiled"])
def test_a_captured_graph_follows_the_strength(how: str) -> None:
    if how == "compiled":
        pytest.importorskip("triton")
    plain, fast = (tiny_stream(LONGLIVE, device="cuda") for _ in range(2))
    accelerate(fast, how)
    handles = [attach(s.network.wan, [lora(s.network.wan)])[0] for s in (plain, fast)]
    made = []
    for strength in (1.0, 1.0, 1.0, -0.5, 0.0):
        for handle in handles:
            handle.strength = strength
        made.append(one_pass(fast).clone())
        torch.testing.assert_close(made[-1], one_pass(plain), rtol=0, atol=1e-3)
    assert difference(made[2], made[3]) > 0.01
