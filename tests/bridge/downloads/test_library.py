"""Weights on this machine: which file is used, and whether it is the right one."""

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from engine.catalog.artifacts import Artifact
from engine.catalog.rows import BUILT_IN
from engine.files.library import Library, WeightsError, lack, other_places, size_text
from engine.system.texts import quoted
from tests.bridge.downloads.files import ARCHIVE, CONTENT, HASH, NET, SMALL, put

# Where files lie.


@pytest.mark.parametrize(
    ("folder", "whose"),
    [
        ("models/model/files/net.pt", "here"),
        ("home/.daydream-scope/models/model/files/net.pt", "Scope"),
        ("home/.cache/huggingface/hub/models--authors--model/snapshots/0123/files/net.pt",
         "the hub's cache"),
        ("home/ComfyUI/models/diffusion_models/net.pt", "ComfyUI"),
        ("home/ComfyUI/models/vae/wan/net.pt", "ComfyUI"),
        ("named/model/files/net.pt", "named by you"),
        ("named/text_encoders/net.pt", "named by you"),
    ],
)  # fmt: skip
def test_a_file_is_found_where_any_program_keeps_it(
    tmp_path: Path, alone: Path, folder: str, whose: str
) -> None:
    path = put(tmp_path / folder)
    found = Library(tmp_path / "models", [tmp_path / "named"]).find(NET)
    assert found
    assert (found.path, found.origin) == (path, whose)


@pytest.mark.parametrize(
    ("folder", "whose"),
    [
        ("models/model/files/net.safetensors.index.json", "here"),
        ("models/model/files/net/model.safetensors.index.json", "here"),
        ("home/ComfyUI/models/diffusion_models/net/diffusion_pytorch_model.safetensors.index.json",
         "ComfyUI"),
        ("home/.cache/huggingface/hub/models--authors--model/snapshots/01/files/net/"
         "model.safetensors.index.json", "the hub's cache"),
        ("named/text_encoders/wan/net.safetensors.index.json", "named by you"),
    ],
)  # fmt: skip
def test_a_checkpoint_in_shards_is_found_in_the_same_places(
    tmp_path: Path, alone: Path, folder: str, whose: str
) -> None:
    index = put(tmp_path / folder, b'{"weight_map": {"a": "one.safetensors"}}')
    library = Library(tmp_path / "models", [tmp_path / "named"])
    found = library.find(NET)
    assert found
    assert (found.path, found.origin) == (index, whose)
    shard = put(index.parent / "one.safetensors", CONTENT)
    first = library.check(NET, index)
    assert library.check(NET, index) == first, "no hash of the one file is expected of it"
    library.check_before_load(NET, index, lambda done, whole: None)
    put(shard, bytes(len(CONTENT)))
    os.utime(shard, ns=(1, 1))
    assert library.check(NET, index) != first, "a shard that changed is read again"
    parts = library.parts(NET)
    for name, part in parts.items():
        put(tmp_path / "copy" / name, part.read_bytes())
    copied = Library(tmp_path / "copy").find(NET)
    assert (len(parts), copied and copied.origin) == (2, "here")
    put(library.home(NET))
    found = library.find(NET)
    assert found
    assert found.path == library.home(NET), "the one file comes first in its folder"


def test_what_lies_in_place_of_a_file_is_told_by_its_name(tmp_path: Path, alone: Path) -> None:
    library = Library(tmp_path / "models")
    put(library.home(NET), b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    assert f"{library.home(NET)} is a Git LFS pointer" in str(lack(library, "longlive", [NET]))
    put(library.home(NET), b"<!DOCTYPE html><title>Sign in</title>")
    assert f"{library.home(NET)} is a web page" in str(lack(library, "longlive", [NET]))


def test_our_own_folder_comes_first_and_another_size_is_another_file(
    tmp_path: Path, alone: Path
) -> None:
    put(alone / ".daydream-scope/models/model/files/net.pt")
    library = Library(tmp_path / "models")
    cut = put(library.home(NET), CONTENT[:1000])
    found = library.find(NET)
    assert found
    assert found.origin == "Scope"
    (alone / ".daydream-scope/models/model/files/net.pt").unlink()
    said = str(lack(library, "longlive", [NET]))
    assert f"{cut} is incomplete: 1000 of {len(CONTENT)} bytes" in said
    put(cut)
    found = library.find(NET)
    assert found
    assert found.origin == "here"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CONTENT[:1000], f"is incomplete: 1000 of {len(CONTENT)} bytes."),
        (CONTENT + b"+", f"is another file: it has {len(CONTENT) + 1} bytes, not {len(CONTENT)}."),
        (b"", f"is incomplete: 0 of {len(CONTENT)} bytes."),
    ],
)  # fmt: skip
def test_a_file_of_another_size_is_there_and_not_missing(
    tmp_path: Path, alone: Path, content: bytes, says: str
) -> None:
    library = Library(tmp_path / "models", [tmp_path / "named"])
    for path in (library.home(NET), tmp_path / "named/vae/net.pt"):
        put(path, content)
        said = str(lack(library, "longlive", [NET]))
        assert said.startswith("longlive has 1 file it cannot use (")
        command = f"spout-bridge models download longlive --models {quoted(tmp_path / 'models')}"
        assert f" free). {path} {says} Get it with `{command}`" in said
        assert "missing" not in said
        path.unlink()
    put(library.home(NET), content)
    said = str(lack(library, "longlive", [NET, replace(SMALL, size=3_000_000)]))
    assert said.startswith("longlive is missing 1 file of about 3 MB (")  # without what is there
    assert f": small.pth of authors/model. {library.home(NET)} {says} Get them with " in said
    put(alone / "ComfyUI/models/vae/net.pt", content)  # some other program's of that name
    library.home(NET).unlink()
    assert str(lack(library, "longlive", [NET])).startswith("longlive is missing 1 file of about ")


HEADER = (2).to_bytes(8, "little") + b"{}"
ONE = b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'
WHOLE = len(ONE).to_bytes(8, "little") + ONE + b"ab"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("small.pth", ARCHIVE, [ARCHIVE[:-9], ARCHIVE[:20], b"\0" * 1000, b"PK\x03\x04"]),
        ("small.pt", ARCHIVE, [CONTENT, b"", b"<html>", HEADER, WHOLE]),
        ("small.safetensors", WHOLE, [WHOLE[:-1], WHOLE[:9], ARCHIVE, CONTENT[:7], WHOLE + b"c"]),
    ],
)
def test_a_file_whose_size_nobody_knows_has_at_least_a_header_that_can_be_read(
    tmp_path: Path, alone: Path, name: str, good: bytes, bad: list[bytes]
) -> None:
    one = Artifact("strangers/model", name, 1000)
    library = Library(tmp_path / "models")
    for place in (library.home(one), alone / "ComfyUI/models/vae" / name):
        for number, content in enumerate(bad):
            put(place, content)
            os.utime(place, ns=(number, number))
            assert library.find(one) is None, content[:20]
            said = str(lack(library, "longlive", [one]))
            assert said.startswith("longlive has 1 file it cannot use (")
            assert f" free). {place} is " in said
        put(place, good)
        found = library.find(one)
        assert found
        assert found.path == place
        place.unlink()


def test_a_file_without_a_header_is_taken_as_it_is(tmp_path: Path, alone: Path) -> None:
    one = Artifact("strangers/model", "config.json", 1000)
    library = Library(tmp_path / "models")
    put(library.home(one), b"anything")
    assert library.find(one)


def test_the_folders_of_others_can_be_named_in_the_environment(tmp_path: Path) -> None:
    for name in ("scope", "hub", "comfy/models"):
        (tmp_path / name).mkdir(parents=True)
    environment = {
        "DAYDREAM_SCOPE_MODELS_DIR": str(tmp_path / "scope"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "COMFYUI_PATH": str(tmp_path / "comfy"),
    }
    found = {place.origin: place.folder for place in other_places(environment)}
    assert found["Scope"] == tmp_path / "scope"
    assert found["the hub's cache"] == tmp_path / "hub"
    assert found["ComfyUI"] == tmp_path / "comfy/models"


@pytest.mark.parametrize("name", ["models", "my models"])
def test_the_cure_downloads_into_the_folder_in_use(
    name: str, tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.files.library.data_folder", lambda: tmp_path)
    text = str(lack(Library(tmp_path / name), "longlive", [NET]))
    flag = "" if name == "models" else f' --models "{tmp_path / name}"'
    assert f"`spout-bridge models download longlive{flag}`" in text


def test_what_is_missing_is_said_with_size_room_and_cure(tmp_path: Path, alone: Path) -> None:
    found = lack(Library(tmp_path), "longlive", [NET, SMALL])
    assert found
    assert found.files == (NET, SMALL)
    text = str(found)
    assert text.startswith(f"longlive is missing 2 files of about {size_text(NET.size)} (")
    assert "files/net.pt of authors/model" in text
    assert f"`spout-bridge models download longlive --models {quoted(tmp_path)}`" in text
    put(tmp_path / NET.name)
    put(tmp_path / SMALL.name, ARCHIVE)
    assert lack(Library(tmp_path), "longlive", [NET, SMALL]) is None


# Whether a file is the one that was declared.


def test_a_flipped_bit_is_noticed_by_the_declared_and_by_the_recorded_hash(tmp_path: Path) -> None:
    library = Library(tmp_path)
    flipped = bytearray(CONTENT)
    flipped[1 << 20] ^= 4
    path = put(tmp_path / NET.name, bytes(flipped))
    with pytest.raises(WeightsError, match=f"SHA-256 is .* but {HASH} is expected"):
        library.check(NET, path)
    known = put(tmp_path / SMALL.name)
    assert library.check(SMALL, known) == HASH  # nobody declared it: recorded
    stamp = known.stat()
    put(known, bytes(flipped))
    os.utime(known, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a disk does it
    with pytest.raises(WeightsError, match=f"but {HASH} is expected"):
        library.check(SMALL, known, anew=True)


def test_a_file_that_somebody_replaced_is_theirs_one_that_was_downloaded_is_not(
    tmp_path: Path,
) -> None:
    library = Library(tmp_path)
    path = put(tmp_path / SMALL.name, b"one")
    library.check(SMALL, path)
    put(path, b"another")
    library.check(SMALL, path)
    library.record(path, sha256(b"another").hexdigest(), came=True)
    put(path, b"a third")
    with pytest.raises(WeightsError, match="remove it and download it again"):
        library.check(SMALL, path)


def test_a_file_is_read_once_and_again_only_when_it_changed(tmp_path: Path) -> None:
    library = Library(tmp_path)
    path = put(tmp_path / NET.name)
    read: list[float] = []
    note: Callable[[float, float], None] = lambda done, whole: read.append(done)  # noqa: E731
    library.check(NET, path, note)
    assert read
    read.clear()
    Library(tmp_path).check(NET, path, note)
    assert not read
    os.utime(path, ns=(1, 1))
    library.check(NET, path, note)
    assert read
    read.clear()
    library.check(NET, path, note, anew=True)
    assert read


def test_a_spoilt_record_costs_another_look_and_nothing_else(tmp_path: Path) -> None:
    path = put(tmp_path / NET.name)
    (tmp_path / "hashes.json").write_text("[]")
    assert Library(tmp_path).check(NET, path) == HASH
    (tmp_path / "hashes.json").write_text("{broken")
    assert Library(tmp_path).check(NET, path) == HASH


def test_what_the_real_pipelines_need_is_declared_in_full() -> None:
    for row in BUILT_IN:
        for artifact in row.needs(row.load()).values():
            assert artifact.size > 0
            assert len(artifact.sha256) in (0, 64)
            assert artifact.terms
