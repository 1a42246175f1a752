"""Sharded checkpoints: a JSON index says which file next to it contains each tensor.

Diffusers and transformers write large models this way: `model-00001-of-00003.safetensors` and so
on, with `model.safetensors.index.json`. Free of torch.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from engine.files.errors import AGAIN, MOST, CheckpointError, shown
from engine.files.kinds import LOOK, SAFETENSORS, named
from engine.system import held
from engine.system.json_values import each_once, is_object

INDEX = ".index.json"
NAMES = (f"model.safetensors{INDEX}", f"diffusion_pytorch_model.safetensors{INDEX}")
LARGEST = 1 << 25  # bytes of an index; 100,000 tensors take a third of that
MOST_SHARDS = 1000
TOGETHER = "use the index and all its shards from one download"


def is_index(path: PurePath) -> bool:
    """Whether this is the name of a shard index."""
    return path.name.lower().endswith(INDEX)


def indexes(file: str) -> Iterator[str]:
    """Possible names of the index of a checkpoint that as a single file has this name: next to it
    with its name, or in a folder of its name.
    """
    path = PurePosixPath(file)
    yield f"{path.with_suffix(SAFETENSORS)}{INDEX}"
    for name in NAMES:
        yield str(path.with_suffix("") / name)


def index(path: Path) -> dict[str, str]:
    """Shard file names by tensor name; each is next to the index.

    CheckpointError if it is not an index, or names anything but a `.safetensors` file next to it.
    """
    try:
        with held.patiently(lambda: path.open("rb")) as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror or error}); {AGAIN}."
        ) from error
    if told := named(raw[:LOOK]):
        raise CheckpointError(f"{path} is {told}.")
    found = _weight_map(raw, path)
    if not found or len(found) > MOST:
        raise _fault(path, f"it names {len(found)} tensors, expected 1 to {MOST}")
    for key, shard in found.items():
        if not isinstance(shard, str) or not _beside(shard):
            raise _fault(path, f"{shown(shard)}, for {shown(key)}, is not a file next to it")
        if PurePath(shard).suffix.lower() != SAFETENSORS:
            raise CheckpointError(
                f"{path} names {shown(shard)}, which is not a {SAFETENSORS} file; use the "
                f"{SAFETENSORS} of the same model."
            )
    if (count := len(set(found.values()))) > MOST_SHARDS:
        raise _fault(path, f"it names {count} shards, at most {MOST_SHARDS} are allowed")
    return found


def files(path: Path) -> list[Path]:
    """The files of a checkpoint: itself, or the index and its shards in order. CheckpointError if
    the index is invalid.
    """
    if not is_index(path):
        return [path]
    return [path, *(path.parent / shard for shard in sorted(set(index(path).values())))]


def stamp(path: Path) -> list[int]:
    """Size and time of each file of a checkpoint, to detect changes. An OSError passes through;
    CheckpointError as in `files`.
    """
    seen = [file.stat() for file in files(path)]
    return [number for one in seen for number in (one.st_size, one.st_mtime_ns)]


def _weight_map(raw: bytes, path: Path) -> dict[str, Any]:
    """The weight_map of an index."""
    if len(raw) > LARGEST:
        raise _fault(path, f"it is larger than {LARGEST} bytes")
    try:
        content = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise _fault(path, "it is not JSON, is truncated or names a tensor twice") from error
    found = content.get("weight_map") if is_object(content) else None
    if not is_object(found):
        raise _fault(path, "it has no weight_map of tensor names")
    return found


def _beside(name: str) -> bool:
    """Whether this is a plain file name, without a path."""
    return bool(name.strip(". ")) and name.isprintable() and not set(name) & set("/\\:")


def _fault(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} is not a valid shard index: {what}; {AGAIN}.")
