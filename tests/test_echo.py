"""The pipelines that tell by their images which parameters made them, here and behind a codec."""

import io
import os
import sys
import time

import av
import numpy as np
import pytest

from engine.catalog.rows import PipelineRow
from engine.ipc.segments import folder
from engine.pipeline import Context, Image, build
from tests.attack.running import Reader
from tests.support.bridge import read, running
from tests.support.echo import ECHO, ECHO_TEXT, EchoLoad, EchoParameters, installed, mark_of

MARKS = (0, 9, 100, 200, 255)


def made(tmp_path, row: PipelineRow, *images: Image) -> list[Image]:
    """What a pipeline gives for each mark, in blocks of two."""
    context = Context(assets=tmp_path, models=tmp_path, progress=lambda *_: None)
    pipeline = build(row.target, EchoLoad(frames=2), context)
    parameters = [EchoParameters(mark=mark, size="64x48") for mark in MARKS]
    return [one for these in parameters for one in pipeline(images, these)]


def behind_h264(images: list[Image]) -> list[Image]:
    """The same after a live codec with halved colours."""
    file = io.BytesIO()
    with av.open(file, "w", "mp4") as container:
        stream = container.add_stream(
            "libx264", rate=30, options={"preset": "ultrafast", "crf": "30"}
        )
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgba")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]


def test_the_mark_is_read_behind_h264_and_the_rest_is_the_input(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (48, 64, 4), np.uint8)
    given = made(tmp_path, ECHO, image, image)
    assert [mark_of(one) for one in given] == [mark for mark in MARKS for _ in range(2)]
    assert all((one[16:] == image[16:]).all() for one in given)
    received = [mark_of(one) for one in behind_h264(given)]
    assert received == pytest.approx([mark_of(one) for one in given], abs=3)


def test_without_an_input_a_bar_moves(tmp_path):
    bars = [one[20, :, 0].tolist() for one in made(tmp_path, ECHO_TEXT)]
    assert [bar.index(200) for bar in bars] == [4 * number for number in range(len(bars))]
    assert len(bars) == 2 * len(MARKS)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the foreign reader reads /dev/shm")
def test_a_bridge_and_its_worker_find_both_and_the_output_tells_each_value(tmp_path):
    name = f"Xecho{os.getpid()}"
    with running(
        tmp_path / "folder", "--name", name, "--source", "pattern:", "--pipeline", "echo",
        "--size", "64x48", "--output-size", "64x48", "--set", "frames=3", "--set", "mark=60",
        env=installed(tmp_path / "plug-ins"),
    ) as bridge:  # fmt: skip
        bridge.until(lambda state: state["state"] == "RUNNING" and state["frames_new"])
        output, seen = read(f"{name}Out"), Reader(f"{name}Out", str(folder()))

        def shows(mark: int) -> None:
            end = time.perf_counter() + 30
            while (newest := output.newest()) is None or mark_of(newest.image) != mark:
                assert time.perf_counter() < end
                time.sleep(0.005)

        try:
            shows(60)
            seen.mark()
            bridge.ask("parameters", {"mark": 190, "wait": 0.05}, "PATCH")
            assert seen.first(30) < 30
            shows(190)
            bridge.ask("pipeline", {"pipeline": "echo-text"})
            bridge.until(lambda state: state["pipeline"] == "echo-text")
            bridge.ask("parameters", {"mark": 30}, "PATCH")
            shows(30)
            assert seen.goes_on(30)
            figures = seen.read()
            assert figures.frames > 0
            assert figures.black == 0
        finally:
            seen.close()
            output.close()
