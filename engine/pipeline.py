"""The interface of a pipeline, and how one is built from its name.

A pipeline is built once with its `Load`, then called once per block by the engine worker, always
from the same thread. It knows nothing about OSC, HTTP, Spout or the output clock.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
    """What a pipeline gets in addition to its parameters.

    `assets` is the folder of reference images, `models` that of weights, `more_models` additional
    ones; `progress(phase, done, total)` reports loading progress and may be called from the loading
    thread as often as needed. `size` is the requested one, WIDTHxHEIGHT or auto; another may be
    requested at any time. `shared` is the same for all pipelines of a worker: what one leaves there
    under its family's name, the next of that family need not load again. `cache` is a folder for
    what is faster the second time, or None. `trying(what)` reports what the process may die of now,
    and "" once it held. `stopping(call)` has `call` made, by another thread, when the process is
    asked to end: it may be killed soon after. `dismissed` are the ids of processes that were ended
    on request: their end says nothing about what they were trying.
    """

    assets: Path
    models: Path
    progress: Callable[[str, float, float], None]
    more_models: tuple[Path, ...] = ()
    size: str = "auto"
    shared: dict[str, Any] = field(default_factory=dict[str, Any])
    cache: Path | None = None
    trying: Callable[[str], None] = lambda what: None
    stopping: Callable[[Callable[[], None]], None] = lambda call: None
    dismissed: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Guides:
    """The guides of a block: control video and mask, each with as many images as the block has
    frames, of the same size, or none. A mask is bright where the block may change.
    """

    control: Sequence[Image] = ()
    mask: Sequence[Image] = ()


NO_GUIDES = Guides()


class Pipeline(Protocol):
    """Turns frames and parameters into frames. The constructor may take minutes; nothing else may.

    It may have `prepare(parameters)`, called between blocks: it has ready, and keeps, what a later
    block of these parameters needs, without waiting, and returns how much of it is still coming;
    ValueError, in a sentence, if some of it never will.
    One whose row is `guided` has two additions: `guided(parameters)` returns how many images of
    each guide its next block takes if it takes no frames, 0 if it takes no guides now; and its call
    takes the block's `Guides` after the parameters. One that can make smaller blocks without input
    has `halve(halved)`: half the size from now on, or no longer, with its stream's memory freed.
    """

    def __init__(self, load: Any, context: Context) -> None: ...

    def wanted(self, parameters: Any) -> int:
        """How many input frames the next block takes; 0 in text mode."""
        ...

    def __call__(self, images: Sequence[Image], parameters: Any) -> Iterator[Output]:
        """Yield the block's images, each as soon as it is ready.

        `images` has as many as `wanted` returned, oldest first, all of one size; they must not be
        written to or kept after the block. The parameters hold for the whole block.
        """
        ...

    def reset(self) -> None:
        """Forget the stream's history, keep the weights."""
        ...

    def report(self) -> Mapping[str, Any]:
        """What the user should know about the last block, as JSON values (words used, device …).

        `notice` is a sentence shown beside the state while present. While
        `arriving` or `fade_left` is above 0, the image does not fully show what was requested yet.
        """
        ...

    def close(self) -> None:
        """End the threads and release everything. Called once at the end, from the same thread;
        not if the worker must exit at once.
        """
        ...


class InsufficientMemory(MemoryError):
    """A pipeline does not fit into the available memory; one sentence with what would fit."""


class UnusableOutput(ValueError):
    """A block is NaN, infinite or flat: it is dropped and the stream reset."""


class RungFailed(RuntimeError):
    """What makes passes fast failed while frames are shown: a new worker runs a slower way."""


def build(target: str, load: Load, context: Context) -> Pipeline:
    """Import `module:Class` and build it; ImportError names what is missing, and where it was
    needed.

    For `module:function:row` a function of that module builds it, with the row as third argument.
    """
    module, name, *row = target.split(":", 2)
    try:
        made = getattr(import_module(module), name)
    except ImportError as error:
        if loading.is_refused(error):  # it has its own cure
            raise
        raise ImportError(loading.told(error), name=error.name, path=error.path) from error
    return cast(Pipeline, made(load, context, *row))  # rows name nothing else


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
    "RungFailed",
    "UnusableOutput",
    "build",
]
