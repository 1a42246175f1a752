"""Read checkpoints as tensors by name, and fill an empty network with them.

The container is safetensors, or a flat or nested pickle; opening it never runs code.

Files are mapped, not read: a tensor uses memory only when it is cast, one at a time, so loading
needs the network's size once, not twice. A file must not change while its tensors are in use.
"""

import pickle
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from engine.files import shards
from engine.files.errors import NAMED, CheckpointError, damaged, first_few, shown, unsafe
from engine.files.kinds import SAFETENSORS, check_suffix
from engine.files.library import size_text
from engine.pipeline import InsufficientMemory
from engine.system import commit, held
from engine.system.commit import MORE, short_of_memory
from engine.weights.finite import check_finite
from engine.weights.headers import NESTS, header
from engine.weights.pickle_header import DAMAGED, content_of

Model = TypeVar("Model", bound=torch.nn.Module)


def read(path: str | Path, nests: tuple[str, ...] = NESTS) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names in the file, on the CPU.

    Reads `.safetensors`, an index of several (`engine.files.shards`), or `.pt` and `.pth` as
    written by torch 1.6 and later; a pickle may contain the tensors directly or, up to four levels
    deep, in the first of `nests` present. The tensors are views of the mapped files in their own
    types; writing to one changes memory, not the file.

    CheckpointError if the file is missing, damaged or anything but tensors by name; its header
    (`engine.weights.headers`) is checked before the file is mapped. InsufficientMemory if it is
    valid but the system refuses the memory. Code in a file never runs.
    """
    path = Path(path)
    header_of(path, nests)
    for file in shards.files(path):
        _check_room(file)
    if not shards.is_index(path):
        return _mapped(path, nests)
    of_shards = [_mapped(file, nests) for file in shards.files(path)[1:]]
    return {key: tensor for shard in of_shards for key, tensor in shard.items()}


def header_of(path: Path, nests: tuple[str, ...] = NESTS) -> dict[str, Tensor]:
    """The tensors in the header of a file, or of all shards of an index; see
    `engine.weights.headers`.

    CheckpointError if a header is invalid, or if index and shards disagree, with the tensor and
    the file.
    """
    if not shards.is_index(path):
        check_suffix(path)
        with opened(path) as file:
            return header(file, path, nests)
    index = shards.index(path)
    found: dict[str, Tensor] = {}
    for shard in shards.files(path)[1:]:
        if not shard.is_file():
            raise CheckpointError(
                f"{path} names the shard {shard.name}, which is missing; download that too."
            )
        with opened(shard) as file:
            held_there = header(file, shard, nests)
        for key in held_there:
            if index.get(key) != shard.name:
                where = f"in {index[key]}" if key in index else "in no shard"
                raise CheckpointError(
                    f"{path} says that {shown(key)} is {where}, but it is in {shard.name}; "
                    f"{shards.TOGETHER}."
                )
        found |= held_there
    for key, name in index.items():
        if key not in found:
            raise CheckpointError(
                f"{path} says that {shown(key)} is in {name}, but it is missing there; "
                f"{shards.TOGETHER}."
            )
    return found


def _mapped(path: Path, nests: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors of one file whose header is valid."""
    try:
        if path.suffix.lower() == SAFETENSORS:
            return load_file(path)
        # torch maps only zip archives; older, bare pickles have no header either
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise unsafe(path) from error
    except (OSError, *DAMAGED) as error:
        if short_of_memory(error):
            raise too_little(path, str(error)) from error
        raise damaged(path) from error
    return content_of(content, path, nests)


@contextmanager
def opened(path: Path) -> Generator[BinaryIO]:
    """The file, open for reading; CheckpointError if that fails, InsufficientMemory if memory is
    the reason.
    """
    try:
        with held.patiently(lambda: path.open("rb")) as file:
            yield file
    except OSError as error:
        if short_of_memory(error):
            raise too_little(path, str(error)) from error
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror or error}); download it, or choose another "
            "file."
        ) from error


def too_little(path: Path, why: str) -> InsufficientMemory:
    """The error for a valid file that does not fit into memory."""
    told = why.strip().splitlines()[0][:NAMED].rstrip(".") if why.strip() else "MemoryError"
    return InsufficientMemory(
        f"{path} is not damaged, but this machine has too little free memory to read it ({told}); "
        f"{MORE}."
    )


def _check_room(path: Path) -> None:
    """InsufficientMemory if Windows cannot commit the memory for a file: it counts a private
    mapping in full.
    """
    there, size = commit.left(), path.stat().st_size
    if there is not None and size > there:
        raise too_little(path, f"it needs {size_text(size)}, Windows can commit {size_text(there)}")


def fill(
    model: Model,
    state: Mapping[str, Tensor],
    name: str,
    dtype: torch.dtype,
    device: torch.device | str,
    source: str | Path,
) -> Model:
    """Fill `model`, built on `meta`, with `state`, keyed by the model's own names, in `dtype` on
    `device`; `name` is the model's name in errors. On the CPU, in the file's own type, the weights
    stay views of the mapped file.

    CheckpointError, naming `source`, if a tensor is missing, unexpected, of the wrong shape, or
    not finite in `dtype`.
    """
    _check_fit(model.state_dict(), state, name, source)
    cast = {key: placed(tensor, dtype, device) for key, tensor in state.items()}
    check_finite(cast, source)
    model.load_state_dict(cast, assign=True)
    return model


def placed(tensor: Tensor, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """`tensor` in `dtype` on `device`; unchanged if it already is.

    It is moved first and cast on the device: given both at once, torch casts first, which costs
    host memory and time.
    """
    return tensor.detach().to(device).to(dtype)


def randomised(
    model: Model, dtype: torch.dtype, device: torch.device | str, seed: int = 0, std: float = 0.02
) -> Model:
    """Fill `model`, built on `meta`, with random weights, for benchmarks without a checkpoint.

    Normally distributed with deviation `std`, around 1 for the weights of norms and 0 for the rest.
    They are generated on the device; a seed reproduces them on the same kind of device.
    """
    generator = torch.Generator(device).manual_seed(seed)
    state = {
        key: torch.empty(empty.shape, dtype=dtype, device=device).normal_(
            _mean(key, empty), std, generator=generator
        )
        for key, empty in model.state_dict().items()
    }
    model.load_state_dict(state, assign=True)
    return model


def _mean(key: str, tensor: Tensor) -> float:
    """1 for the weight of a norm, the only vector other than biases."""
    return 1.0 if tensor.ndim == 1 and key.endswith(".weight") else 0.0


def _check_fit(
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    name: str,
    source: str | Path,
) -> None:
    """CheckpointError listing everything in `found` that does not match the network."""
    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    shapes = [
        f"{key}: {tuple(found[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in wanted.items()
        if key in found and found[key].shape != tensor.shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "wrongly shaped": shapes}
    told = [f"{len(keys)} {fault} ({first_few(keys)})" for fault, keys in faults.items() if keys]
    if told:
        raise CheckpointError(
            f"{source} does not fit the {name}, which has {len(wanted)} tensors: "
            f"{', '.join(told)}; download it again, or choose a checkpoint of the {name}."
        )
