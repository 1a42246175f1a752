"""Sharded checkpoints are read as one; contradictions of index and shards are reported."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from safetensors.torch import load_file, save_file

from engine.files.errors import CheckpointError
from engine.files.shards import LARGEST, NAMES, files
from engine.weights.checkpoint import header_of, read
from tests.support.shards import write_shards

TENSORS = {f"blocks.{n}.ffn.0.weight": torch.full((4, 4), float(n)) for n in range(7)}
FIRST, SECOND = (f"model-0000{n}-of-00003.safetensors" for n in (1, 2))


@pytest.mark.parametrize("name", [*NAMES, "krea-realtime-video-14b.safetensors.index.json"])
def test_shards_are_read_as_one(tmp_path: Path, name: str) -> None:
    index = write_shards(tmp_path / name, TENSORS)
    found = read(index)
    assert found.keys() == TENSORS.keys() == header_of(index).keys()
    assert all(torch.equal(found[key], tensor) for key, tensor in TENSORS.items())
    assert len(files(index)) == 4


def test_each_shard_is_mapped_once_and_never_written(tmp_path: Path) -> None:
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("only Linux tells what is mapped")
    index = write_shards(tmp_path / NAMES[0], TENSORS)
    before = {path: path.read_bytes() for path in files(index)}
    tensors = read(index)
    lines = maps.read_text().splitlines()
    assert all(sum(str(path) in line for line in lines) == 1 for path in files(index)[1:])
    for tensor in tensors.values():
        tensor.zero_()
    assert before == {path: path.read_bytes() for path in files(index)}


def remapped(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(index: Path) -> None:
        content = json.loads(index.read_text())
        change(content["weight_map"])
        index.write_text(json.dumps(content))

    return spoil


def to(shard: Any) -> Callable[[Path], None]:
    """The first tensor is said to be elsewhere."""
    return remapped(lambda where: where.update({"blocks.0.ffn.0.weight": shard}))


def text(content: str | bytes) -> Callable[[Path], None]:
    data = content if isinstance(content, bytes) else content.encode()
    return lambda index: index.write_bytes(data) and None


def cut(index: Path) -> None:
    shard = index.parent / SECOND
    shard.write_bytes(shard.read_bytes()[:-5])


def again(index: Path) -> None:
    """A tensor lies in two shards."""
    shard = index.parent / SECOND
    save_file({**load_file(shard), "blocks.0.ffn.0.weight": torch.zeros(4, 4)}, shard)


def circle(index: Path) -> None:
    (index.parent / FIRST).unlink()
    (index.parent / FIRST).symlink_to(FIRST)


OUTSIDE = r"is not a valid shard index: '.*', for 'blocks.0.ffn.0.weight', is not a file next to it"
SPOILT: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a shard is missing": (lambda index: (index.parent / SECOND).unlink(),
                           rf"names the shard {SECOND}, which is missing; download that"),
    "a shard lacks a tensor": (remapped(lambda where: where.update({"head.weight": FIRST})),
                               rf"says that 'head.weight' is in {FIRST}, but it is missing there"),
    "a tensor of a shard is not told": (remapped(lambda where: where.pop("blocks.3.ffn.0.weight")),
                                        r"'blocks.3.ffn.0.weight' is in no shard, but it is in"),
    "a tensor lies in two shards": (again, rf"' is in {FIRST}, but it is in {SECOND}; use the"),
    "a tensor lies in another shard": (to(SECOND), rf"is in {SECOND}, but it is in {FIRST}; use"),
    "upwards": (to(f"../{FIRST}"), OUTSIDE), "upwards, on Windows": (to(f"..\\{FIRST}"), OUTSIDE),
    "absolute": (to("/etc/passwd"), OUTSIDE), "a drive": (to("C:x.safetensors"), OUTSIDE),
    "a folder": (to(f"x/{FIRST}"), OUTSIDE), "the folder": (to(".."), OUTSIDE),
    "nothing": (to(""), OUTSIDE), "zero": (to(f"{FIRST}\0"), OUTSIDE),
    "a number": (to(3), "is not a valid shard index: 3, for 'blocks.0"),
    "itself": (to(NAMES[0]), f"names '{NAMES[0]}', which is not a .safetensors file; use the"),
    "pickles": (to("pytorch_model-00001-of-00002.bin"), "which is not a .safetensors file; use"),
    "a circle": (circle, rf"names the shard {FIRST}, which is missing; download that"),
    "cut short": (cut, rf"{SECOND} is damaged, truncated .* download it again"),
    "no JSON": (text("{'weight_map'"), "is not a valid shard index: it is not JSON, is trunc"),
    "half of it": (lambda index: index.write_bytes(index.read_bytes()[:200]), "is truncated"),
    "deep": (text("[" * 200_000), "is not a valid shard index: it is not JSON"),
    "a tensor twice": (text('{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}'),
                       "names a tensor twice"),
    "no map": (text('{"metadata": {}}'), "it has no weight_map of tensor names"),
    "an empty map": (text('{"weight_map": {}}'), "it names 0 tensors, expected 1 to"),
    "a list": (text('["a"]'), "it has no weight_map of tensor names"),
    "empty": (text(""), "is not a valid shard index: it is not JSON"),
    "too long": (text(b" " * (LARGEST + 1)), "it is larger than"),
    "a page": (text("<!DOCTYPE html>"), "is a web page, not the file itself; download"),
    "a pointer": (text("version https://git-lfs.github.com/spec/v1\n"), "is a Git LFS pointer"),
    "a message": (text('{"error":"Invalid credentials"}'), "is a server's error message"),
    "a shard that is a pointer": (
        lambda index: (index.parent / SECOND).write_text("version https://git-lfs.github.com/spec"),
        f"{SECOND} is a Git LFS pointer"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPOILT)
def test_what_is_wrong_with_index_or_shards_is_one_sentence(tmp_path: Path, kind: str) -> None:
    if kind == "a circle" and sys.platform == "win32":
        pytest.skip("links are for administrators there")
    spoil, words = SPOILT[kind]
    index = write_shards(tmp_path / NAMES[0], TENSORS)
    spoil(index)
    for look in (read, header_of):
        with pytest.raises(CheckpointError, match=words) as refused:
            look(index)
        told = str(refused.value)
        assert told.startswith(str(tmp_path))
        assert told.endswith(".")
        assert len(told) < 1000


def test_a_changed_byte_of_an_index_gives_tensors_or_one_sentence(tmp_path: Path) -> None:
    index = write_shards(tmp_path / NAMES[0], TENSORS)
    sound, random, same = index.read_bytes(), Random(4), 0
    for _ in range(150):
        spoilt = bytearray(sound)
        spoilt[random.randrange(len(sound))] = random.randrange(256)
        index.write_bytes(spoilt)
        try:
            found = read(index)
        except CheckpointError:
            continue
        same += 1
        assert found.keys() == TENSORS.keys()
    assert same, "of the total size nothing depends"
