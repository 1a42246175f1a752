"""Checkpoints: their tensors by name, and a network that was built empty filled with them.

The container is safetensors, or a pickle, flat or nested; it is opened without running anything.

Files are mapped, not read: a tensor costs memory when it is cast, one at a time, so that a load
needs the network once and not twice. A file must stay as it is while its tensors are in use.
"""

# pyright: basic, reportMissingImports=false
# torch is an extra: where the types are checked it need not be installed.

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
    """The tensors of a checkpoint by the names that the file gives them, on the CPU.

    `.safetensors`, the index of several such (`engine.files.shards`), or `.pt` and `.pth` as torch
    has written them since 1.6; a pickle may hold the tensors themselves or, up to four deep, in the
    first of `nests` that it has. The tensors are views of the mapped files in the files' types;
    writing to one changes memory, not the file.

    CheckpointError where the file is absent, damaged or anything but tensors by name; that is
    seen in its header (`engine.weights.headers`), before the file is mapped. InsufficientMemory
    where it is sound and the system refuses the memory for it. Nothing that a file asks to be run
    is run.
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
    """What the header of a file says that it holds, or those of the shards that it is the index of;
    see `engine.weights.headers`.

    CheckpointError where one is not sound; where index and shards do not say the same, with the
    tensor and the file.
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
                f"{path} names the shard {shard.name}, which is not beside it; download that too."
            )
        with opened(shard) as file:
            held_there = header(file, shard, nests)
        for key in held_there:
            if index.get(key) != shard.name:
                where = f"in {index[key]}" if key in index else "nowhere"
                raise CheckpointError(
                    f"{path} says that {shown(key)} is {where}, but {shard.name} holds it; "
                    f"{shards.TOGETHER}."
                )
        found |= held_there
    for key, name in index.items():
        if key not in found:
            raise CheckpointError(
                f"{path} says that {shown(key)} is in {name}, which lacks it; {shards.TOGETHER}."
            )
    return found


def _mapped(path: Path, nests: tuple[str, ...]) -> dict[str, Tensor]:
    """The tensors of one file whose header is sound."""
    try:
        if path.suffix.lower() == SAFETENSORS:
            return load_file(path)
        # torch maps zip archives only; older, bare pickles have no header either
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
    """The file, open for reading; CheckpointError where it, or the disk, does not let us, and
    InsufficientMemory where that is why.
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
    """What is said of a file that is sound, and for which there is no memory."""
    told = why.strip().splitlines()[0][:NAMED].rstrip(".") if why.strip() else "MemoryError"
    return InsufficientMemory(
        f"{path} is not damaged: this machine has too little memory left to read it ({told}); "
        f"{MORE}."
    )


def _check_room(path: Path) -> None:
    """InsufficientMemory where Windows cannot promise the memory for a file: a private mapping
    counts as a whole there.
    """
    there, size = commit.left(), path.stat().st_size
    if there is not None and size > there:
        raise too_little(path, f"{size_text(size)} where Windows can promise {size_text(there)}")


def fill(
    model: Model,
    state: Mapping[str, Tensor],
    name: str,
    dtype: torch.dtype,
    device: torch.device | str,
    source: str | Path,
) -> Model:
    """`model`, built on `meta`, with all of `state`, which goes by the model's own names, every one
    in `dtype` on `device`; `name` is what an error calls the model. On the CPU, in the file's own
    type, the weights stay views of the mapped file.

    CheckpointError, naming `source`, where a tensor is missing, unexpected, of the wrong shape, or
    where what comes of it, in `dtype`, is not all finite numbers.
    """
    _check_fit(model.state_dict(), state, name, source)
    cast = {key: placed(tensor, dtype, device) for key, tensor in state.items()}
    check_finite(cast, source)
    model.load_state_dict(cast, assign=True)
    return model


def placed(tensor: Tensor, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """`tensor` in `dtype` on `device`, itself where it is so already.

    From a mapped file it goes to the device as it is and is cast there: asked for both at once,
    torch casts first, and the copy takes host memory and the host's time.
    """
    return tensor.detach().to(device).to(dtype)


def randomised(
    model: Model, dtype: torch.dtype, device: torch.device | str, seed: int = 0, std: float = 0.02
) -> Model:
    """`model`, built on `meta`, with random weights, for measurements without a checkpoint.

    All are normal with deviation `std`, the weights of norms around 1 and the rest around 0. They
    are made where they stay; the same seed gives the same weights on the same kind of device.
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
    """1 for the weight of a norm, the only vector that is no bias."""
    return 1.0 if tensor.ndim == 1 and key.endswith(".weight") else 0.0


def _check_fit(
    wanted: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    name: str,
    source: str | Path,
) -> None:
    """CheckpointError with everything that keeps `found` from being the network's state."""
    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    shapes = [
        f"{key}: {tuple(found[key].shape)} where {tuple(tensor.shape)} is expected"
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
