"""The generator and the reference encoder, on this machine's fastest backend.

Default: onnxruntime. OpenVINO in bf16 is nearly twice as fast on CPUs with native bf16; torch is
used for CUDA. On a CPU they use the cores that are idle (`SpareCores`), and never spin.
"""

import sys
from collections.abc import Callable, Hashable
from ctypes import CDLL
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, cast

import numpy as np
import onnxruntime

from engine.pipeline import Image
from engine.stylize.cores import SpareCores
from engine.stylize.references import fitted
from engine.stylize.weights import ENCODER, GRAPH, Array
from engine.system.errands import Errands
from engine.system.installation import with_extra

VECTOR = 100  # length of a style vector

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Generator(Protocol):
    """Repaints images."""

    @property
    def name(self) -> str:
        """The backend it runs on, and its threads if there are several."""
        ...

    def __call__(self, image: Image, style: Array) -> Image:
        """Repaint `image` (H, W, 4) in a style (100,): (H, W, 3) uint8; H and W multiples of 4."""
        ...

    def close(self) -> None:
        """End its threads."""
        ...


class Encoder:
    """Reference image to style vector, by an int8 network (about 20 ms)."""

    def __init__(self) -> None:
        self._session = session_of(ENCODER)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image: Image) -> Array:
        """The style vector (100,) of an image (H, W, 3 or 4) of any size."""
        unit = fitted(image).astype(np.float32)[None] / 255
        (vector,) = self._session.run(None, {self._input: unit})
        return np.asarray(vector, np.float32).reshape(VECTOR)


class Renewed(Generic[Key, Made]):
    """What was made for a `key`; for another key it is made in a thread, while the old one runs.

    All methods are called from one thread. An error of `make` is raised by the next call.
    """

    def __init__(self, key: Key, made: Made, make: Callable[[Key], Made]) -> None:
        self.key, self._made, self._make = key, made, make
        self._errands = Errands[Made]("network", 1)

    def at(self, key: Key) -> Made:
        """What there is; `self.key` says for which key, `key` is made next."""
        for done in self._errands.done:
            future = self._errands.taken(done)
            if future is not None:
                given = cast(Key, done)  # the key that was asked for
                self.key, self._made = given, future.result()
        if key != self.key and not self._errands.waiting:
            self._errands.ask(key, partial(self._make, key))
        return self._made

    def close(self) -> None:
        """End the thread; what it makes is dropped."""
        self._errands.close()


class OnnxGenerator:
    """onnxruntime, fp32."""

    def __init__(self, threads: Callable[[], int] | None = None) -> None:
        """`threads` is asked for each image; by default idle cores are used."""
        self._threads = threads or SpareCores()
        first = self._threads()
        self._sessions = Renewed(first, session_of(GRAPH, first), partial(session_of, GRAPH))

    @property
    def name(self) -> str:
        """See `Generator`."""
        return _named("onnxruntime fp32", self._sessions.key)

    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        session = self._sessions.at(self._threads())
        (result,) = session.run(None, {"image": image, "style": style.reshape(1, VECTOR)})
        return cast(Image, result)  # onnxruntime's types say anything

    def close(self) -> None:
        """See `Generator`."""
        self._sessions.close()


_Shape: TypeAlias = tuple[tuple[int, int] | None, int]  # height and width, None: any; threads


class OpenVinoGenerator:
    """OpenVINO; in bf16 if the CPU supports it natively, else in fp32.

    A network for one size is faster than one for every size: it is made when the size changes, and
    meanwhile that for every size runs.
    """

    def __init__(self, threads: Callable[[], int] | None = None) -> None:
        """`threads` is asked for each image; by default idle cores are used."""
        openvino: Any = import_module("openvino")
        self._core = openvino.Core()
        self._precision = "bf16" if self.has_bf16() else "f32"
        self._threads = threads or SpareCores()
        self._any = self._made((None, 1))
        self._fixed = Renewed[_Shape, Any]((None, 1), self._any, self._made)

    @staticmethod
    def has_bf16() -> bool:
        """Whether the CPU has native bf16; otherwise onnxruntime is as fast."""
        openvino: Any = import_module("openvino")
        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    @property
    def name(self) -> str:
        """See `Generator`."""
        return _named(f"openvino {self._precision}", self._fixed.key[1])

    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        height, width = image.shape[:2]
        request = self._fixed.at(((height, width), self._threads()))
        if self._fixed.key[0] != (height, width):
            request = self._any
        feeds = {"image": image, "style": style.reshape(1, VECTOR)}
        return cast(Image, request.infer(feeds)[0]).copy()  # OpenVINO has no types

    def close(self) -> None:
        """See `Generator`."""
        self._fixed.close()

    def _made(self, shape: _Shape) -> Any:
        size, threads = shape
        model = self._core.read_model(GRAPH)
        if size is not None:
            model.reshape({"image": [*size, 4], "style": [1, VECTOR]})
        hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                 "INFERENCE_PRECISION_HINT": self._precision}  # fmt: skip
        return self._core.compile_model(model, "CPU", hints).create_infer_request()


def generator(backend: str) -> Generator:
    """The requested generator, or for `auto` the fastest available.

    ImportError, with the cure, if a requested one's package is missing.
    """
    if backend == "torch" or (backend == "auto" and _has_cuda()):
        _need("torch", "engine")
        return import_module("engine.stylize.network_torch").TorchGenerator()
    if backend == "openvino":
        _need("openvino", "openvino")
        return OpenVinoGenerator()
    if backend == "auto" and find_spec("openvino") and OpenVinoGenerator.has_bf16():
        return OpenVinoGenerator()
    return OnnxGenerator()


def session_of(model: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """A model in onnxruntime on threads that do not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def _named(backend: str, threads: int) -> str:
    return backend if threads == 1 else f"{backend}, {threads} threads"


def _need(package: str, extra: str) -> None:
    if find_spec(package) is None:
        raise ImportError(
            f"The backend {package} is not installed. Choose backend onnx, or {with_extra(extra)}.",
            name=package,
        )


def _has_cuda() -> bool:
    """Whether torch can use CUDA here. Importing it takes seconds, so check the driver first."""
    if find_spec("torch") is None:
        return False
    try:
        CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return bool(import_module("torch").cuda.is_available())
