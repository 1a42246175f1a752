"""LoRA files are found where other programs keep them, under any name that a user types."""

import os
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from engine.catalog.controls import CausalLoad
from engine.files.library import Library
from tests.support.lora_files import lora_file


@pytest.fixture(name="home")
def _home(tmp_path, monkeypatch):
    """No other program's folders but those below."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "OneDrive"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "comfy"))
    monkeypatch.setenv("DAYDREAM_SCOPE_MODELS_DIR", str(tmp_path / "scope"))
    return tmp_path


@pytest.fixture(name="library")
def _library(home):
    return Library(home / "models", [home / "more", home / "usb" / "LoRAs"])


def test_the_folders_of_other_programs_are_looked_into(home, library):
    places = {
        "models/loras/ours.safetensors": "here",
        "more/loras/named.safetensors": "named by you",
        "more/Lora/too.safetensors": "named by you",
        "usb/LoRAs/stick.safetensors": "named by you",
        "scope/lora/scopes.safetensors": "Scope",
        "comfy/models/loras/comfys.safetensors": "ComfyUI",
        "comfy/models/loras/wan/anime/deep.safetensors": "ComfyUI",
    }
    for place in places:
        lora_file(home / place)
    lora_file(home / "comfy/models/checkpoints/none.safetensors")
    found = {lora.name: lora.origin for lora in library.loras()}
    assert found == {
        **{Path(place).name: origin for place, origin in places.items() if "deep" not in place},
        "wan/anime/deep.safetensors": "ComfyUI",
    }
    for name in found:
        assert library.lora(name).name == name
        assert library.lora(name).path.is_file()


@pytest.mark.parametrize(
    "given",
    [
        "Ink Wash v2.safetensors", "Ink Wash v2", "anime/Ink Wash v2",
        "anime\\Ink Wash v2.safetensors", "ink wash V2", "./anime/Ink Wash v2",
        "wan/anime/Ink Wash v2.safetensors",
    ],
)  # fmt: skip
def test_a_name_is_taken_as_it_is_typed(given, home, library):
    path = lora_file(home / "comfy/models/loras/wan/anime/Ink Wash v2.safetensors")
    lora_file(home / "models/loras/other.safetensors")
    found = library.lora(given)
    assert (found.name, found.path) == ("wan/anime/Ink Wash v2.safetensors", path)
    whole = library.lora(str(path))
    assert (whole.name, whole.path) == (found.name, path)


def test_accents_in_either_form_are_the_same(home, library):
    name = unicodedata.normalize("NFD", "Été à Nîmes 日本.safetensors")
    lora_file(home / "models/loras" / name)
    for given in (name, unicodedata.normalize("NFC", name), "été à nîmes 日本"):
        assert library.lora(given).name == name


def test_of_two_with_one_name_ours_is_meant_and_the_other_goes_by_its_path(home, library):
    ours = lora_file(home / "models/loras/style.safetensors")
    theirs = lora_file(home / "comfy/models/loras/style.safetensors")
    assert library.lora("style").path == ours
    named = [lora.name for lora in library.loras()]
    assert sorted(named) == sorted(["style.safetensors", theirs.as_posix()])
    assert library.lora(theirs.as_posix()).path == theirs
    assert library.lora(library.lora(str(theirs)).name).path == theirs, "what is kept holds"


def test_of_two_in_different_folders_one_is_to_be_written(home, library):
    for folder in ("a", "b"):
        lora_file(home / "models/loras" / folder / "style.safetensors")
    with pytest.raises(ValueError, match=r"'style' matches 2 LoRAs: a/style.*, b/style"):
        library.lora("style")
    assert library.lora("b/style").name == "b/style.safetensors"


def test_nothing_outside_the_folders_is_reached(home, library):
    lora_file(home / "models/loras/style.safetensors")
    secret = lora_file(home / "models/secret.safetensors")
    for given in (
        "../secret", "..\\secret.safetensors", str(secret),
        f"{home}/models/loras/../secret.safetensors", "", "/", ".", "..", "\0", "a" * 5000,
        "style.safetensors/x", "C:style",
        "/etc/passwd", "\ud83d", str(home / "models/loras"), "//server/share/x",
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"LoRA .* not found"):
            library.lora(given)


def test_circles_and_depth_and_hidden_files_end_the_search(home, library):
    root = home / "models/loras"
    lora_file(root / "a" / "one.safetensors")
    lora_file(root / ".cache" / "hidden.safetensors")
    lora_file(root / "1/2/3/4/5/6/deep.safetensors")
    (root / "a" / "readme.txt").write_text("x")
    if hasattr(os, "symlink") and sys.platform != "win32":
        (root / "a" / "round").symlink_to(root)
        outside = lora_file(home / "elsewhere" / "two.safetensors")
        (root / "linked").symlink_to(outside.parent)
        wanted = ["a/one.safetensors", "linked/two.safetensors"]
    else:
        wanted = ["a/one.safetensors"]
    assert [one.name for one in library.loras()] == wanted


def test_the_list_says_size_date_and_what_fits(home, library):
    root = home / "models/loras"
    lora_file(root / "14.safetensors", 5120)
    small = lora_file(root / "13.safetensors", 1536)
    lora_file(root / "22.safetensors", 3072)
    lora_file(root / "flux.safetensors", 3072, "transformer.single_transformer_blocks.0.attn.to_q")
    lora_file(root / "kohya.safetensors", 1536, "lora_unet_blocks_0_self_attn_q")
    lora_file(root / "diffusers.safetensors", 5120, "transformer.blocks.3.attn1.to_out.0")
    lora_file(root / "lokr.safetensors", 0, **{"lycoris_blocks_0_attn1_to_k.lokr_w1": [4, 4]})
    magnitude = {"blocks.0.self_attn.q.lora_magnitude_vector.default.weight": [96, 1]}
    lora_file(root / "dora.safetensors", 1536, **magnitude)
    lora_file(root / "high.safetensors", 5120, "transformer_2.blocks.0.attn1.to_q")
    lora_file(root / "ffn.safetensors", 0, **{
        "blocks.0.ffn.2.lora_A.weight": [4, 13824], "blocks.0.ffn.2.lora_B.weight": [5120, 4]
    })  # fmt: skip
    lora_file(root / "cross.safetensors", 5120, "diffusion_model.blocks.0.cross_attn.v")
    (root / "page.safetensors").write_text("<!DOCTYPE html><title>Sign in</title>")
    (root / "broken.safetensors").write_bytes(b"\xff" * 100)
    (root / "empty.safetensors").touch()
    (root / "pickle.pt").write_bytes(b"PK")
    (root / "odd.safetensors").write_bytes((12).to_bytes(8, "little") + b'{"a": [1,2]}')
    found = {lora.name.partition(".")[0]: lora for lora in library.loras()}
    seen = small.stat()
    assert (found["13"].size, found["13"].modified) == (seen.st_size, seen.st_mtime)
    assert {name: lora.made_for for name, lora in found.items()} == {
        "13": "Wan2.1 1.3B", "14": "Wan2.1 14B", "22": "Wan2.2 5B", "flux": "another network",
        "kohya": "Wan2.1 1.3B", "diffusers": "Wan2.1 14B", "high": "Wan2.2",
        "lokr": "none of these pipelines: it is a LoKr",
        "dora": "none of these pipelines: it is a DoRA",
        **dict.fromkeys(
            ("broken", "odd"),
            "none of these pipelines: it is damaged, truncated or not a .safetensors file",
        ),
        "pickle": "", "empty": "none of these pipelines: it is empty", "ffn": "Wan2.1 14B",
        "page": "none of these pipelines: it is a web page, not the file itself",
        "cross": "Wan2.1 14B",
    }  # fmt: skip
    assert set(found["13"].fits) == {"longlive", "streamdiffusionv2", "reward-forcing"}
    assert found["14"].fits == ["krea-realtime-video"]
    assert not any(
        found[name].fits for name in ("22", "flux", "lokr", "dora", "high", "broken", "pickle")
    )
    lora_file(small, 5120)
    os.utime(small, ns=(1, 1))
    again = {lora.name: lora.made_for for lora in library.loras()}
    assert again["13.safetensors"] == "Wan2.1 14B", "a file that changed is looked at again"


def test_what_stays_live_takes_its_files_room(home, library):
    size = lora_file(home / "comfy/models/loras/a.safetensors").stat().st_size
    load = CausalLoad(lora_1="a", lora_2="gone", lora_3="a.safetensors", lora_mode="live")
    assert library.lora_bytes(load) == 2 * size
    assert library.lora_bytes(load.model_copy(update={"lora_mode": "merged"})) == 0


@pytest.mark.parametrize("ending", [".bin", ".ckpt"])
def test_a_pickle_says_how_it_is_converted(ending, home, library):
    path = home / "models/loras" / f"my style{ending}"
    path.parent.mkdir(parents=True)
    path.touch()
    for given in (path.name, "my style", str(path)):
        with pytest.raises(ValueError, match=rf"my style\{ending} is a pickle, .* convert it"):
            library.lora(given)
    assert library.loras() == []


def pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64)


def shortened(path):
    lora_file(path, 1536)
    path.write_bytes(path.read_bytes()[:5000])


NO_LORAS = {
    "a LoKr": (lambda path: lora_file(path, 0, **{"lycoris_blocks_0_attn1_to_k.lokr_w1": [4, 4]}),
               r": parts of a LoKr, which is not supported \(1 tensor\); choose"),
    "a GLoRA": (lambda path: lora_file(path, 0, **{"blocks.0.self_attn.q.a1.weight": [4, 4]}),
                r": parts of a GLoRA, which is not supported \(1 tensor\); choose"),
    "whole differences": (lambda path: lora_file(path, 0, **{"blocks.0.ffn.0.diff": [4, 4]}),
                          r": full weight differences \(.diff\), which are not supported \(1 t"),
    "Flux": (lambda path: lora_file(path, 3072, "transformer.single_transformer_blocks.0.to_q"),
             r": tensors for a network other than the video transformer \(2 tensors\); choose"),
    "Wan2.2": (lambda path: lora_file(path, 5120, "transformer_2.blocks.0.attn1.to_q"),
               r": tensors for the second .* Wan2.2, which is not supported \(2 tensors\); choose"),
    "bits": (lambda path: lora_file(path, 1536, dtype="I8"),
             r"is quantised: blocks.0.* contains integers \(int8\); choose the bf16"),
    "a page": (lambda path: path.write_text("<html>Sign in</html>"), "is a web page, not the file"),
    "a pointer": (pointer, "is a Git LFS pointer, .*git lfs pull"),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG" + bytes(99)), "is an image, .* again"),
    "GGUF": (lambda path: path.write_bytes(b"GGUF" + bytes(99)), "is a GGUF file, .* use the"),
    "nothing": (lambda path: path.touch(), "is empty; download it again"),
    "a part": (shortened, "is damaged, truncated .*; wait for its download to finish, or"),
    "no rank": (lambda path: lora_file(path, 0, **{
        "blocks.0.self_attn.q.lora_A.weight": [0, 1536],
        "blocks.0.self_attn.q.lora_B.weight": [1536, 0],
    }), "has no values in blocks.0.self_attn.q.lora_A.weight; download it again"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_LORAS)
def test_what_no_pipeline_can_take_is_refused_by_its_true_name(kind, home, library):
    make, words = NO_LORAS[kind]
    path = home / "models/loras/a.safetensors"
    path.parent.mkdir(parents=True)
    make(path)
    with pytest.raises(ValueError, match=rf"^a\.safetensors .*{words}"):
        library.lora("a")


@pytest.mark.parametrize(("name", "data", "words"), [
    ("a.gguf", b"GGUF" + bytes(99), "is a GGUF file"),
    ("a.bin", b"<!doctype html>", "is a web page"),
    ("a.zip", b"PK\x03\x04" + bytes(500), "is an archive"),
    ("a", (9).to_bytes(8, "little") + b'{"a": {}}' , "is a .safetensors file with the wrong"),
])  # fmt: skip
def test_a_file_of_another_ending_is_told_by_what_is_in_it(name, data, words, home, library):
    path = home / "models/loras" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"^{name} {words}"):
        library.lora(name)


@pytest.mark.parametrize("name", ["a.gguf", "a.sft", "a.zip", "a", "a.safetensors.part"])
def test_another_kind_of_file_is_refused_by_its_name(name, home, library):
    path = home / "models/loras" / name
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(ValueError, match=r"is not one of \.safetensors, \.pt, \.pth; choose"):
        library.lora(name)


@pytest.mark.slow
def test_the_command_that_converts_does_so(home, library):
    torch = pytest.importorskip("torch")
    lora = {f"blocks.0.self_attn.q.lora_{half}.weight": torch.ones(4, 4) for half in "AB"}
    folder = home / "models/loras"
    folder.mkdir(parents=True)
    for name, content in (("flat.bin", lora), ("nest.ckpt", {"state_dict": lora, "epoch": 3})):
        torch.save(content, folder / name)
        with pytest.raises(ValueError, match="convert it") as told:
            library.lora(name)
        command = str(told.value).split("`")[1].removeprefix("python ")
        line = f'"{sys.executable}" {command}'
        subprocess.run(line, shell=True, cwd=folder, check=True, timeout=300)
        from safetensors.torch import load_file

        made = load_file(library.lora(Path(name).stem + ".safetensors").path)
        assert made.keys() == lora.keys()


@pytest.mark.slow
def test_a_changed_byte_gives_a_lora_or_one_sentence(home, library):
    """Wherever in the header it is; and the list is there all the same."""
    path = lora_file(home / "models/loras/a.safetensors", 1536)
    sound, chance = path.read_bytes(), random.Random(6)
    length = 8 + int.from_bytes(sound[:8], "little")
    taken = 0
    for number in range(300):
        spoilt = bytearray(sound)
        for _ in range(chance.randint(1, 3)):
            spoilt[chance.randrange(length)] = chance.randrange(256)
        path.write_bytes(spoilt)
        os.utime(path, ns=(number, number))
        assert [lora.name for lora in library.loras()] == [path.name]
        try:
            taken += library.lora("a").path == path
        except ValueError as error:
            told = str(error)
            assert told.startswith("a.safetensors "), told
            assert len(told) < 600
    assert 0 < taken < 300


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_what_is_no_file_is_neither_listed_nor_opened(home, library):
    lora_file(home / "models/loras/a.safetensors", 1536)
    os.mkfifo(home / "models/loras/b.safetensors")
    assert [lora.name for lora in library.loras()] == ["a.safetensors"]
    with pytest.raises(ValueError, match=r"LoRA .* not found"):
        library.lora("b.safetensors")


def test_every_name_in_the_list_means_its_file(home, library):
    """Whatever a file is called that can be typed."""
    chance = random.Random(5)
    letters = "aZ0 ._-()[]{}'%#&+,;=@~^!é日𝄞\u0301"
    paths: set[Path] = set()
    for number in range(150):
        parts = ["".join(chance.choices(letters, k=chance.randint(1, 9))).strip(" .") or "x"
                 for _ in range(chance.randint(1, 3))]  # fmt: skip
        folder = home / chance.choice(["models/loras", "comfy/models/loras", "scope/lora"])
        path = folder.joinpath(*parts[:-1], f"{parts[-1]}{number}.safetensors")
        paths.add(lora_file(path))
    listed = library.loras()
    assert len(listed) == len(paths)
    assert {library.lora(lora.name).path for lora in listed} == paths
    assert all(library.lora(lora.name).name == lora.name for lora in listed)
