"""Recordings: formats, what plays after a kill, splitting, full disks."""

import errno
import json
import random
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from time import perf_counter

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.frames.frame import Frame
from bridge.transports import Options, TransportError, open_sink
from bridge.transports.pattern import draw, read_counter
from bridge.transports.recording import Recording, Wishes, asked, film, kinds, sink
from bridge.transports.recording.film import FilmFile
from bridge.transports.recording.lookout import Lookout
from tests.support.bridge import running
from tests.support.killed_recordings import BEATS, FILMS, PICTURES, RATES, played, record, shown
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

OPTIONS = Options(width=64, height=48, fps=60, steady=True)
AS_THEY_COME = replace(OPTIONS, steady=False)
LOST = 2.0  # seconds at most
Usage = namedtuple("Usage", "total used free")


class Clock:
    """A clock that the test moves."""

    def __init__(self, monkeypatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(sink, "perf_counter", lambda: self.now)

    def run(self, recording, seconds: float, rate: float = 25, first: int = 0) -> int:
        """Send this many seconds, from a picture's number on; the number after the last."""
        start, number = self.now, first
        for beat in range(1, round(seconds * BEATS) + 1):
            number = first + int((beat - 1) * rate / BEATS) + 1
            recording.send(Frame(draw("rec", 64, 48, number), 0.0, number))
            self.now = start + beat / BEATS
        return number


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def frames(path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def seconds(path) -> float:
    pictures = frames(path)
    return float(pictures[-1].time - pictures[0].time)


# What a user relies on: it is what was shown, in its own time.


def test_a_recording_has_the_rate_at_which_it_was_sent(tmp_path, clock):
    with open_sink(f"file:{tmp_path}/out.mp4", OPTIONS) as recording:
        clock.run(recording, 1, rate=20)  # the output holds each picture for three ticks
    pictures = frames(tmp_path / "out.mp4")
    numbers = [read_counter(frame.to_ndarray(format="rgba")) for frame in pictures]
    assert list(dict.fromkeys(numbers)) == list(range(1, 21)), numbers
    times = [float(pictures[numbers.index(number)].time) for number in range(1, 21)]
    assert times == pytest.approx([number / 20 for number in range(20)], abs=0.001)
    assert abs(seconds(tmp_path / "out.mp4") - 1) < 0.05


def beats(clock, recording, rate, ticks):
    """Send a frame at each of these ticks of an uneven beat; a new one every 1 / 12.9 s."""
    rng = random.Random(0)
    for tick in ticks:
        clock.now = 1000 + (tick + rng.uniform(-0.4, 0.4)) / rate
        number = int(tick * 12.9 / rate)
        recording.send(Frame(draw("rec", 64, 48, number + 1), 0.0, number))


def probed(path) -> dict:
    """What ffprobe reads of a whole film."""
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries",
         "stream=r_frame_rate,avg_frame_rate,nb_read_frames:frame=pts_time", "-of", "json", path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(out.stdout)


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.parametrize(
    ("name", "rate"),
    [("a.mp4", 30), ("a.webm", 25), ("a.mov?codec=prores", 24), ("a.mp4?codec=hevc", 29.97)],
)
def test_a_film_has_exactly_the_rate_of_the_output(tmp_path, clock, name, rate):
    options = Options(width=64, height=48, fps=rate, steady=True)
    with open_sink(f"file:{tmp_path / name}", options) as recording:
        beats(clock, recording, rate, range(60))
    told = probed(tmp_path / name.partition("?")[0])
    (stream,) = told["streams"]
    assert int(stream["nb_read_frames"]) == 60
    for key in ("r_frame_rate", "avg_frame_rate"):
        assert float(Fraction(stream[key])) == pytest.approx(rate, rel=1e-3), key
    times = [float(one["pts_time"]) for one in told["frames"]]
    assert np.diff(times) == pytest.approx([1 / rate] * 59, abs=0.0011)


@pytest.mark.slow
def test_ticks_that_a_slow_encoder_missed_last_longer(tmp_path, clock):
    path = tmp_path / "a.mp4"
    with open_sink(f"file:{path}", OPTIONS) as recording:
        beats(clock, recording, 60, [*range(20), *range(33, 60)])
    times = [round(60 * float(frame.time), 3) for frame in frames(path)]
    assert times == [*range(20), *range(33, 60)]


def test_images_number_the_ticks_and_missed_ones_are_filled(tmp_path, clock):
    with open_sink(f"file:{tmp_path}/a-%04d.png", OPTIONS) as recording:
        beats(clock, recording, 60, [*range(10), *range(19, 31)])
        assert recording.written == 5
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [f"a-{number:04}.png" for number in range(1, 32)]
    shown = [int((9 if 9 < tick < 19 else tick) * 12.9 / 60) + 1 for tick in range(31)]
    assert [read_counter(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]])
            for file in files] == shown  # fmt: skip


@pytest.mark.slow
def test_images_on_a_stalled_disk_are_filled_bit_by_bit(tmp_path, clock):
    """A stall of 3 s is not made up for at once: new images come between."""
    with open_sink(f"file:{tmp_path}/a-%d.jpg", OPTIONS) as recording:
        counts = []
        for tick in (0, 180, 181, 182, 183):
            beats(clock, recording, 60, [tick])
            counts.append(len([*tmp_path.iterdir()]))
    assert counts == [1, 62, 122, 183, 184]


def test_an_older_recording_is_left_alone(tmp_path):
    old = tmp_path / "out.mp4"
    old.write_bytes(b"precious")
    with open_sink(f"file:{old}", OPTIONS) as recording:
        recording.send(Frame(draw("rec", 64, 48, 1), perf_counter(), 1))
        assert "out-2.mp4" in recording.status
    assert old.read_bytes() == b"precious"
    assert (tmp_path / "out-2.mp4").stat().st_size > 0


# Killed


@pytest.mark.parametrize(
    ("rate", "ending"),
    rest_slow(
        [*product(RATES, ["mp4", "mkv"]), *product([4], ["mov", "ts", "webm"]), (0.1, "mp4")]
    ),
)
def test_a_recording_that_is_never_closed_plays_but_for_its_last_second(tmp_path, rate, ending):
    """What other processes can read of it while it runs is what a kill would leave."""
    path, copy = tmp_path / f"show.{ending}", tmp_path / f"copy.{ending}"
    record(f"file:{path}", rate, 6, lambda: copy.write_bytes(path.read_bytes()))
    assert 6 - seconds(copy) <= LOST
    assert abs(seconds(path) - 6) < 0.1, "and once it is closed, all of it"


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.parametrize("name", [*(one for one in FILMS if ".m4v" not in one), PICTURES[0]])
def test_ffprobe_plays_what_a_kill_leaves(tmp_path, name):
    assert 8 - played(tmp_path, name, 4, 8) <= LOST


@pytest.mark.slow
@pytest.mark.foreign
def test_a_bridge_that_is_killed_leaves_a_recording_that_plays(tmp_path):
    path = tmp_path / "show.mp4"
    with running(tmp_path, "--sink", f"file:{path}", "--pipeline", "passthrough",
                 "--output-size", "128x96", "--set", "max_fps=4") as bridge:  # fmt: skip
        bridge.until(lambda state: state["frames_new"] > 0)
        began = perf_counter()
        bridge.until(lambda state: state["frames_new"] > 14)
        lasted = perf_counter() - began
        bridge.process.kill()
        bridge.process.wait(10)
    assert lasted - shown(path) <= LOST + 0.5, "the state is asked twenty times a second"
    ticks = [60 * float(one["pts_time"]) for one in probed(path)["frames"]]
    assert np.abs(np.subtract(ticks, np.round(ticks))).max() < 0.01
    assert np.median(np.diff(ticks)) == pytest.approx(1, abs=0.01), "held frames too"


@pytest.mark.parametrize("name", ["show.mp4", "show.ts?codec=hevc", "show.webm"])
def test_key_frames_come_by_time(tmp_path, name):
    """Who jumps in a film waits for the last one; of a slow engine, too."""
    record(f"file:{tmp_path / name}", 4, 9)
    with av.open(str(tmp_path / name.partition("?")[0])) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    keys = [float(packet.pts * packet.time_base) for packet in packets if packet.is_keyframe]
    assert len(keys) >= 4
    assert max(b - a for a, b in pairwise(keys)) <= kinds.KEY + 0.3


# Kinds

TRUE_NAMES = {  # ffprobe's codec, profile, tag
    "show.mp4": "h264,High,avc1",
    "show.mkv": "h264,High,",
    "show.ts": "h264,High,",
    "show.mp4?codec=hevc": "hevc,Main,hvc1",
    "show.mov?codec=H265": "hevc,Main,hvc1",
    "show.mov?codec=prores": "prores,4444,ap4h",
    "show.mkv?codec=prores": "prores,4444,",
    "show.webm": "vp9,Profile 0,",
    "show.mkv?codec=vp9": "vp9,Profile 0,",
    "show.mov?codec=libx264": "h264,High,avc1",
}


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.parametrize(("name", "told"), TRUE_NAMES.items())
def test_a_kind_is_what_ffprobe_calls_it(tmp_path, name, told):
    record(f"file:{tmp_path / name}", 25, 1)
    out = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries",
         "stream=codec_name,profile,codec_tag_string,color_space,color_range", "-of", "csv=p=0",
         tmp_path / name.partition("?")[0]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert out.stdout.startswith(told)
    assert "tv,bt709" in out.stdout
    assert out.stderr == ""


def quarters(alpha: bool = True):
    """Four colours, each of another alpha."""
    image = np.zeros((48, 64, 4), np.uint8)
    image[:24, :32], image[:24, 32:] = (200, 40, 40, 255), (40, 200, 40, 170)
    image[24:, :32], image[24:, 32:] = (40, 40, 200, 85), (120, 120, 120, 0)
    if not alpha:
        image[..., 3] = 255
    return image


def corners(image):
    return np.array([image[12, 16], image[12, 48], image[36, 16], image[36, 48]], int)


@pytest.mark.parametrize(
    ("name", "decoder"),
    [
        ("show.mov?codec=prores", "prores"),
        ("show.mkv?codec=prores", "prores"),
        ("show.mov?codec=prores_ks", "prores"),
        ("show.webm", "libvpx-vp9"),
        ("show.mkv?codec=vp9", "libvpx-vp9"),
    ],
)
def test_a_film_keeps_colour_and_alpha(tmp_path, name, decoder):
    with open_sink(f"file:{tmp_path / name}", OPTIONS) as recording:
        recording.send(Frame(quarters(), 0.0, 1))
    with av.open(str(tmp_path / name.partition("?")[0])) as container:
        context = av.CodecContext.create(decoder, "r")
        stream = container.streams.video[0]
        if stream.codec_context.extradata:
            context.extradata = stream.codec_context.extradata
        context.codec_tag = stream.codec_context.codec_tag
        if decoder == "prores":
            picture = next(container.decode(video=0))
        else:
            picture = next(one for packet in container.demux(stream) for one in
                           context.decode(packet))  # fmt: skip
    shown = corners(picture.to_ndarray(format="rgba"))
    assert np.abs(shown - corners(quarters()))[:, 3].max() <= 6, shown
    assert np.abs(shown - corners(quarters()))[:3, :3].max() <= 8, shown


@pytest.mark.parametrize("name", ["show.mp4", "show.mp4?codec=hevc", "show.ts", "show.mkv"])
def test_a_film_without_alpha_keeps_its_colours(tmp_path, name):
    with open_sink(f"file:{tmp_path / name}", OPTIONS) as recording:
        for number in range(30):  # of fewer, nothing knows that they are MPEG-TS
            recording.send(Frame(quarters(alpha=False), 0.0, number))
    shown = corners(frames(tmp_path / name.partition("?")[0])[0].to_ndarray(format="rgba"))
    assert np.abs(shown - corners(quarters(alpha=False))).max() <= 8, shown


@pytest.mark.parametrize(("ending", "slack"), [("png", 0), ("tif", 0), ("TIFF", 0), ("jpg", 12)])
def test_a_file_of_each_picture(tmp_path, ending, slack):
    with open_sink(f"file:{tmp_path}/a 100% show-%03d.{ending}", AS_THEY_COME) as recording:
        for number in (1, 1, 2, 2, 3):
            recording.send(Frame(quarters(), 0.0, number))
        recording.send(Frame(np.zeros((10, 20, 4), np.uint8), 0.0, 4))
        assert recording.status.endswith(", 4 frames")
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [f"a 100% show-{number:03}.{ending}" for number in range(1, 5)]
    image = cv2.imread(str(tmp_path / names[2]), cv2.IMREAD_UNCHANGED)
    channels = image.shape[2]
    assert channels == (3 if ending == "jpg" else 4)
    shown = corners(cv2.cvtColor(image, cv2.COLOR_BGR2RGB if slack else cv2.COLOR_BGRA2RGBA))
    assert np.abs(shown - corners(quarters())[:, :channels]).max() <= slack


def test_a_picture_each_goes_on_after_those_that_are_there(tmp_path):
    for name in ("show-0007.png", "show-0012.jpg", "show-x.png", "other-0090.png"):
        (tmp_path / name).write_bytes(b"precious")
    with open_sink(f"file:{tmp_path}/show-%04d.png", OPTIONS) as recording:
        recording.send(Frame(quarters(), 0.0, 1))
        recording.send(Frame(quarters(), 0.0, 2))
    new = {file.name for file in tmp_path.iterdir() if file.read_bytes() != b"precious"}
    assert new == {"show-0008.png", "show-0009.png"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("show.gif", r"\.gif is not a recording format; end it in \.mp4, .* -%04d\.png"),
        ("show.mp3", r"\.mp3 is not a recording format; end it in \.mp4"),
        ("show.avi", r"\.avi is not a recording format"),
        ("show.%04d", r"is not a recording format"),
        ("show", "the file extension is missing"),
        ("show.png", r"is a single image; use show-%04d\.png"),
        ("show.jpg", r"is a single image; use show-%04d\.jpg"),
        ("show-%04d.webp", "is not a recording format"),
        ("show-%04d.png?minutes=1", r"takes no options after \?"),
        ("show.webm?codec=h264", r"\.webm cannot hold H\.264; end the name in \.mp4 or"),
        ("show.mp4?codec=prores", r"\.mp4 cannot hold ProRes 4444; end the name in \.mov or \.mkv"),
        ("show.mp4?codec=libvpx-vp9", r"end the name in \.mkv or \.webm"),
        ("show.mp4?codec=hap", "Unknown codec=hap; .mp4 takes h264, hevc"),
        ("show.mp4?minutes=0", "minutes=0 is not valid; write a number of at least 0.1"),
        ("show.mp4?minutes=ten", "minutes=ten is not valid"),
        ("show.mp4?megabytes=nan", "megabytes=nan is not valid"),
        ("show.mp4?megabytes=inf", "megabytes=inf is not valid"),
        (
            "show.mp4?quality=best",
            "Unknown option quality=best for a recording; after . it takes codec=",
        ),
        ("show.mp4?minutes=5&minutes=6", "minutes= appears twice after .; give it once"),
        ("show.mp4?codec=h264&minutes=5&codec=h264", "codec= appears twice after"),
        ("show.mov?megabytes=9&megabytes=", "megabytes= appears twice after"),
        ("%04d-%04d.png", "%04d-%04d.png has %04d and %04d; use one to number"),
        ("show-%04d-%d.mp4", "has %04d and %d; use one to number"),
        ("show-%99999d.png", "%99999d in show-%99999d.png is not a file number; write show-%04d"),
        ("show-%0d.mp4", "%0d in show-%0d.mp4 is not a file number; write show-%04d.mp4"),
        ("show-%4d.jpg", "write show-%04d.jpg"),
    ],
)
def test_what_cannot_be_recorded_is_one_sentence_with_what_to_take(tmp_path, name, words):
    with pytest.raises(TransportError, match=words) as caught:
        open_sink(f"file:{tmp_path / name}", OPTIONS)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "nothing is left half-made"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["show.gif", "%04d", "show.mov?codec=vp9"])
def test_a_bridge_does_not_start_with_it(tmp_path, name):
    with (
        pytest.raises(TransportError, match=r"end (it|the name) in"),
        running_session(tmp_path, pipeline="passthrough", sink=f"file:{tmp_path / name}"),
    ):
        pass


@settings(max_examples=50)
@given(
    st.text(max_size=20),
    st.sampled_from(["codec", "minutes", "megabytes", "x"]),
    st.text(max_size=20),
)
def test_any_name_is_taken_whole_or_refused_in_a_sentence(name, key, value):
    """A question mark may be part of a name; what looks like wishes is never lost in one."""
    whole = f"{name}?{key}={value}"
    try:
        path, wishes = asked(whole)
    except TransportError as error:
        assert re.search(r"it takes codec=|write a number", str(error))  # noqa: PT017
        return
    assert whole.startswith(path)
    assert path == whole or path.count("?") == name.count("?") or "?" in value
    assert wishes == Wishes() or path != whole


def test_a_question_mark_may_stand_in_a_name():
    assert asked("/tmp/who?.mp4") == ("/tmp/who?.mp4", Wishes())
    assert asked("/a?b=1/c.mp4") == ("/a?b=1/c.mp4", Wishes())
    assert asked("/tmp/who?.mp4?codec=HEVC&minutes=2.5") == (
        "/tmp/who?.mp4",
        Wishes(codec="hevc", minutes=2.5),
    )


# Encoders

KEEPS = kinds.Encoder("libx264", "yuv420p", {"preset": "slow"})
NONE = kinds.Encoder("h264_of_no_one", "yuv420p", {})
WRONG = kinds.Encoder("libx264", "yuva444p10le", {})
GOOD = kinds.H264.encoders[-1]


@pytest.mark.parametrize(
    "bad", [KEEPS, NONE, WRONG], ids=["keeps pictures", "is not there", "other pixels"]
)
def test_an_encoder_is_taken_only_where_a_picture_comes_out_of_it(tmp_path, bad):
    kind = kinds.Film(kinds.CONTAINERS[".mp4"], kinds.H264, (bad, GOOD))
    assert film.working(kind, (64, 48), 60) is GOOD
    alone = kinds.Film(kinds.CONTAINERS[".mp4"], kinds.H264, (bad,))
    with pytest.raises(
        TransportError, match=r"cannot be recorded on this machine .*use \.mp4\?codec="
    ):
        film.working(alone, (64, 48), 60)


def test_the_encoder_is_told(tmp_path):
    with open_sink(f"file:{tmp_path}/show.mp4?codec=libx264", OPTIONS) as recording:
        assert recording.status == "show.mp4, H.264 by libx264, 0 frames"


# Parts


@pytest.mark.slow
def test_a_recording_is_split_by_minutes_and_no_picture_is_lost(tmp_path, clock):
    (tmp_path / "show-2.mp4").write_bytes(b"precious")
    with open_sink(f"file:{tmp_path}/show.mp4?minutes=0.1", OPTIONS) as recording:
        last = clock.run(recording, 15)
    parts = [tmp_path / f"show{number}.mp4" for number in ("", "-3", "-4")]
    assert sorted(tmp_path.iterdir()) == sorted([*parts, tmp_path / "show-2.mp4"])
    assert (tmp_path / "show-2.mp4").read_bytes() == b"precious"
    assert [round(seconds(part)) for part in parts] == [6, 6, 3]
    numbers = [read_counter(frame.to_ndarray(format="rgba"))
               for part in parts for frame in frames(part)]  # fmt: skip
    assert list(dict.fromkeys(numbers)) == list(range(1, last + 1))


@pytest.mark.parametrize(
    ("name", "there", "parts"),
    [
        ("show-%04d.mp4", [], ["show-0001.mp4", "show-0002.mp4", "show-0003.mp4"]),
        ("%02d take.mkv", ["07 take.mkv"], ["08 take.mkv", "09 take.mkv", "10 take.mkv"]),
        ("100 %d.mov", ["100 x.mov"], ["100 1.mov", "100 2.mov", "100 3.mov"]),
    ],
)  # fmt: skip
def test_a_number_in_a_films_name_counts_its_parts(tmp_path, clock, name, there, parts):
    for one in there:
        (tmp_path / one).write_bytes(b"precious")
    with open_sink(f"file:{tmp_path}/{name}?minutes=0.1", OPTIONS) as recording:
        clock.run(recording, 15)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([*there, *parts])
    assert [round(seconds(tmp_path / part)) for part in parts] == [6, 6, 3]
    assert all((tmp_path / one).read_bytes() == b"precious" for one in there)


@pytest.mark.slow
def test_a_recording_is_split_by_size(tmp_path, clock):
    rng = np.random.default_rng(1)
    with open_sink(f"file:{tmp_path}/show.mkv?megabytes=1&minutes=60", OPTIONS) as recording:
        for number in range(1, 111):
            noise = rng.integers(0, 256, (48, 64, 4), dtype=np.uint8)
            noise = cv2.resize(noise, (320, 240), interpolation=cv2.INTER_NEAREST)
            recording.send(Frame(noise, 0.0, number))
            clock.now += 1 / 60
    sizes = [file.stat().st_size for file in tmp_path.iterdir()]
    assert len(sizes) > 1
    assert max(sizes) < 1.2e6
    assert sum(len(frames(file)) for file in tmp_path.iterdir()) == 110


def test_a_picture_that_is_held_over_a_split_is_in_both_parts(tmp_path, clock):
    with open_sink(f"file:{tmp_path}/show.mp4?minutes=0.1", OPTIONS) as recording:
        clock.run(recording, 10, rate=0.01)
    assert round(seconds(tmp_path / "show.mp4")) == 6
    assert round(seconds(tmp_path / "show-2.mp4")) == 4


# What ends a recording, and when that is over


@pytest.fixture
def disk(monkeypatch):
    """A disk whose free room the test chooses: `disk["free"]`."""
    told = {"total": 10**12, "free": 10**11}
    look = lambda folder: Usage(told["total"], 0, told["free"])  # noqa: E731
    monkeypatch.setattr(sink.shutil, "disk_usage", look)
    return told


@pytest.mark.parametrize("name", rest_slow(["show.mp4", "show.webm", "show-%03d.png"]))
def test_a_disk_that_fills_ends_the_recording_until_there_is_room(tmp_path, clock, disk, name):
    with open_sink(f"file:{tmp_path / name}", OPTIONS) as recording:
        last = clock.run(recording, 3)
        disk["free"] = sink.LEAST - 1
        last = clock.run(recording, 3, first=last)
        left = {file: file.stat().st_size for file in tmp_path.iterdir()}
        why = f"to {tmp_path / name} stopped: only 199 MB are free on the disk. Make room"
        assert why in recording.problem
        assert recording.problem.endswith("it continues in a new file once 400 MB are free.")
        disk["free"] = sink.LEAST + 1  # no room to speak of
        last = clock.run(recording, 9, first=last)
        assert why.partition("199")[0] in recording.problem
        assert {file: file.stat().st_size for file in tmp_path.iterdir()} == left
        disk["free"] = 10**11
        clock.run(recording, 20, rate=4, first=last)
        assert recording.problem == ""
    if name.startswith("show."):
        first, then = tmp_path / name, tmp_path / name.replace(".", "-2.")
        assert sorted(tmp_path.iterdir()) == sorted([first, then])
        assert 3 <= seconds(first) + 2 / BEATS <= 4.5
        assert seconds(then) > 5
    else:
        assert len([*tmp_path.iterdir()]) > len(left)


@pytest.mark.parametrize(("total", "least", "enough"), [
    (250, "12.5 MB", "25 MB"), (253.755392, "12.7 MB", "25.4 MB"),
    *(
        pytest.param(*each, marks=pytest.mark.slow)
        for each in (
            (64, "3.2 MB", "6.4 MB"), (4000, "200 MB", "400 MB"), (10**7, "200 MB", "400 MB"),
        )
    ),
])  # fmt: skip
def test_what_is_kept_free_is_a_share_of_a_small_disk(tmp_path, clock, disk, total, least, enough):
    disk |= {"total": int(total * 10**6), "free": 10**6}
    with pytest.raises(TransportError, match=rf"Only 1 MB are free .*, which needs {least};"):
        open_sink(f"file:{tmp_path}/show.mp4", OPTIONS)
    needed = round(float(enough.split()[0]) * 10**6)
    disk["free"] = needed // 2
    with open_sink(f"file:{tmp_path}/show.mp4", OPTIONS) as recording:
        last = clock.run(recording, 2)
        disk["free"] = needed // 2 - 1
        last = clock.run(recording, 2, first=last)
        assert recording.problem.endswith(f"it continues in a new file once {enough} are free.")
        disk["free"] = needed - 1
        last = clock.run(recording, 20, rate=4, first=last)
        assert recording.problem.endswith(f"it continues in a new file once {enough} are free.")
        disk["free"] = needed
        clock.run(recording, 20, rate=4, first=last)
        assert recording.problem == ""


def test_a_disk_that_is_nearly_full_is_told_in_time(tmp_path, clock, disk):
    with open_sink(f"file:{tmp_path}/show.mov?codec=prores", OPTIONS) as recording:
        last = clock.run(recording, 12)
        assert recording.problem == ""
        size = (tmp_path / "show.mov").stat().st_size
        disk["free"] = int(sink.LEAST + size / 12 * 120)  # for two minutes
        last = clock.run(recording, 2, first=last)
        assert recording.problem.endswith("show.mov has room for 2 more min; make room.")
        for left, told in ((70, "1 more min"), (50, "less than a minute"), (5, "less than a min")):
            disk["free"] = int(sink.LEAST + size / 12 * left)
            last = clock.run(recording, 2, first=last)
            assert f"show.mov has room for {told}" in recording.problem
        disk["free"] = 10**11
        clock.run(recording, 2, first=last)
        assert recording.problem == ""


def test_there_must_be_room_to_begin(tmp_path, disk):
    disk["free"] = 3 * 10**6
    with pytest.raises(
        TransportError, match=r"Only 3 MB are free on the disk for .*; make room, or"
    ):
        open_sink(f"file:{tmp_path}/show.mp4", OPTIONS)
    assert list(tmp_path.iterdir()) == []
    disk |= {"total": 0, "free": 0}  # a file system that does not say
    open_sink(f"file:{tmp_path}/show.mp4", OPTIONS).close()


MOVES = pytest.mark.skipif(sys.platform == "win32", reason="an open file keeps its name there")


def until_told(recording, clock, first: int) -> int:
    """Send until a thread has seen what happened to the file; the number after the last."""
    end = perf_counter() + 20
    while not recording.problem:
        assert perf_counter() < end
        first = clock.run(recording, 0.5, first=first)
        time.sleep(0.01)
    return first


@MOVES
def test_a_folder_that_goes_ends_the_recording_until_it_is_back(tmp_path, clock):
    """It is created again in its parent, but its parent is not."""
    stick, away = tmp_path / "stick", tmp_path / "away"
    folder = stick / "rec"
    folder.mkdir(parents=True)
    with open_sink(f"file:{folder}/show.mkv", OPTIONS) as recording:
        last = clock.run(recording, 1)
        stick.rename(away)
        last = until_told(recording, clock, last)
        assert f"Folder not found: {folder}; create it" in recording.problem
        last = clock.run(recording, 4, first=last)
        assert not stick.exists()
        away.rename(stick)
        last = clock.run(recording, 10, first=last)
        assert "deleted or moved; it continues in" in recording.problem
        clock.run(recording, sink.TOLD + 1, rate=1, first=last)
        assert recording.problem == ""
    assert seconds(folder / "show-2.mkv") > 3


def removed(file):
    file.unlink()


def renamed(file):
    file.rename(file.with_name("take.bin"))


def replaced(file):
    other = file.with_name("other")
    other.write_bytes(b"precious")
    other.replace(file)


def folder_renamed(file):
    file.parent.rename(file.parent.with_name("moved"))


def folder_removed(file):
    shutil.rmtree(file.parent)


@MOVES
@pytest.mark.parametrize(
    "harm", rest_slow([removed, renamed, replaced, folder_renamed, folder_removed])
)
@pytest.mark.parametrize(
    ("name", "at", "then"),
    [
        ("show.mp4", "show.mp4", "show-2.mp4"),
        ("show-%02d.mkv?minutes=0.1", "show-02.mkv", "show-03.mkv"),
    ],
)
def test_a_video_that_loses_its_name_continues_in_a_new_one(tmp_path, clock, harm, name, at, then):
    folder = tmp_path / "rec"
    folder.mkdir()
    with open_sink(f"file:{folder / name}", OPTIONS) as recording:
        last = clock.run(recording, 8)
        harm(folder / at)
        last = until_told(recording, clock, last)
        assert recording.problem == (
            f"Recording to {folder / at} stopped: the file was deleted or moved; "
            f"it continues in {folder / then}."
        )
        assert recording.status.startswith(f"{then}, H.264")
        clock.run(recording, 4, first=last)
    assert seconds(folder / then) > 3
    kept = [*folder.glob("take.bin"), *tmp_path.glob(f"moved/{at}")]
    assert len(kept) == (harm in (renamed, folder_renamed))
    assert all(seconds(film) > 1 for film in kept), "what was moved is whole"
    if harm is replaced:
        assert (folder / at).read_bytes() == b"precious"


@MOVES
@pytest.mark.parametrize("harm", [folder_renamed, folder_removed])
def test_images_whose_folder_goes_continue_in_a_new_one(tmp_path, clock, harm):
    folder = tmp_path / "rec"
    folder.mkdir()
    with open_sink(f"file:{folder}/show-%03d.png", OPTIONS) as recording:
        last = clock.run(recording, 0.4)
        count = len([*folder.iterdir()])
        harm(folder / "show-001.png")
        clock.run(recording, 0.4, first=last)
        assert "show-%03d.png stopped: its folder was deleted or moved" in recording.problem
    names = sorted(file.name for file in folder.iterdir())
    assert names[0] == f"show-{count + 1:03}.png", "no number twice"
    assert len(names) > 5


@MOVES
def test_a_disk_that_does_not_answer_holds_up_no_frame(tmp_path, clock, monkeypatch):
    """Who looks for the file waits for it, in a thread."""
    asked, answers = threading.Event(), threading.Event()

    def never(lookout):
        asked.set()
        answers.wait(20)
        return True

    monkeypatch.setattr(Lookout, "has_name", never)
    try:
        with open_sink(f"file:{tmp_path}/show.mp4", OPTIONS) as recording:
            clock.run(recording, 3)
            assert asked.wait(20)
            assert not answers.is_set()
            assert recording.problem == ""
    finally:
        answers.set()
    assert seconds(tmp_path / "show.mp4") > 2.9


@MOVES
@pytest.mark.slow
def test_a_bridge_whose_recording_is_deleted_says_so_and_continues(tmp_path):
    film = tmp_path / "rec" / "show.mp4"
    film.parent.mkdir()
    with running(tmp_path, "--source", "pattern:", "--sink", f"file:{film}", "--pipeline",
                 "passthrough", "--output-size", "128x96") as bridge:  # fmt: skip
        bridge.until(lambda state: state["frames_new"] > 5 and film.exists())
        film.unlink()
        state = bridge.until(lambda state: "was deleted or moved" in state["error"])
        assert "show.mp4 stopped: the file was deleted or moved" in state["error"]
        film.parent.rename(tmp_path / "moved")
        bridge.until(lambda state: "show-3.mp4" in state["sink"])
        before = bridge.state()["frames_new"]
        bridge.until(lambda state: state["frames_new"] > before + 30)
    assert seconds(tmp_path / "moved" / "show-2.mp4") > 0
    assert seconds(film.with_name("show-3.mp4")) > 0


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.slow
def test_a_recording_that_ended_is_told_until_it_goes_on(tmp_path, monkeypatch):
    sent, send = [], Recording.send
    monkeypatch.setattr(Recording, "send", lambda *given: sent.append(send(*given)))
    monkeypatch.setattr(sink, "RETRY", 0.2)
    path = tmp_path / "out.mp4"
    with running_session(tmp_path, pipeline="passthrough", sink=f"file:{path}") as rig:
        stop = rig.steady_input()
        rig.running()
        rig.until(lambda: len(sent) > 5)
        assert rig.session.status().error == ""
        with monkeypatch.context() as broken:
            broken.setattr(FilmFile, "_mux", full)
            rig.until(lambda: "No space left on device" in rig.session.status().error)
            count = len(sent)
            while len(sent) < count + 60:  # a second, with several tries
                assert rig.session.status().error == (
                    f"Recording to {path} stopped: No space left on device. Make room; it "
                    "continues in a new file as soon as one can be written."
                )
                time.sleep(0.02)
            rig.session.set_source(f"file:{tmp_path}/none.mp4")
            rig.until(lambda: "File not found" in rig.session.status().error)
            assert f"Recording to {path} stopped" in rig.session.status().error, "it hides nothing"
            rig.session.set_source(f"memory:{rig.name}")
        rig.until(lambda: rig.session.status().error == "")
        rig.until(lambda: "out-2.mp4" in rig.session.status().sink)
        stop()
    assert sorted(file.name for file in tmp_path.glob("*.mp4")) == ["out-2.mp4", "out.mp4"]


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_where_a_file_can_grow_no_more_the_next_one_is_begun(tmp_path):
    """As on a FAT32 stick, at 4 GB; the system's own error comes, in the middle of a write."""
    code = f"""
        import resource
        import numpy as np
        from bridge.frames.frame import Frame
        from bridge.transports import Options, open_sink
        from bridge.transports.recording import sink
        now, rng, told = 1000.0, np.random.default_rng(0), set()
        sink.perf_counter = lambda: now
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
        with open_sink("file:{tmp_path}/show.mp4", Options(width=64, height=48)) as recording:
            for number in range(600):
                now += 1 / 60
                noise = rng.integers(0, 256, (96, 128, 4), dtype=np.uint8)
                recording.send(Frame(noise, 0.0, number))
                told.add(recording.problem)
        assert len(told) > 1 and all("File too large" in problem for problem in told - {{""}}), told
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    played = [shown(file) for file in sorted(tmp_path.iterdir())]
    assert len(played) >= 2
    assert min(played) > 0, played
    assert 10 - sum(played) <= (LOST + sink.RETRY) * len(played), played
