"""Spout for real on Linux: the unmodified SpoutGL and its Spout.dll in a Windows Python under Wine.

The tests in tests/wine run inside it, one process for each shim; see tests/wine/README.md.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.wine_rig import RIG, bridge, other, rig, suite, windows

pytestmark = [pytest.mark.slow, pytest.mark.wine, pytest.mark.timeout(1200)]
__all__ = ["rig"]
HERE = Path(__file__).parent
# What Windows does in its own way: paths, open files, named shared memory, processes, and numbers
# of 32 bits where numpy 1 is asked for any. The rest of these two files is the same everywhere, and
# runs on Linux only.
ALSO_ON_WINDOWS = {
    "bridge/transports/test_transports.py": [
        "test_a_source_gives_whole_rgba_pictures_with_rising_numbers_and_is_never_late"
        "[file:PLACE/clip.mp4]",
        "test_a_source_gives_whole_rgba_pictures_with_rising_numbers_and_is_never_late"
        "[shm:test-conform]",
        "test_a_sink_takes_pictures_of_any_size_and_the_callers_buffer_is_free",
        "test_a_source_that_cannot_be_opened_is_one_sentence",
        "test_a_sink_that_cannot_be_opened_is_one_sentence",
        "test_pictures_pass_exactly_with_alpha_and_the_last_one_stays_for_who_comes_late",
        "test_the_sender_may_change_its_size",
        "test_a_sender_may_be_killed_and_come_back_under_its_name",
        "test_two_senders_cannot_have_one_name",
        "test_a_closed_sink_takes_its_name_away",
    ],
    "bridge/transports/test_recording.py": [
        "test_a_recording_that_is_never_closed_plays_but_for_its_last_second[4-mp4]",
        "test_an_older_recording_is_left_alone",
        "test_a_picture_each_goes_on_after_those_that_are_there",
    ],
    "bridge/test_core.py": [
        "test_a_ring_gives_every_frame_once_and_counts_what_it_lost",
        "test_only_segments_of_dead_writers_are_swept",
        "test_pictures_are_fitted_without_change_where_they_fit",
        "test_blend_and_darken_are_exact_at_their_ends",
        "test_unusable_pictures_are_caught",
    ],
}


@pytest.mark.parametrize("shim", ["cpu", "gldx"])
def test_the_transport_by_each_path(shim):
    suite(shim, "-s", *(windows(RIG / f"test_{name}.py") for name in ("doctor", "spout")))


def test_what_needs_no_pictures_and_the_fault_of_another_gpu():
    """Where no shim takes part: the bridge's processes, files and transports on Windows."""
    own = ("doctor", "other_gpu", "keep", "component", "files", "windows")
    others = (
        f"{windows(HERE / file)}::{name}"
        for file, names in ALSO_ON_WINDOWS.items()
        for name in names
    )
    settings = windows(HERE.parent / "pyproject.toml")
    suite(
        "none", "-s", *(windows(RIG / f"test_{name}.py") for name in own), *others,
        settings=settings,
    )  # fmt: skip


def picture(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_whole_bridge_from_spout_to_spout(tmp_path):
    """Passthrough to the last byte, then `stylize` by one OSC message, then a killed sender."""
    shim = "gldx"  # the path that GPUs take; the bridge is the same by the other
    options = ["--source", "spout:Cam", "--sink", "spout:Out", "--pipeline", "passthrough",
               "--alpha", "input", "--output-size", "320x180", "--size", "320x180"]  # fmt: skip
    with other(shim) as sender, other(shim) as receiver, bridge(tmp_path, shim, *options) as run:
        for program in (sender, receiver):
            assert program.answer() == {"shim": shim}
        sender.tell(do="send", name="Cam", width=320, height=180, count=70, asked=11, fps=10)
        run.until(lambda state: state["state"] == "RUNNING")
        receiver.tell(do="receive", name="Out", until=70, told=True)
        for number in iter(receiver.answer, 70):
            if 1 <= number <= 10:
                sender.step()
        seen = receiver.answer()["seen"]
        sender.step()
        sender.answer()
        numbers = [number for number, _ in seen if number]
        print(f"{len(numbers)} of 70 through the whole bridge by {shim}")
        assert numbers[:10] == list(range(1, 11)), "each comes through that has its time"
        assert numbers[-1] == 70, "the last picture before the pause"
        assert numbers == sorted(set(numbers)), "none double, none out of order"
        assert all(exact for number, exact in seen if number), "every byte, alpha too"
        assert len(numbers) > 10 + 60 / 4

        sender.tell(do="send", name="Cam", width=320, height=180, count=3000, fps=10)
        run.osc("/bridge/pipeline", "stylize")
        state = run.until(lambda state: state["pipeline"] == "stylize" and not state["loading"])
        run.osc("/bridge/prompt", "gold circles")
        run.until(lambda state: state["notes"].get("words_used") == ["gold", "circles"])
        given, painted = (picture(run.get(f"frame/{side}.png")) for side in ("input", "output"))
        assert given.shape == painted.shape == (180, 320, 4)
        assert np.abs(given[..., :3].astype(int) - painted[..., :3]).mean() > 10
        small = picture(run.get("thumbnail?uri=spout:Cam"))
        assert small.shape[1] == 160, "the list of senders has a live picture of each"
        receiver.tell(do="receive", name="Out", looks=50)
        told = receiver.answer()
        assert told["sizes"] == [[320, 180]], "one sender of one size"

        sender.kill()
        run.until(lambda state: "waiting for spout:Cam" in state["source"])
        state = run.state()
        assert state["pipeline"] == "stylize"
        assert "pick Out in the receiving program" in state["sink"]
        assert "GPU texture" in state["sink"]
        assert state["black_frames"] == 0
        print(f"longest gap {state['longest_gap']} ms, {state['frames_new']} new pictures")
    assert run.process.returncode == 0, "".join(run.lines)
