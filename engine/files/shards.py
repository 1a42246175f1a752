"""Checkpoints in shards: an index of JSON says in which file beside it each tensor lies.

So diffusers and transformers write what is large: `model-00001-of-00003.safetensors` and on, and
`model.safetensors.index.json`. Free of torch.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from engine.files.errors import AGAIN, MOST, CheckpointError, shown
from engine.files.kinds import LOOK, SAFETENSORS, named
from engine.system import held

INDEX = ".index.json"
NAMES = (f"model.safetensors{INDEX}", f"diffusion_pytorch_model.safetensors{INDEX}")
LARGEST = 1 << 25  # bytes of an index; one of 100,000 tensors has a third of that
MOST_SHARDS = 1000
TOGETHER = "take the index and all of its shards from one download"


def is_index(path: PurePath) -> bool:
    """Whether that is the name of an index, which stands for its shards."""
    return path.name.lower().endswith(INDEX)


def indexes(file: str) -> Iterator[str]:
    """What the index may be called of a checkpoint whose one file would be called that: beside it
    by its name, or in a folder of its name.
    """
    path = PurePosixPath(file)
    yield f"{path.with_suffix(SAFETENSORS)}{INDEX}"
    for name in NAMES:
        yield str(path.with_suffix("") / name)


def index(path: Path) -> dict[str, str]:
    """The shards' names by those of the tensors; each is a file beside the index.

    CheckpointError where it is none, or names anything but a `.safetensors` file beside it.
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
        raise _fault(path, f"it names {len(found)} tensors where 1 to {MOST} are expected")
    for key, shard in found.items():
        if not isinstance(shard, str) or not _beside(shard):
            raise _fault(path, f"{shown(shard)}, for {shown(key)}, is no file beside it")
        if PurePath(shard).suffix.lower() != SAFETENSORS:
            raise CheckpointError(
                f"{path} names {shown(shard)}, which is no {SAFETENSORS} file; take the "
                f"{SAFETENSORS} of the same model."
            )
    if (count := len(set(found.values()))) > MOST_SHARDS:
        raise _fault(path, f"it names {count} shards where {MOST_SHARDS} at most are expected")
    return found


def files(path: Path) -> list[Path]:
    """The files that a checkpoint consists of: itself, or the index and its shards in their order.
    CheckpointError where it is an index that is none.
    """
    if not is_index(path):
        return [path]
    return [path, *(path.parent / shard for shard in sorted(set(index(path).values())))]


def stamp(path: Path) -> list[int]:
    """What changes when a checkpoint does: bytes and time of each of its files. An OSError of them
    goes through; CheckpointError as in `files`.
    """
    seen = [file.stat() for file in files(path)]
    return [number for one in seen for number in (one.st_size, one.st_mtime_ns)]


def _weight_map(raw: bytes, path: Path) -> dict[str, Any]:
    """The part of an index that counts."""
    if len(raw) > LARGEST:
        raise _fault(path, f"it has more than {LARGEST} bytes")
    try:
        content = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _fault(path, "it is no JSON, is cut short or names a tensor twice") from error
    found = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise _fault(path, "a weight_map of the tensors' names is expected")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _beside(name: str) -> bool:
    """Whether that is the plain name of a file, which leads nowhere else."""
    return bool(name.strip(". ")) and name.isprintable() and not set(name) & set("/\\:")


def _fault(path: Path, what: str) -> CheckpointError:
    return CheckpointError(f"{path} is no index of shards: {what}; {AGAIN}.")
