"""A bundle: whole or not there, brought up to date, and checked file by file."""

import json
import os
import random
import shutil
from types import SimpleNamespace

import pytest

from bridge.show import bundle
from bridge.show.bundle import BadBundle, Part, problems, to_copy, write

FILES = {"show.show": b"a show", "wheels/one.whl": b"1" * 900, "weights/net/big.pt": b"2" * 5000}


@pytest.fixture(name="sources")
def _sources(tmp_path):
    return placed(tmp_path / "here", FILES)


def placed(folder, files) -> list[Part]:
    parts = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        parts.append(Part(name, path))
    return parts


def made(folder, parts) -> list[str]:
    """The lines told."""
    lines: list[str] = []
    write(folder, parts, {"python": "3.13"}, lines.append)
    return lines


def manifest(folder, **changed) -> dict:
    path = folder / "bundle.json"
    told = {**json.loads(path.read_text()), **changed}
    path.write_text(json.dumps(told))
    return told


def test_what_is_flipped_missing_renamed_added_or_a_link_is_named(tmp_path, sources):
    whole = tmp_path / "whole"
    made(whole, sources)
    (whole / ".DS_Store").write_bytes(b"of the system")
    assert problems(whole) == []
    chance = random.Random(7)
    for turn in range(40):
        folder = tmp_path / str(turn)
        shutil.copytree(whole, folder)
        name = chance.choice([*FILES])
        path, other = folder / name, folder / f"{name}{chance.randrange(9)}"
        match turn % 5:
            case 0:
                data = bytearray(path.read_bytes())
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
                path.write_bytes(data)
                expected = [f"{name} is changed."]
            case 1:
                path.unlink()
                expected = [f"{name} is missing."]
            case 2:
                path.rename(other)
                expected = [f"{name} is missing.",
                            f"{other.relative_to(folder)} is not in bundle.json."]  # fmt: skip
            case 3:
                other.write_bytes(b"")
                expected = [f"{other.relative_to(folder)} is not in bundle.json."]
            case _:
                path.unlink()
                path.symlink_to(sources[0].source)
                expected = [f"{name} is a link or no file, which a bundle has none of.",
                            f"{name} is missing."]  # fmt: skip
        assert problems(folder) == expected


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../x", "a//b", "", ".", "C:x", "a\\..\\x", "x\0", "a" * 999],
)
def test_a_manifest_that_names_a_file_outside_is_refused(tmp_path, sources, name):
    made(tmp_path / "b", sources)
    manifest(tmp_path / "b", files={name: {"size": 1, "sha256": "0" * 64}})
    with pytest.raises(BadBundle, match="outside of the bundle"):
        problems(tmp_path / "b")
    with pytest.raises(BadBundle, match="outside of the bundle"):
        made(tmp_path / "b", sources)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"format": "other"}, "of another program"),
        ({"version": 2}, "use the spout-bridge that made it"),
        ({"made_by": 1}, "make the bundle again"),
        ({"files": []}, "make the bundle again"),
        ({"files": {"a": {"size": 1}}}, "no size or hash of a"),
        ({"files": {n: {"size": 1, "sha256": "0" * 64} for n in "aA"}}, "names a file twice"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path, sources, told, why):
    made(tmp_path / "b", sources)
    manifest(tmp_path / "b", **told)
    with pytest.raises(BadBundle, match=why):
        problems(tmp_path / "b")
    for data in (b"[" * 100_000, b"\xff", b'{"a": 1, "a": 2}', b""):
        (tmp_path / "b" / "bundle.json").write_bytes(data)
        with pytest.raises(BadBundle, match="not JSON"):
            problems(tmp_path / "b")


def test_a_bundle_of_an_earlier_release_is_named_too_old(tmp_path, sources, monkeypatch):
    made(tmp_path / "b", sources)
    monkeypatch.setattr(bundle, "__version__", "99.0.0")
    (told,) = problems(tmp_path / "b")
    assert "too old" in told


def test_only_what_is_new_is_copied_and_what_is_stale_is_removed(tmp_path, sources):
    folder = tmp_path / "b"
    assert [line.split()[0] for line in made(folder, sources)] == [*FILES]
    (folder / "weights/net/big.pt").unlink()  # a link to its source
    (folder / "weights/net/big.pt").write_bytes(b"3" * 5000)
    (folder / "mine.txt").write_bytes(b"not ours")
    changed = placed(tmp_path / "new", {"show.show": b"another", "extra.txt": b"x"})
    told = made(folder, [changed[0], sources[2], changed[1]])
    assert [line.split()[0] for line in told] == ["show.show", "weights/net/big.pt", "extra.txt"]
    assert problems(folder) == ["mine.txt is not in bundle.json."]
    assert not (folder / "wheels/one.whl").exists()
    assert (folder / "show.show").read_bytes() == b"another"
    (folder / "mine.txt").unlink()
    assert made(folder, [changed[0], sources[2], changed[1]]) == []
    assert problems(folder) == []
    assert not (tmp_path / "b.part").exists()


def test_what_is_interrupted_leaves_the_bundle_and_goes_on(tmp_path, sources, monkeypatch):
    folder, copied = tmp_path / "b", []
    made(folder, sources[:1])
    copyfile = shutil.copyfile

    def interrupted(source, target):
        copied.append(source.name)
        if source.name == "big.pt" and copied.count("big.pt") == 1:
            target.write_bytes(b"2" * 100)
            raise KeyboardInterrupt
        copyfile(source, target)

    def no_links(source, target):
        raise OSError

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(shutil, "copyfile", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made(folder, sources)
    assert problems(folder) == []
    assert [p.name for p in (tmp_path / "b.part").rglob("*") if p.is_file()] == [
        "bundle.json", "one.whl",
    ]  # fmt: skip
    made(folder, sources)
    assert copied == ["one.whl", "big.pt", "big.pt"]
    assert (problems(folder), (folder / "weights/net/big.pt").stat().st_nlink) == ([], 1)


def test_a_folder_of_another_kind_is_refused_and_stays(tmp_path, sources):
    for name in ("b", "c.part"):
        placed(tmp_path / name, {"diary.txt": b"mine"})
        with pytest.raises(BadBundle, match="not a bundle: it has no"):
            made(tmp_path / name.removesuffix(".part"), sources)
        assert [path.name for path in (tmp_path / name).iterdir()] == ["diary.txt"]
    with pytest.raises(BadBundle, match="not a bundle"):
        made(sources[0].source, sources)
    made(tmp_path / "d", sources)
    (tmp_path / "d" / "weights").rename(tmp_path / "elsewhere")
    (tmp_path / "d" / "weights").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadBundle, match="link"):
        made(tmp_path / "d", sources[:1])
    assert (tmp_path / "elsewhere/net/big.pt").exists()


def test_a_spoilt_source_is_refused(tmp_path, sources):
    spoilt = Part("weights/net/big.pt", sources[2].source, "0" * 64)
    with pytest.raises(BadBundle, match="has changed"):
        made(tmp_path / "b", [*sources[:2], spoilt])
    assert not (tmp_path / "b").exists()


def test_what_does_not_fit_is_told_before(tmp_path, sources, monkeypatch):
    folder = tmp_path / "stick" / "b"
    assert to_copy(folder, sources) == 0, "links cost nothing"
    huge = placed(tmp_path / "here", {"huge.pt": b""})[0]
    with huge.source.open("r+b") as file:
        file.truncate(4 << 30)  # sparse
    disks = [SimpleNamespace(mountpoint="/", fstype="vfat")]
    monkeypatch.setattr(bundle.psutil, "disk_partitions", lambda all: disks)
    assert to_copy(folder, sources) == 0
    with pytest.raises(BadBundle, match=r"huge.pt has 4.3 GB, .* FAT32"):
        to_copy(folder, [*sources, huge])
    disks[0].fstype = "exfat"
    monkeypatch.setattr(bundle, "_disk", lambda path: str(path).startswith(str(tmp_path / "here")))
    monkeypatch.setattr(bundle.drives, "free", lambda folder: 5900)
    assert to_copy(folder, sources[1:]) == 5900
    with pytest.raises(BadBundle, match="do not fit"):
        to_copy(folder, sources)
    placed(folder, {"show.show": FILES["show.show"]})
    assert to_copy(folder, sources) == 5900
