"""The generator and the reference encoder, on this machine's fastest backend.

Default: onnxruntime with one non-spinning thread, since the bridge needs the other cores. OpenVINO
in bf16 is nearly twice as fast on CPUs with native bf16; torch is used for CUDA.
"""

import sys
from ctypes import CDLL
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnxruntime

from engine.pipeline import Image
from engine.stylize.references import fitted
from engine.stylize.weights import GRAPH, Array, model_path
from engine.system.installation import with_extra

VECTOR = 100  # length of a style vector


class Generator(Protocol):
    """`name` is the backend it runs on."""

    name: str

    def __call__(self, image: Image, style: Array) -> Image:
        """Repaint `image` (H, W, 4) in a style (100,): (H, W, 3) uint8; H and W multiples of 4."""
        ...


class Encoder:
    """Reference image to style vector, with the package's int8 network (about 20 ms)."""

    def __init__(self) -> None:
        self._session = _session(model_path("arbitrary_predict.onnx"))
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image: Image) -> Array:
        """The style vector (100,) of an image (H, W, 3 or 4) of any size."""
        unit = fitted(image).astype(np.float32)[None] / 255
        (vector,) = self._session.run(None, {self._input: unit})
        return np.asarray(vector, np.float32).reshape(VECTOR)


class OnnxGenerator:
    """onnxruntime, fp32."""

    name = "onnxruntime fp32"

    def __init__(self) -> None:
        self._session = _session(GRAPH)

    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        (result,) = self._session.run(None, {"image": image, "style": style.reshape(1, VECTOR)})
        return cast(Image, result)


class OpenVinoGenerator:
    """OpenVINO, one thread; in bf16 if the CPU supports it natively, else in fp32."""

    def __init__(self) -> None:
        openvino: Any = import_module("openvino")
        core = openvino.Core()
        precision = "bf16" if self.has_bf16() else "f32"
        hints = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": precision,
                 "PERFORMANCE_HINT": "LATENCY"}  # fmt: skip
        self._request = core.compile_model(GRAPH, "CPU", hints).create_infer_request()
        self.name = f"openvino {precision}"

    @staticmethod
    def has_bf16() -> bool:
        """Whether the CPU has native bf16; otherwise onnxruntime is as fast."""
        openvino: Any = import_module("openvino")
        return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def __call__(self, image: Image, style: Array) -> Image:
        """See `Generator`."""
        feeds = {"image": image, "style": style.reshape(1, VECTOR)}
        return cast(Image, self._request.infer(feeds)[0]).copy()


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


def _session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


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
