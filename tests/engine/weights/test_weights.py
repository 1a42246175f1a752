"""Checkpoints: every layout loads the same network, and no other file loads."""

import errno
import pickle
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is MISSING: run `pip install 'spout-bridge[engine]'`")

import torch
from diffusers import WanVACETransformer3DModel
from safetensors.torch import load_file, save_file

from engine.catalog.specs import WAN_1_3B, WAN_14B
from engine.causal.network.wan_weights import (
    empty_transformer,
    load_transformer,
    random_transformer,
    transformer_state,
    vace_state,
)
from engine.files.errors import CheckpointError
from engine.pipeline import InsufficientMemory
from engine.system import commit
from engine.weights import checkpoint as weights
from engine.weights.checkpoint import read
from tests.support.slow_cases import rest_slow
from tests.support.tiny import SIZE as TINY

# Wan's names to diffusers', written down here by hand: the tests must not ask the converter.
AROUND = {
    "patch_embedding": "patch_embedding",
    "text_embedding.0": "condition_embedder.text_embedder.linear_1",
    "text_embedding.2": "condition_embedder.text_embedder.linear_2",
    "time_embedding.0": "condition_embedder.time_embedder.linear_1",
    "time_embedding.2": "condition_embedder.time_embedder.linear_2",
    "time_projection.1": "condition_embedder.time_proj",
    "head.head": "proj_out",
}
IN_BLOCK = {
    **{
        f"{wan}.{a}": f"{ours}.{b}"
        for wan, ours in (("self_attn", "attn1"), ("cross_attn", "attn2"))
        for a, b in (("q", "to_q"), ("k", "to_k"), ("v", "to_v"), ("o", "to_out.0"))
    },
    "norm3": "norm2",
    "ffn.0": "ffn.net.0.proj",
    "ffn.2": "ffn.net.2",
}
NORMS = {
    f"{wan}.{norm}": f"{ours}.{norm}"
    for wan, ours in (("self_attn", "attn1"), ("cross_attn", "attn2"))
    for norm in ("norm_q", "norm_k")
}


def block_names(wan: str, ours: str) -> dict[str, str]:
    """Names within one block that stands at `wan`, which diffusers puts at `ours`."""
    names = {f"{wan}.modulation": f"{ours}.scale_shift_table"}
    for a, b in IN_BLOCK.items():
        names |= {f"{wan}.{a}.{kind}": f"{ours}.{b}.{kind}" for kind in ("weight", "bias")}
    return names | {f"{wan}.{a}.weight": f"{ours}.{b}.weight" for a, b in NORMS.items()}


def base_names() -> dict[str, str]:
    names = {"head.modulation": "scale_shift_table"}
    for a, b in AROUND.items():
        names |= {f"{a}.{kind}": f"{b}.{kind}" for kind in ("weight", "bias")}
    for layer in range(TINY.layers):
        names |= block_names(f"blocks.{layer}", f"blocks.{layer}")
    return names


def vace_names() -> dict[str, str]:
    plain = [f"vace_patch_embedding.{kind}" for kind in ("weight", "bias")]
    names = dict(zip(plain, plain, strict=True))
    for layer in range(TINY.layers):
        names |= block_names(f"vace_blocks.{layer}", f"vace_blocks.{layer}")
        ends = {"after_proj": "proj_out"} | ({"before_proj": "proj_in"} if layer == 0 else {})
        for a, b in ends.items():
            for kind in ("weight", "bias"):
                names[f"vace_blocks.{layer}.{a}.{kind}"] = f"vace_blocks.{layer}.{b}.{kind}"
    return names


def whole_network() -> WanVACETransformer3DModel:
    """diffusers' own network with VACE, made by its constructor and not by ours."""
    with torch.device("meta"):
        return WanVACETransformer3DModel(
            num_attention_heads=TINY.heads,
            attention_head_dim=TINY.head_dim,
            text_dim=TINY.text_dim,
            freq_dim=TINY.frequencies,
            ffn_dim=TINY.ffn,
            num_layers=TINY.layers,
            vace_layers=list(range(TINY.layers)),
        )


def drawn(names: dict[str, str]) -> dict[str, torch.Tensor]:
    """Random tensors by Wan's names, shaped as diffusers' network has them."""
    shapes = {key: tensor.shape for key, tensor in whole_network().state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    return {a: torch.randn(shapes[b], generator=generator) for a, b in names.items()}


@pytest.fixture(scope="module")
def base():
    """The base network's tensors by Wan's names; tests change copies of it."""
    return drawn(base_names())


@pytest.fixture(scope="module")
def vace():
    return drawn(vace_names())


FSDP = "_fsdp_wrapped_module."
CHECKPOINTED = "_checkpoint_wrapped_module."


def prefixed(prefix: str, tensors):
    return {prefix + key: tensor for key, tensor in tensors.items()}


def wrapped(tensors):
    """As training leaves them: a wrapper around the model and others around parts of it."""
    around = {
        "blocks.1.": f"{FSDP}blocks.1.{FSDP}{CHECKPOINTED}",
        "blocks.0.ffn.": f"blocks.0.{CHECKPOINTED}ffn.{CHECKPOINTED}",
    }
    renamed = {}
    for key, tensor in tensors.items():
        start = next((start for start in around if key.startswith(start)), "")
        renamed[around.get(start, "") + key.removeprefix(start)] = tensor
    return prefixed("model.", renamed)


LAYOUTS = {
    "flat.safetensors": lambda t: prefixed("model.", t),
    "plain.safetensors": lambda t: t,
    "comfy.safetensors": lambda t: prefixed("model.diffusion_model.", t),
    "comfy-bare.safetensors": lambda t: prefixed("diffusion_model.", t),
    "generator.pt": lambda t: {"generator": prefixed("model.", t)},
    "ema.pt": lambda t: {"generator_ema": prefixed("model." + FSDP, t)},
    "fsdp-first.pt": lambda t: {"generator_ema": prefixed(FSDP + "model.", t)},
    "model.pt": lambda t: {"model": t},
    "state.pt": lambda t: {"state_dict": prefixed("model.model.", t)},
    "flat.pt": lambda t: t,
    "flat-prefix.pth": lambda t: prefixed("model.", t),
    "checkpointed.pt": lambda t: {"generator": wrapped(t)},
    "two-deep.pt": lambda t: {"step": 7, "state_dict": {"model": prefixed("model.", t)}},
    "both.pt": lambda t: {
        "critic": {"x": torch.zeros(1)},
        "generator_ema": {key: tensor + 1 for key, tensor in t.items()},
        "generator": t,
    },
    "parameters.pt": lambda t: {"model": {key: torch.nn.Parameter(t[key]) for key in t}},
}


def save(path: Path, content) -> Path:
    (save_file if path.suffix == ".safetensors" else lambda c, p: torch.save(c, p))(content, path)
    return path


def same(found, expected) -> bool:
    return found.keys() == expected.keys() and all(
        torch.equal(found[key], expected[key]) for key in expected
    )


def by_diffusers(tensors, names):
    return {names[key]: tensor for key, tensor in tensors.items()}


@pytest.mark.parametrize("layout", rest_slow(LAYOUTS))
def test_every_layout_loads_to_the_same_network(tmp_path, base, layout):
    path = save(tmp_path / layout, LAYOUTS[layout](base))
    model = load_transformer(TINY, read(path), torch.float32, "cpu", source=path)
    assert same(model.state_dict(), by_diffusers(base, base_names()))
    whole = [*model.parameters(), *model.buffers()]
    assert not any(tensor.is_meta or tensor.requires_grad for tensor in whole)
    assert not any(module.training for module in model.modules())
    assert not hasattr(model, "rope")


def test_the_names_written_down_here_are_all_that_diffusers_has():
    keys = set(whole_network().state_dict())
    names = [*base_names().values(), *vace_names().values()]
    assert sorted(names) == sorted(keys)
    assert set(base_names().values()) == set(empty_transformer(TINY).state_dict())


def test_the_sizes_of_the_networks_are_those_of_the_authors():
    for size, count in ((WAN_1_3B, 1_418_996_800), (WAN_14B, 14_288_491_584)):
        model = empty_transformer(size)
        assert len(model.blocks) == size.layers
        assert all(parameter.is_meta for parameter in model.parameters())
        assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_weights_are_cast_and_given_tensors_stay_as_they_are(base):
    given = dict(base)
    model = load_transformer(TINY, given, torch.bfloat16, "cpu")
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.bfloat16}
    assert same(given, base)
    assert {tensor.dtype for tensor in given.values()} == {torch.float32}
    q = base["blocks.1.self_attn.q.weight"].bfloat16()
    assert torch.equal(model.blocks[1].attn1.to_q.weight, q)


def test_weights_that_need_no_cast_are_not_copied(base):
    model = load_transformer(TINY, base, torch.float32, "cpu")
    places = {tensor.data_ptr() for tensor in base.values()}
    assert {tensor.data_ptr() for tensor in model.state_dict().values()} == places


@pytest.mark.parametrize("name", ["mapped.safetensors", "mapped.pt"])
def test_a_file_is_mapped_and_never_written(tmp_path, base, name):
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("only Linux tells what is mapped")
    path = save(tmp_path / name, base)
    before = path.read_bytes()
    tensors = read(path)
    assert str(path) in maps.read_text()
    tensors["head.modulation"].zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("full", [False, True], ids=["module", "full"])
@pytest.mark.parametrize("prefix", ["", "model.", "model.diffusion_model."])
def test_a_vace_module_is_found_alone_and_in_a_full_file(tmp_path, base, vace, full, prefix):
    given = prefixed(prefix, base | vace if full else vace)
    path = save(tmp_path / "vace.safetensors", given)
    tensors = read(path)
    assert same(vace_state(tensors, source=path), by_diffusers(vace, vace_names()))
    assert tensors.keys() == given.keys(), "the converter empties what it is given"


def test_a_full_vace_file_is_a_base_network_too(base, vace):
    tensors = {**vace, **base}
    expected = by_diffusers(base, base_names())
    assert same(transformer_state(tensors, TINY), expected)
    assert tensors.keys() == vace.keys() | base.keys(), "the converter empties what it is given"
    assert same(load_transformer(TINY, tensors, torch.float32, "cpu").state_dict(), expected)


def refused(call, *words: str) -> CheckpointError:
    """`call` raises one sentence that ends with a cure and has all of `words` in it."""
    with pytest.raises(CheckpointError) as caught:
        call()
    text = str(caught.value)
    for word in words:
        assert word in text
    assert text.endswith("."), text
    assert "\n" not in text
    assert not re.search(r"[.!?] [A-Z]", text), f"one sentence: {text}"
    assert re.search(r"; (download|choose|get|use|wait) ", text), f"a cure: {text}"
    assert len(text) < 900, text
    return caught.value


def loading(tensors, size=TINY):
    return lambda: load_transformer(size, tensors, torch.float32, "cpu", source="models/x.pt")


def test_an_error_of_a_checkpoint_is_a_value_error(tmp_path):
    assert isinstance(refused(lambda: read(tmp_path / "absent.pt"), "absent.pt"), ValueError)


def test_missing_keys_are_named_and_the_rest_counted(base):
    tensors = {key: base[key] for key in base if ".self_attn.k." not in key and "norm3" not in key}
    refused(
        loading(tensors),
        "models/x.pt",
        "tiny, which has 69 tensors",
        "8 missing (",
        "blocks.0.attn1.to_k.weight",
        " and 5 more)",
    )
    one = {key: base[key] for key in base if key != "head.modulation"}
    refused(loading(one), "1 missing (scale_shift_table);")


def test_unexpected_keys_are_named(base):
    extra = {"blocks.1.self_attn.lora_A.weight": torch.zeros(1), "logvar": torch.zeros(1)}
    refused(
        loading(base | extra),
        "models/x.pt",
        "2 unexpected (blocks.1.attn1.lora_A.weight, logvar);",
    )


def test_wrong_shapes_are_told_with_what_is_expected(base):
    wide = {"head.head.bias": torch.zeros(65), "patch_embedding.weight": torch.zeros(96, 16, 2, 2)}
    refused(
        loading(base | wide),
        "models/x.pt",
        "2 wrongly shaped (",
        "proj_out.bias: (65,), expected (64,)",
        "patch_embedding.weight: (96, 16, 2, 2), expected (96, 16, 1, 2, 2)",
    )


def test_every_kind_of_fault_is_in_the_one_sentence(base):
    tensors = {key: base[key] for key in base if key != "head.modulation"}
    tensors |= {"head.head.bias": torch.zeros(3), "stray": torch.zeros(1)}
    refused(loading(tensors), "1 missing (scale", "1 unexpected (stray)", "1 wrongly shaped (proj")


def test_a_network_of_another_size_is_told_by_its_layers(base, vace):
    refused(loading(base, replace(TINY, name="other", layers=3)), "2 layers", "other has 3;")
    refused(loading(vace), "models/x.pt contains 0 layers of a Wan2.1 transformer")


def test_a_tensor_that_comes_twice_is_refused(base):
    twice = base | {"model.head.modulation": base["head.modulation"]}
    refused(loading(twice), "models/x.pt contains head.modulation twice")
    mixed = base | {"scale_shift_table": base["head.modulation"]}
    refused(loading(mixed), "models/x.pt contains some tensors twice")


def test_a_file_without_vace_says_so(base):
    refused(lambda: vace_state(base, source="models/y.safetensors"), "models/y.safetensors", "VACE")


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt", "x.pth"])
def test_broken_files_are_named_with_a_cure(tmp_path, base, name):
    path = save(tmp_path / name, base)
    sound = path.read_bytes()
    for length in (1, 7, 100, len(sound) // 2, len(sound) - 1):
        path.write_bytes(sound[:length])
        refused(lambda: read(path), str(path), "truncated")
    path.write_text("<!doctype html><title>404</title>")
    refused(lambda: read(path), str(path), "is a web page")
    path.write_bytes(b"")
    refused(lambda: read(path), f"{path} is empty")
    path.unlink()
    refused(lambda: read(path), f"{path} cannot be read (No such file or directory)")
    path.mkdir()
    refused(lambda: read(path), f"{path} cannot be read")


def complaint(path: Path) -> str:
    try:
        read(path)
    except CheckpointError as error:
        return str(error)
    return ""


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", rest_slow(["x.safetensors", "x.pt"]))
def test_a_changed_byte_gives_tensors_or_one_sentence_and_no_other_error(tmp_path, base, name):
    path = save(tmp_path / name, {key: base[key] for key in list(base)[:4]})
    sound = path.read_bytes()
    texts = set()
    for place in range(0, min(len(sound), 1200), 7):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        texts.add(complaint(path))
    assert all(str(path) in text for text in texts if text)
    assert any(texts), "no byte mattered"


LOST = {
    "a list too early": b"\x80\x02.",
    "a memo that is none": b"\x80\x02h\x05.",
    "no end": b"\x80\x02",
    "half a number": b"\x80\x02J\x01.",
    "no text": b"\x80\x02X\x01\x00\x00\x00\xff.",
    "a storage that is a number": b"\x80\x02K\x01Q.",
    "a storage without a type": b"\x80\x02(X\x07\0\0\0storage}X\x01\0\0\x000X\x03\0\0\0cpuK\x02tQ.",
    "a tensor of nothing": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
}


@pytest.mark.parametrize("lost", LOST)
def test_a_sound_archive_around_a_broken_pickle_is_damaged(tmp_path, base, lost):
    path, sound = tmp_path / "x.pt", save(tmp_path / "sound.pt", base)
    with zipfile.ZipFile(sound) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, LOST[lost] if name.endswith("data.pkl") else source.read(name))
    refused(lambda: read(path), str(path), "damaged")


class Trap:
    """A pickle of this makes the file `path` when it is read as pickles are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_that_would_run_code_does_not(tmp_path, base):
    mark = tmp_path / "mark"
    path = save(tmp_path / "trap.pt", {"generator": {**base, "x": Trap(mark)}})
    refused(lambda: read(path), str(path), "it was not loaded")
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps({"generator": Trap(mark)}))
    refused(lambda: read(bare), str(bare))
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists(), "the trap is none"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "contains nothing instead"),
        ({"generator": {}}, "contains nothing instead"),
        (torch.zeros(2), "contains one Tensor instead"),
        ([torch.zeros(2)], "contains one list instead"),
        ({"a": torch.zeros(2), "step": 7}, "contains 'step', a int, instead"),
        ({5: torch.zeros(2)}, "contains 5, a Tensor, instead"),
        (
            {"model": {"model": {"model": {"model": {"model": {"a": torch.zeros(2)}}}}}},
            "contains 'model', a dict, instead",
        ),
    ],
)
def test_what_is_no_dictionary_of_tensors_is_refused(tmp_path, content, words):
    path = save(tmp_path / "x.pt", content)
    refused(lambda: read(path), str(path), words)


def test_other_endings_are_refused(tmp_path, base):
    path = save(tmp_path / "x.pt", base).rename(tmp_path / "x.ckpt")
    refused(lambda: read(path), str(path), ".safetensors, .pt, .pth")
    upper = save(tmp_path / "y.safetensors", base).rename(tmp_path / "Y.SAFETENSORS")
    assert same(read(str(upper)), load_file(upper))


def test_random_weights_are_what_they_say():
    model = random_transformer(TINY, torch.bfloat16, "cpu", seed=3, std=0.1)
    state = model.state_dict()
    assert state.keys() == set(base_names().values())
    assert {tensor.dtype for tensor in state.values()} == {torch.bfloat16}
    norms = {key for key in state if "norm" in key and key.endswith(".weight")}
    assert len(norms) == 5 * TINY.layers
    for key, tensor in state.items():
        centre = 1.0 if key in norms else 0.0
        assert tensor.float().mean().item() == pytest.approx(centre, abs=0.06), key
        assert tensor.float().std().item() == pytest.approx(0.1, rel=0.3), key
    assert not any(p.requires_grad for p in model.parameters())
    assert not any(module.training for module in model.modules())
    assert not hasattr(model, "rope")


def test_random_weights_follow_the_seed():
    first, again, other = (
        random_transformer(TINY, torch.float32, "cpu", seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert same(first, again)
    assert not any(torch.equal(first[key], other[key]) for key in first)
    assert len({tensor.flatten()[0].item() for tensor in first.values()}) == len(first)


LOADING = """
import os, re, sys
from dataclasses import replace
from pathlib import Path
import torch
from engine.causal.network.wan_weights import load_transformer
from engine.weights.checkpoint import read
from tests.support.tiny import SIZE as TINY

def own_memory():  # what is no view of a file
    return int(re.search(r"RssAnon:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

def load(path, dtype):
    before = own_memory()
    model = load_transformer(LARGE, read(path), getattr(torch, dtype), "cpu", source=path)
    assert sum(float(tensor.flatten()[::512].sum()) for tensor in model.state_dict().values())
    print(path.name, dtype, (own_memory() - before) / path.stat().st_size, flush=True)

LARGE = replace(TINY, **CHANGES)
for path in sys.argv[1:]:
    for dtype in ("float32", "bfloat16"):
        if os.fork() == 0:
            load(Path(path), dtype)
            os._exit(0)
        assert os.wait()[1] == 0
"""  # each load in a process of its own: in an old one what was freed is taken again


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """The memory that each file takes, loaded as each type, by the file's size."""
    size = {"layers": 1, "dim": 384, "ffn": 16_384}
    state = random_transformer(replace(TINY, **size), torch.float32, "cpu").state_dict()
    folder = tmp_path_factory.mktemp("loading")
    paths = [save(folder / name, state) for name in ("x.safetensors", "x.pt")]
    run = [sys.executable, "-c", LOADING.replace("CHANGES", repr(size)), *paths]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=100)
    lines = [line.split() for line in done.stdout.splitlines()]
    return {(name, dtype): float(part) for name, dtype, part in lines}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells memory from mapped files")
@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
@pytest.mark.parametrize(
    ("dtype", "part"), [("float32", 0.0), ("bfloat16", 0.5)], ids=["as it is", "cast"]
)
def test_a_load_takes_memory_for_what_is_cast_and_nothing_else(taken, name, dtype, part):
    assert taken[name, dtype] == pytest.approx(part, abs=0.12)


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
@pytest.mark.parametrize(
    "error",
    [
        OSError("The paging file is too small for this operation to complete. (os error 1455)"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        MemoryError(),
        RuntimeError("Couldn't open file mapping: <x.pt>, error code: <1455>"),
    ],
    ids=["safetensors on Windows", "errno", "Python", "torch on Windows"],
)
def test_a_sound_file_is_not_called_damaged_where_memory_is_short(
    tmp_path, base, name, error, monkeypatch
):
    path = save(tmp_path / name, base)

    def refuse(*_, **__):
        raise error

    with monkeypatch.context() as short:
        short.setattr(weights, "load_file", refuse)
        if name.endswith(".pt"):
            load = torch.load
            short.setattr(torch, "load", lambda *a, **k: (refuse if "mmap" in k else load)(*a, **k))
        with pytest.raises(InsufficientMemory) as told:
            read(path)
    assert f"{path} is not damaged" in str(told.value)
    assert "close other programs" in str(told.value)
    assert "download" not in str(told.value)
    assert read(path).keys() == base.keys()


def test_what_windows_cannot_promise_is_told_before_the_file_is_mapped(tmp_path, base, monkeypatch):
    path = save(tmp_path / "x.safetensors", base)
    monkeypatch.setattr(commit, "left", lambda: 1000)
    with pytest.raises(InsufficientMemory, match="Windows can commit 1 kB"):
        read(path)


def test_a_header_that_finds_no_memory_is_damaged_only_where_there_is_enough(
    tmp_path, base, monkeypatch
):
    path = save(tmp_path / "x.pt", base)

    def refuse(*_, **__):
        raise MemoryError

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(commit, "available", lambda: 8e9)
    refused(lambda: read(path), str(path), "damaged")
    monkeypatch.setattr(commit, "available", lambda: 1e8)
    with pytest.raises(InsufficientMemory, match="too little free memory"):
        read(path)
