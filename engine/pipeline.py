"""What a pipeline is, and how one is found by name.

A pipeline is built once with its `Load`, then called once a block by the engine worker, always
from the same thread. It knows nothing of OSC, HTTP, Spout or clocks of the output.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from engine.parameters import Load, Parameters
from engine.system import loading

Image: TypeAlias = npt.NDArray[np.uint8]  # (height, width, 4) RGBA, row 0 on top
Output: TypeAlias = "Image | npt.NDArray[np.float32]"  # float: the same shape, 0 to 1


@dataclass(frozen=True, slots=True)
class Context:
    """What a pipeline is given beside its parameters.

    `assets` is the folder that reference images are named in, `models` that of weights,
    `more_models` further ones; `progress(phase, done, total)` tells how far loading has come and
    may be called from the loading thread at any rate. `size` is the one asked for, WIDTHxHEIGHT or
    auto; another may be asked for at any time. `shared` is the same for all pipelines of a worker:
    what one of a family leaves there, by the family's name, the next one need not load again.
    """

    assets: Path
    models: Path
    progress: Callable[[str, float, float], None]
    more_models: tuple[Path, ...] = ()
    size: str = "auto"
    shared: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Guides:
    """What comes beside a block's frames: control video and mask, each as many images of the size
    of the frames as there are frames, or none. A mask is bright where the block may change.
    """

    control: Sequence[Image] = ()
    mask: Sequence[Image] = ()


NO_GUIDES = Guides()


class Pipeline(Protocol):
    """Frames and parameters to frames. The constructor may take minutes; nothing else may.

    One whose row is `guided` has two things more: `guided(parameters)` says how many images of
    each guide its next block takes where it takes no frames, 0 where it takes no guides now; and
    its call takes the block's `Guides` after the parameters.
    """

    def __init__(self, load: Any, context: Context) -> None: ...

    def wanted(self, parameters: Any) -> int:
        """How many input frames the next block takes; 0 in text mode."""
        ...

    def __call__(self, images: Sequence[Image], parameters: Any) -> Iterator[Output]:
        """Yield the block's images, each as soon as it is ready.

        `images` holds as many as `wanted` said, oldest first, all of one size, and may not be
        written to or kept after the block. One parameter object holds for the whole block.
        """
        ...

    def reset(self) -> None:
        """Forget the past of the stream, keep the weights."""
        ...

    def report(self) -> Mapping[str, Any]:
        """What the user should know of the last block, as JSON values (words used, device …).

        `notice` is a sentence that stands beside the state for as long as it is given. While
        `arriving` or `fade_left` is above 0, what is asked for is not all in the picture yet.
        """
        ...

    def close(self) -> None:
        """End the threads and let go of everything. Called once and last, from the same thread;
        not where the worker has to end at once.
        """
        ...


class InsufficientMemory(MemoryError):
    """A pipeline does not fit into the memory there is; one sentence, with what would."""


class UnusableOutput(ValueError):
    """A block came out as NaN, infinite or flat: the stream is reset and the block dropped."""


def build(target: str, load: Load, context: Context) -> Pipeline:
    """Import `module:Class` and build it; ImportError names what is missing, and where.

    For `module:function:row` a function of that module builds it, told the row as third argument.
    """
    module, name, *row = target.split(":", 2)
    try:
        made = getattr(import_module(module), name)
    except ImportError as error:
        if loading.is_refused(error):  # which has a cure of its own
            raise
        raise ImportError(loading.told(error), name=error.name, path=error.path) from error
    return cast(Pipeline, made(load, context, *row))  # a row names nothing else


__all__ = [
    "NO_GUIDES",
    "Context",
    "Guides",
    "Image",
    "InsufficientMemory",
    "Load",
    "Output",
    "Parameters",
    "Pipeline",
    "UnusableOutput",
    "build",
]
