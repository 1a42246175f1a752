"""Build the graph that stylize runs: `python -m tests.engine.stylize.graph` writes its files anew.

The network is the one in `wheel`, computed in another order, so that a CPU's vectors (16 numbers)
are full and little is moved:

* The full-size layers have 3 or 8 channels. They work in cells: the pixels of a cell lie in
  neighbouring channels, so that a 9x9 kernel over 8 channels becomes a 5x5 kernel over 32.
* Doubling the size and then convolving by 3x3 is one 2x2 kernel for each pixel of a cell, if cells
  begin at odd pixels: each then depends on two small pixels along each axis.
* Each norm with its scale and shift is one InstanceNormalization, which makes the bias of the
  convolution before it useless; the scales and shifts of all norms are one product.

Padding reflects at the edge exactly as in the original. Every result is within 1 of 255 of it.

The encoder's layers are joined with their rounding, as onnxruntime does each time that it loads the
original: so it loads in half the time, and computes the same.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from engine.bench.stylize import CHANNELS, CONVOLUTIONS, LAYERS
from engine.stylize.weights import ENCODER, FOLDER, GRAPH, NORMS, PLACES, Array
from tests.engine.stylize.wheel import convolutions, model_path

END = np.iinfo(np.int64).max
BESIDE = (0, 0, 1, 1, 0, 0, 1, 1)  # one pixel around the image, as ONNX counts: starts, then ends
BEFORE = (0, 0, 1, 1, 0, 0, 0, 0)  # one pixel above and at the left


class Axis(NamedTuple):
    """How a kernel moves to cells along one axis: tap `t` for pixel `p` of the `out` of a cell
    is tap (p + t + shift) // step of `size`, on pixel (p + t + shift) % into of the cell.
    """

    out: int
    into: int
    size: int
    step: int
    shift: int = 0


NAMES = [*NORMS]
PLAIN9, PLAIN3 = Axis(1, 1, 9, 1), Axis(1, 1, 3, 1)
PAIRS = Axis(2, 2, 5, 2)  # 9 taps, from cells to cells
HALVED = Axis(1, 2, 2, 2, 1)  # 3 taps with stride 2, from cells
DOUBLED = Axis(2, 1, 2, 2)  # 3 taps after doubling the size, to cells that begin at odd pixels
ARRANGED = (
    ("contract/conv1", PLAIN9, PAIRS),
    ("contract/conv2", PLAIN3, HALVED),
    ("contract/conv3", PLAIN3, PLAIN3),
    *((name, PLAIN3, PLAIN3) for name in NAMES[:-3]),
    (NAMES[-3], DOUBLED, DOUBLED),
    (NAMES[-2], DOUBLED, DOUBLED),
    (NAMES[-1], PAIRS, PAIRS),
)


def rearranged(kernel: Array, rows: Axis, columns: Axis) -> Array:
    """A kernel (out, in, taps, taps) for cells; channels count pixels last, columns fastest."""
    out, into, height, width = kernel.shape
    shape = out, rows.out, columns.out, into, rows.into, columns.into, rows.size, columns.size
    moved = np.zeros(shape, np.float32)
    for pixel in np.ndindex(rows.out, columns.out):
        for tap in np.ndindex(height, width):
            (y, down), (x, right) = (
                (place // axis.step, place % axis.into)
                for axis, p, t in zip((rows, columns), pixel, tap, strict=True)
                for place in (p + t + axis.shift,)
            )
            moved[:, *pixel, :, down, right, y, x] += kernel[:, :, *tap]
    cell, given = rows.out * columns.out, rows.into * columns.into
    return moved.reshape(out * cell, into * given, rows.size, columns.size)


def network_weights() -> tuple[dict[str, Array], float]:
    """The weights by name, rearranged, and the epsilon of the norms."""
    layers, epsilon = convolutions()
    found: dict[str, Array] = {}
    for name, rows, columns in ARRANGED:
        kernel, bias = layers[name]
        found[name] = rearranged(kernel, rows, columns)
        if name not in NORMS:
            found[f"{name}/bias"] = np.repeat(bias, rows.out * columns.out)
    first = found["contract/conv1"] / np.float32(255)  # of bytes; by pixel, then colour
    found["contract/conv1"] = first.reshape(16, 3, 2, 9, 5).swapaxes(1, 2).reshape(16, 6, 9, 5)
    style = [layers[f"{name}/StyleNorm/{part}"] for name in NORMS for part in ("Conv_1", "Conv")]
    found["style/weight"] = np.concatenate([weight[:, :, 0, 0] for weight, _ in style])
    found["style/bias"] = np.concatenate([bias for _, bias in style])
    return {name: np.ascontiguousarray(value, np.float32) for name, value in found.items()}, epsilon


class Graph:
    """Nodes and constants; each call adds one node and answers with the name of its output."""

    def __init__(self, weights: dict[str, Array]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, npt.NDArray[Any]] = dict(weights)

    def __call__(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Inputs are names, or numbers, which become constants."""
        name = f"{operator}{len(self.nodes)}"
        names = [name] if outputs == 1 else [f"{name}.{number}" for number in range(outputs)]
        given = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        self.nodes.append(helper.make_node(operator, given, names, name, **attributes))
        return name if outputs == 1 else names

    def _constant(self, value: Any) -> str:
        array = np.asarray(value, value.dtype if isinstance(value, np.float32) else np.int64)
        kind = "f" if array.dtype == np.float32 else "i"
        name = kind + ",".join(map(str, array.reshape(-1).tolist())) + "x" * array.ndim
        self.constants[name] = array
        return name

    def size(self, image: str) -> str:
        """The last two of an image's dimensions."""
        return self("Shape", image, start=2)

    def shaped(self, image: str, *shape: Any) -> str:
        """Reshape to numbers and names of sizes; -1 is what remains."""
        parts = [each if isinstance(each, str) else [each] for each in shape]
        if all(isinstance(each, int) for each in shape):
            return self("Reshape", image, list(shape))
        return self("Reshape", image, self("Concat", *parts, axis=0))

    def cut(self, image: str, axis: int, start: int, stop: int) -> str:
        """Part of an image along one axis."""
        return self("Slice", image, [start], [stop], [axis])

    def convolved(self, image: str, name: str, **attributes: Any) -> str:
        """A convolution with its bias, and its ReLU."""
        return self("Relu", self("Conv", image, name, f"{name}/bias", **attributes))


def network(weights: dict[str, Array], epsilon: float) -> bytes:
    """The graph with these weights: `image` (H, W, 4) uint8 and `style` (1, 100) to `result`
    (H, W, 3) uint8.
    """
    add = Graph(weights)
    product = add("Gemm", "style", "style/weight", "style/bias", transB=1)
    parts = [length for length in NORMS.values() for _ in range(2)]
    looks = add("Split", add.shaped(product, -1), parts, outputs=len(parts), axis=0)
    scales = dict(zip(NORMS, zip(looks[::2], looks[1::2], strict=True), strict=True))

    def normed(image: str, name: str) -> str:
        return add("InstanceNormalization", image, *scales[name], epsilon=epsilon)

    image = add.convolved(_entered(add), "contract/conv1")
    image = add("Pad", image, [0, 0, 1, 0, 0, 0, 0, 0], mode="reflect")
    image = add("Pad", image, [0, 0, 0, 1, 0, 0, 0, 0], mode="edge")  # of a cell: reflects a pixel
    image = add.convolved(image, "contract/conv2", strides=[2, 1])
    image = add("Pad", image, BEFORE, mode="reflect")
    image = add.convolved(image, "contract/conv3", strides=[2, 2])
    for first, second in zip(NAMES[:-3:2], NAMES[1:-3:2], strict=True):
        inner = add("Conv", add("Pad", image, BESIDE, mode="reflect"), first)
        inner = add("Relu", normed(inner, first))
        inner = add("Conv", add("Pad", inner, BESIDE, mode="reflect"), second)
        image = add("Add", image, normed(inner, second))
    half, full, last = NAMES[-3:]
    # the edge repeated is the reflection of what is doubled
    image = add("Conv", add("Pad", image, BESIDE, mode="edge"), half)
    image = add("Relu", normed(_spread(add, image), half))
    image = add("Conv", add("Pad", image, BESIDE, mode="edge"), full)
    image = _padded(add, *_cells(add, image, lambda cells: add("Relu", normed(cells, full))))
    _left(add, add("Conv", image, last), lambda colours: normed(colours, last))
    return _serialised(add)


def _entered(add: Graph) -> str:
    """From bytes (H, W, 4) to cells of two columns (1, 6, H + 8, W / 2 + 4), reflected."""
    image = add("Pad", "image", [4, 4, 0, 4, 4, 0], mode="reflect")
    height = add("Shape", image, end=1)
    image = add("Transpose", add.shaped(image, height, -1, 8), perm=[2, 0, 1])
    image = add.cut(add.shaped(image, 2, 4, height, -1), 1, 0, 3)
    return add("Cast", add.shaped(image, 1, 6, height, -1), to=TensorProto.FLOAT)


def _spread(add: Graph, image: str) -> str:
    """From shifted cells (1, 64, h + 1, w + 1) to the image (1, 16, 2h, 2w)."""
    size = add.size(image)
    image = add("Transpose", add.shaped(image, 32, 2, -1), perm=[0, 2, 1])
    image = add.shaped(image, 16, 2, add("Slice", size, [0], [1]), -1)
    image = add("Transpose", image, perm=[0, 2, 1, 3])
    image = add.shaped(image, 1, 16, add("Mul", size, [2]))
    return add("Slice", image, [1, 1], [-1, -1], [2, 3])


def _cells(add: Graph, image: str, between: Any) -> tuple[str, str]:
    """From shifted cells (1, 32, h + 1, w + 1) to cells (1, 32, h, w), with `between` applied to
    (1, 8, 4 h w); and h, w.
    """
    image = add.shaped(image, 8, 4, add.size(image))
    kept = {0: (1, END), 1: (0, -1)}  # of the shifted cells' first pixels, and their second
    corners: list[str] = []
    for y, x in ((1, 1), (1, 0), (0, 1), (0, 0)):
        (top, bottom), (left, right), number = kept[y], kept[x], 2 * y + x
        starts, stops = [number, top, left], [number + 1, bottom, right]
        corners.append(add("Slice", image, starts, stops, [1, 2, 3]))
    image = add("Concat", *corners, axis=1)
    size = add.size(image)
    return add.shaped(between(add.shaped(image, 1, 8, -1)), 1, 32, size), size


def _padded(add: Graph, image: str, size: str) -> str:
    """Cells (1, 32, h, w) with two cells more at each side, in which four pixels are reflected."""
    for axis in (2, 3):
        before = _reflected(add, add.cut(image, axis, 0, 3), axis)
        after = _reflected(add, add.cut(image, axis, -3, END), axis)
        image = add("Concat", before, image, after, axis=axis)
    return image


def _reflected(add: Graph, strip: str, axis: int) -> str:
    """Two cells for the three next to an edge: of the first pixels those away from it by 2 and
    1, of the second those by 1 and 0; at the other edge the same, from behind.
    """
    if axis == 3:
        strip = add("Transpose", strip, perm=[0, 1, 3, 2])
    strip = add.shaped(strip, 8, 2, 2, 3, -1)
    if axis == 2:
        strip = add("Transpose", strip, perm=[0, 2, 1, 3, 4])
    strip = add("Gather", add.shaped(strip, 16, 6, -1), [2, 1, 4, 3], axis=1)
    strip = add.shaped(strip, 8, 2, 2, 2, -1)
    if axis == 2:
        strip = add("Transpose", strip, perm=[0, 2, 1, 3, 4])
    strip = add.shaped(strip, 1, 32, 2, -1)
    return add("Transpose", strip, perm=[0, 1, 3, 2]) if axis == 3 else strip


def _left(add: Graph, image: str, normed: Any) -> None:
    """From cells (1, 12, h, w) to bytes (2h, 2w, 3)."""
    size = add.size(image)
    image = add("Sigmoid", normed(add.shaped(image, 1, 3, -1)))
    image = add("Add", add("Mul", image, np.float32(255)), np.float32(0.5))
    image = add("Cast", image, to=TensorProto.UINT8)
    rows = add("Transpose", add.shaped(image, 3, 4, -1), perm=[1, 0, 2])
    rows = add("Transpose", add.shaped(rows, 2, 6, -1), perm=[0, 2, 1])
    height = add("Slice", size, [0], [1])
    rows = add("Transpose", add.shaped(rows, 2, height, -1), perm=[1, 0, 2])
    add("Reshape", rows, add("Concat", add("Mul", size, [2]), [3], axis=0))
    add.nodes[-1].output[0] = "result"


def _serialised(add: Graph) -> bytes:
    byte, number = TensorProto.UINT8, TensorProto.FLOAT
    graph = helper.make_graph(
        add.nodes,
        "stylize",
        [
            helper.make_tensor_value_info("image", byte, ["height", "width", 4]),
            helper.make_tensor_value_info("style", number, [1, 100]),
        ],
        [helper.make_tensor_value_info("result", byte, ["height", "width", 3])],
        [numpy_helper.from_array(value, name) for name, value in add.constants.items()],
    )
    return _checked(graph)


def _checked(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def places(graph: bytes, weights: dict[str, Array], epsilon: float) -> str:
    """Where each weight lies in the graph's bytes, as JSON."""
    found = {name: [graph.index(value.tobytes()), value.shape] for name, value in weights.items()}
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(place)}" for name, place in found.items()
    )
    return f'{{"epsilon": {epsilon!r}, "weights": {{\n{lines}\n}}}}\n'


def convolutions_alone(channels: int, layers: int) -> bytes:
    """Convolutions of 3x3 one after the other, to measure a machine: `image` (1, channels, H, W)
    to the mean of each channel.
    """
    shape = helper.make_tensor("shape", TensorProto.INT64, [4], [channels, channels, 3, 3])
    small = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.001])
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["kernel"], value=small)]
    for layer in range(layers):
        ends = ["image" if not layer else f"{layer}", "kernel"], [f"{layer + 1}"]
        nodes.append(helper.make_node("Conv", *ends, pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node("GlobalAveragePool", [f"{layers}"], ["mean"]))
    size = [1, channels, "height", "width"]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, [1, channels, 1, 1])],
        [shape],
    )
    return _checked(graph)


def encoder() -> bytes:
    """The package's encoder with its layers joined, in operations of ONNX alone."""
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED  # no further: for any processor
    options.graph_optimization_level, options.log_severity_level = level, 3
    with TemporaryDirectory() as folder:
        path = options.optimized_model_filepath = str(Path(folder) / "encoder.onnx")
        original = str(model_path("arbitrary_predict.onnx"))
        onnxruntime.InferenceSession(original, options, providers=["CPUExecutionProvider"])
        model = onnx.load(path)
    used = [each for each in model.opset_import if not each.domain]
    del model.opset_import[:]
    model.opset_import.extend(used)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def files() -> dict[Path, bytes]:
    """What is shipped, by path."""
    found, epsilon = network_weights()
    graph = network(found, epsilon)
    return {
        ENCODER: encoder(),
        GRAPH: graph,
        PLACES: places(graph, found, epsilon).encode(),
        CONVOLUTIONS: convolutions_alone(CHANNELS, LAYERS),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, data in files().items():
        path.write_bytes(data)
