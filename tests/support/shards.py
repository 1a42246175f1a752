"""Checkpoints in shards, as diffusers and transformers write them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file


def write_shards(index: Path, tensors: Mapping[str, Any], count: int = 3) -> Path:
    """Write tensors as `count` shards and their index, of that name; give it."""
    index.parent.mkdir(parents=True, exist_ok=True)
    stem = index.name.removesuffix(".safetensors.index.json")
    where: dict[str, str] = {}
    for number in range(count):
        name = f"{stem}-{number + 1:05}-of-{count:05}.safetensors"
        part = dict(list(tensors.items())[number::count])
        save_file({key: tensor.contiguous() for key, tensor in part.items()}, index.parent / name)
        where |= dict.fromkeys(part, name)
    told = {"metadata": {"total_size": 1}, "weight_map": where}
    index.write_text(json.dumps(told, indent=2), "utf-8")
    return index
