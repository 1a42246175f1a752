"""Checkpoints in the formats of their authors, read into diffusers' Wan2.1 transformer.

Five families of files hold the same network. They differ in the container (safetensors, or a
pickle, flat or nested) and in what training left in front of the keys; the names behind that are
Wan's own. Here the container is opened without running anything, the rest is stripped, and
diffusers' converter gives its names.

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
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from diffusers.models.transformers.transformer_wan import WanTransformer3DModel
from safetensors.torch import load_file
from torch import Tensor

from engine.catalog.specs import NetworkSize
from engine.files.library import size_text
from engine.pipeline import InsufficientMemory
from engine.system import commit, held
from engine.system.commit import MORE, short_of_memory
from engine.weights.errors import NAMED, CheckpointError, damaged, first_few, unsafe
from engine.weights.finite import check_finite
from engine.weights.headers import NESTS, SAFETENSORS, check_suffix, header
from engine.weights.pickle_header import DAMAGED, content_of

WRAPPERS = {"model", "diffusion_model", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
VACE = ("vace_blocks.", "vace_patch_embedding.")

Model = TypeVar("Model", bound=torch.nn.Module)


def read(path: str | Path, nests: tuple[str, ...] = NESTS) -> dict[str, Tensor]:
    """The tensors of a checkpoint by the names that the file gives them, on the CPU.

    `.safetensors`, or `.pt` and `.pth` as torch has written them since 1.6; a pickle may hold
    the tensors themselves or, up to two deep, in the first of `nests` that it has. The tensors
    are views of the mapped file in the file's types; writing to one changes memory, not the file.

    CheckpointError where the file is absent, damaged or anything but tensors by name; that is
    seen in its header (`engine.weights.headers`), before the file is mapped. TooLittleMemory where
    it is sound and the system refuses the memory for it. Nothing that a file asks to be run is run.
    """
    path = Path(path)
    check_suffix(path)
    with opened(path) as file:
        header(file, path, nests)
    _check_room(path)
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
    TooLittleMemory where that is why.
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
    """TooLittleMemory where Windows cannot promise the memory for a file: a private mapping counts
    as a whole there.
    """
    there, size = commit.left(), path.stat().st_size
    if there is not None and size > there:
        raise too_little(path, f"{size_text(size)} where Windows can promise {size_text(there)}")


def transformer_state(
    tensors: Mapping[str, Tensor], size: NetworkSize, *, source: str | Path = "The checkpoint"
) -> dict[str, Tensor]:
    """The transformer's tensors under the names of diffusers' WanTransformer3DModel.

    `tensors` go by Wan's own names, with or without wrappers; it stays as it is, and no tensor
    is copied. A VACE module in the same file is left out.

    CheckpointError, naming `source`, where the number of layers is not that of `size` or two
    keys are the same one.
    """
    plain = _unwrapped(tensors, source)
    own = {key: tensor for key, tensor in plain.items() if not key.startswith(VACE)}
    layers = len({key.split(".")[1] for key in own if key.startswith("blocks.")})
    if layers != size.layers:
        raise CheckpointError(
            f"{source} holds {layers} layers of a Wan2.1 transformer where the {size.name} has "
            f"{size.layers}; choose a checkpoint of the {size.name}."
        )
    return _converted(own, source)


def vace_state(
    tensors: Mapping[str, Tensor], *, source: str | Path = "The checkpoint"
) -> dict[str, Tensor]:
    """The VACE module's tensors under the names of diffusers' WanVACETransformer3DModel.

    `tensors` is a file of the module alone or one of the whole network; see `transformer_state`.

    CheckpointError, naming `source`, where there is no VACE module or two keys are the same one.
    """
    plain = _unwrapped(tensors, source)
    own = {key: tensor for key, tensor in plain.items() if key.startswith(VACE)}
    if not own:
        raise CheckpointError(
            f"{source} holds no VACE module, for no key begins with {' or '.join(VACE)}; choose "
            "a file of a VACE module or of a Wan2.1 VACE network."
        )
    return _converted(own, source)


def empty_transformer(size: NetworkSize) -> WanTransformer3DModel:
    """The network without weights (all on `meta`), in eval mode, without gradients.

    It has no `rope`: positions are ours, and its tables, which no file holds, would stay empty.
    """
    with torch.device("meta"):
        model = WanTransformer3DModel(
            patch_size=(1, 2, 2),
            num_attention_heads=size.heads,
            attention_head_dim=size.head_dim,
            in_channels=size.channels,
            out_channels=size.channels,
            text_dim=size.text_dim,
            freq_dim=size.frequencies,
            ffn_dim=size.ffn,
            num_layers=size.layers,
            cross_attn_norm=True,
            qk_norm="rms_norm_across_heads",
            eps=1e-6,
        )
    del model.rope
    return model.eval().requires_grad_(False)


def load_transformer(
    size: NetworkSize,
    tensors: Mapping[str, Tensor],
    dtype: torch.dtype,
    device: torch.device | str,
    *,
    source: str | Path = "The checkpoint",
) -> WanTransformer3DModel:
    """The network with the weights of a checkpoint, every one in `dtype` on `device`.

    `tensors` is what `read` gives; see `transformer_state`. On the CPU, in the file's own type,
    the weights stay views of the mapped file.

    CheckpointError, naming `source`, where a key is missing, unexpected, of the wrong shape or
    holds NaN or infinity; keys go by diffusers' names there.
    """
    state = transformer_state(tensors, size, source=source)
    return fill(empty_transformer(size), state, size.name, dtype, device, source)


def fill(
    model: Model,
    state: Mapping[str, Tensor],
    name: str,
    dtype: torch.dtype,
    device: torch.device | str,
    source: str | Path,
) -> Model:
    """`model`, built on `meta`, with all of `state`, which goes by the model's own names; `name`
    is what an error calls the model. See `load_transformer`.

    CheckpointError also where what comes of a tensor, in `dtype`, is not all finite numbers.
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


def random_transformer(
    size: NetworkSize,
    dtype: torch.dtype,
    device: torch.device | str,
    seed: int = 0,
    std: float = 0.02,
) -> WanTransformer3DModel:
    """The network with random weights, for measurements without a checkpoint.

    All are normal with deviation `std`, the weights of norms around 1 and the rest around 0. They
    are made where they stay; the same seed gives the same weights on the same kind of device.
    """
    return randomised(empty_transformer(size), dtype, device, seed, std)


def randomised(
    model: Model, dtype: torch.dtype, device: torch.device | str, seed: int = 0, std: float = 0.02
) -> Model:
    """`model`, built on `meta`, with random weights; see `random_transformer`."""
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


def _unwrapped(tensors: Mapping[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """A new dict by Wan's own names: wrappers stand in front, in between and in any order."""
    plain: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        name = ".".join(part for part in key.split(".") if part not in WRAPPERS)
        if name in plain:
            raise CheckpointError(
                f"{source} holds {name} twice, under different prefixes; "
                "choose a file of one network."
            )
        plain[name] = tensor
    return plain


def _converted(own: dict[str, Tensor], source: str | Path) -> dict[str, Tensor]:
    """`own` under diffusers' names; the converter takes the tensors out of `own`."""
    count = len(own)
    state = convert_wan_transformer_to_diffusers(own)
    if len(state) < count:
        raise CheckpointError(
            f"{source} holds some tensors twice, under Wan's names and under diffusers'; "
            "choose a file with Wan's names."
        )
    return state


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
