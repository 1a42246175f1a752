"""Shared memory that other programs cut, replace or fill.

The strangers are processes of their own, and what a sender or a reader must know they have from
the docstring of engine/ipc/ring.py.
"""

import os
import random
import re
import shutil
import stat
import struct
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import pytest

from bridge.frames.frame import Frame
from bridge.transports import Options, TransportError, offers, open_sink, open_source
from engine.ipc.public_ring import PublicReader, PublicWriter
from engine.ipc.ring import LARGEST, RingReader, RingWriter, look, owner, sweep
from engine.ipc.segments import PREFIX, RingError, folder
from tests.support.bridge import running
from tests.support.slow_cases import rest_slow

FILES = pytest.mark.skipif(sys.platform == "win32", reason="segments there are no files")
SIZE = (320, 180)
TESTS = Path(__file__).parents[2]


def path_of(name: str) -> Path:
    return folder() / (PREFIX + name)


def base(width: int, height: int) -> np.ndarray:
    image = np.random.default_rng(3).integers(0, 256, (height, width, 4), dtype=np.uint8)
    image[..., 3] = 255
    return image


def is_whole(image: np.ndarray) -> bool:
    """Whether all of a picture is of one frame: the base plus one number, in every colour."""
    height, width = image.shape[:2]
    if width <= 1:
        return True
    added = image[..., :3] - base(width, height)[..., :3]
    return bool((added == added[0, 0, 0]).all())


# A sender as a stranger may write it: he opens his file anew with O_TRUNC, waits a little, makes it
# long, and sends at full rate until he does it again. In his last life he goes on.
SENDER = """
import mmap, os, struct, sys, time
import numpy as np
path, width, height, lives, pause = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5])
base = np.random.default_rng(3).integers(0, 256, (height, width, 4), dtype=np.uint8)
base[..., 3] = 255
stride = (64 + base.nbytes + 63) // 64 * 64
size = 64 + 3 * stride
number = 0
for life in range(lives):
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    time.sleep(pause)
    os.ftruncate(file, size)
    memory = mmap.mmap(file, size)
    memory[8:64] = struct.pack("<4I5Q", 1, 3, width, height, life + 1, 0, os.getpid(), stride, 0)
    memory[:8] = b"SPBRIDGE"
    until = time.perf_counter() + (20 if life == lives - 1 else 0.02)
    head = 0
    while time.perf_counter() < until:
        number += 1
        at = 64 + head % 3 * stride
        memory[at:at + 8] = struct.pack("<Q", 2 * head + 1)
        image = base.copy()
        image[..., :3] += np.uint8(number % 256)
        memory[at + 64:at + 64 + base.nbytes] = image.tobytes()
        memory[at + 8:at + 32] = struct.pack("<QdQ", number, time.perf_counter(), 0)
        memory[at:at + 8] = struct.pack("<Q", 2 * (head + 1))
        head += 1
        memory[32:40] = struct.pack("<Q", head)
        time.sleep(0.002)
    memory.close()
    os.close(file)
"""

# Somebody who cuts a file, at once or to a part, and at times makes it long again.
CUTTER = """
import os, random, sys, time
path, seconds = sys.argv[1], float(sys.argv[2])
chance = random.Random(5)
until, cuts = time.perf_counter() + seconds, 0
while time.perf_counter() < until:
    try:
        size = os.stat(path).st_size
        os.truncate(path, chance.choice([0, 40, 64, size // 2, chance.randrange(size + 1)]))
        if chance.random() < 0.5:
            os.truncate(path, size)
        cuts += 1
    except OSError:
        pass
    time.sleep(chance.random() * 0.02)
print(cuts)
"""


@contextmanager
def stranger(program: str, *arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@FILES
@pytest.mark.slow
def test_the_bridge_outlives_a_sender_who_cuts_his_file_and_one_who_cuts_ours(tmp_path):
    """Both at once, at full rate: no picture is torn or black, and after it all is as before."""
    given, shown = f"test-cut-{os.getpid()}", f"test-cut-out-{os.getpid()}"
    options = ["--source", f"shm:{given}", "--sink", f"shm:{shown}", "--pipeline", "passthrough",
               "--output-size", "x".join(map(str, SIZE)), "--alpha", "input"]  # fmt: skip
    seen = 0
    try:
        with (
            stranger(SENDER, path_of(given), *SIZE, 120, 0.002),
            running(tmp_path, *options) as bridge,
            open_source(f"shm:{shown}", Options()) as source,
        ):
            bridge.until(lambda state: state["frames_new"] > 5)
            while not (frame := source.receive(0.1)) or not is_whole(frame.image):
                pass  # the card of the start, and the first cross-fade
            with stranger(CUTTER, path_of(shown), 1.5) as cutter:
                while cutter.poll() is None:
                    if frame := source.receive(0.1):
                        assert frame.image[..., :3].any(), "never black"
                        assert is_whole(frame.image), "never torn"
                        seen += 1
                cuts = int(cutter.stdout.read())
            state = bridge.state()
            assert bridge.process.poll() is None
            bridge.until(lambda now: now["frames_new"] > state["frames_new"] + 20)
            for _ in range(20):
                assert is_whole(source.receive(30).image)
            state = bridge.until(lambda now: now["error"] == "")
            print(f"{seen} pictures while the sink was cut {cuts} times")
            assert (seen > 20, cuts > 50, state["black_frames"], state["restarts"]) == (
                True, True, 0, 0
            )  # fmt: skip
    finally:
        path_of(given).unlink(missing_ok=True)
    assert not path_of(shown).exists()


@pytest.mark.slow
@FILES
def test_a_source_reads_only_whole_pictures_of_a_file_that_is_cut_at_full_rate():
    name = f"test-cut-source-{os.getpid()}"
    pictures, end = 0, perf_counter() + 1.5
    try:
        with (
            stranger(SENDER, path_of(name), 640, 360, 40, 0.002),
            open_source(f"shm:{name}", Options()) as source,
        ):
            while perf_counter() < end or pictures < 50:
                assert perf_counter() < end + 30
                if frame := source.receive(0.1):
                    assert frame.image[..., :3].any()
                    assert is_whole(frame.image)
                    pictures += 1
    finally:
        path_of(name).unlink(missing_ok=True)


@FILES
def test_a_held_frame_is_copied_until_every_slot_has_it_and_reads_the_same_ever_after():
    size = Options(width=SIZE[0], height=SIZE[1])
    with open_sink("shm:test-held", size) as sink:
        reader, copied, write = PublicReader("test-held"), [], sink._ring.write
        sink._ring.write = lambda *what: copied.append(what) or write(*what)
        for index in (1, 2, 3):
            image = base(*SIZE) + np.uint8(index)
            for number in range(10):
                sink.send(Frame(image, perf_counter(), index))
                slot = reader.newest()
                assert (slot.number, slot.index) == (10 * (index - 1) + number, index)
                assert np.array_equal(slot.image, image)
        assert len(copied) == 3 * 4
        for index in (3, 4):  # another image under that number, then that image under another
            image = base(*SIZE) + np.uint8(9)
            for _ in range(6):
                sink.send(Frame(image, perf_counter(), index))
                assert np.array_equal(reader.newest().image, image)
        sink._renew(*SIZE)
        sink.send(Frame(image, perf_counter(), index))
        again = PublicReader("test-held")
        assert np.array_equal(again.newest().image, image), "a new segment has none yet"
        reader.close()
        again.close()


@pytest.mark.parametrize(("begin", "end"), [(0, 64), (0, 8), (24, 32), (32, 40), (48, 56)])
def test_a_header_that_somebody_overwrites_is_whole_again_with_the_next_frame(begin, end):
    name, image = "test-overwritten", np.full((32, 32, 4), 7, np.uint8)
    with open_sink(f"shm:{name}", Options(width=32, height=32)) as sink:
        sink.send(Frame(image, 0.0, 1))
        with (folder() / f"{PREFIX}{name}").open("r+b") as file:
            file.seek(begin)
            file.write(b"\xff" * (end - begin))
        sink.send(Frame(image, 0.0, 1))  # a held one
        header = look(name)
        assert (header.width, header.head, header.writer) == (32, 1, os.getpid())


def test_a_frame_has_the_time_at_which_it_was_seen_not_that_of_its_last_pixel(monkeypatch):
    name, began = f"test-seen-{os.getpid()}", []
    read = PublicReader.newest
    monkeypatch.setattr(
        PublicReader, "newest", lambda ring: began.append(perf_counter()) or read(ring)
    )
    size, uri = Options(width=32, height=32), f"shm:{name}"
    with open_sink(uri, size) as sink, open_source(uri, size) as source:
        sink.send(Frame(np.full((32, 32, 4), 7, np.uint8), 0.0, 1))
        frame = source.receive(5)
        assert frame
        assert frame.time <= began[-1]


def test_a_cut_sink_is_made_anew_before_the_next_picture():
    """Cut to a part, cut and lengthened, removed, replaced, written over: the next picture is
    there for who looks by the name, and who reads sees none that is not whole.
    """
    image = base(*SIZE)
    path = path_of("test-cut-sink")

    def lengthened():
        size = path.stat().st_size
        os.truncate(path, size // 2)
        os.truncate(path, size)

    def copied():
        shutil.copy(path, f"{path}.copy")
        Path(f"{path}.copy").rename(path)

    def written_over():
        with path.open("r+b") as file:
            file.write(bytes(64))

    def longer():
        os.truncate(path, path.stat().st_size + 5000)

    harms = [
        lambda: os.truncate(path, 0), lambda: os.truncate(path, 100_000), lengthened, path.unlink,
        copied, written_over, longer, lambda: (path.unlink(), os.mkfifo(path)),
        lambda: (path.unlink(), path.symlink_to("/dev/zero")), lambda: path.write_bytes(b"mine"),
    ]  # fmt: skip
    with (
        open_sink("shm:test-cut-sink", Options()) as sink,
        open_source("shm:test-cut-sink", Options()) as source,
    ):
        for number, harm in enumerate(harms, 1):
            harm()
            sink.send(Frame(image + np.uint8(number), 0.0, number))
            assert np.array_equal(source.receive(30).image, image + np.uint8(number)), number
            with RingReader("test-cut-sink") as reader:
                assert np.array_equal(reader.newest().image, image + np.uint8(number)), number
            assert stat.S_ISREG(path.lstat().st_mode)
    assert not path.exists()


@FILES
@pytest.mark.slow
def test_a_name_that_a_living_process_takes_away_is_told_and_had_again(tmp_path):
    name = f"test-taken-{os.getpid()}"
    options = ["--sink", f"shm:{name}", "--pipeline", "passthrough", "--output-size", "64x48"]
    with running(tmp_path, *options) as bridge:
        bridge.until(lambda state: state["frames_new"] > 5)
        theirs = path_of(f"{name}-theirs")
        with stranger(SENDER, theirs, *SIZE, 1, 0) as taker:
            end = perf_counter() + 20
            while not theirs.exists() or theirs.read_bytes()[:8] != b"SPBRIDGE":
                assert perf_counter() < end
                sleep(0.01)
            theirs.replace(path_of(name))
            state = bridge.until(lambda state: "was taken over by process" in state["error"])
            assert state["error"] == (
                f"shm:{name} was taken over by process {taker.pid}, so frames go to "
                f"shm:{name}_1; end that process to send to shm:{name} again."
            )
            assert state["sink"] == f"shm:{name} · pick shm:{name}_1, 64x48"
            with open_source(f"shm:{name}_1", Options()) as source:
                for _ in range(10):
                    assert source.receive(30).image.shape == (48, 64, 4)
        bridge.until(lambda state: not state["error"])
        with open_source(f"shm:{name}", Options()) as source:
            assert source.receive(30).image.shape == (48, 64, 4)
        assert not path_of(f"{name}_1").exists()
    assert not path_of(name).exists()


@FILES
def test_of_the_names_beside_one_that_was_taken_the_first_that_is_free_is_had():
    names = ["test-first", *(f"test-first_{number}" for number in range(1, 10))]
    parent, mine = os.getppid().to_bytes(8, "little"), os.getpid().to_bytes(8, "little")
    try:
        with open_sink("shm:test-first", Options(width=64, height=48)) as sink:
            theirs = path_of("test-first").read_bytes().replace(mine, parent, 1)
            for name in names:
                path_of(name).unlink(missing_ok=True)
                path_of(name).write_bytes(theirs)
            with pytest.raises(TransportError, match="test-first is in use by process"):
                sink.send(Frame(base(64, 48), 0.0, 1))
            with pytest.raises(TransportError, match="is in use by process"):
                open_sink("shm:test-first", Options(width=64, height=48))
            path_of(names[7]).unlink()
            sink.send(Frame(base(64, 48), 0.0, 2))
            assert sink.status == f"pick shm:{names[7]}, 64x48"
        assert not path_of(names[7]).exists()
    finally:
        for name in names:
            path_of(name).unlink(missing_ok=True)


@FILES
@pytest.mark.skipif(sys.platform != "linux", reason="others do not tell what a file lacks")
@pytest.mark.parametrize("left", [10_000, 64 + 64 + 320 * 180 * 4 - 40])
def test_what_was_cut_out_of_a_senders_file_is_not_shown(left):
    """Cut and lengthened by somebody, in the middle of a picture or within the page of its end, the
    newest frame has zeros under a lock that fits.
    """
    image = base(*SIZE)
    path = path_of("test-hole")
    for cut_slot in (0, 1):
        writer = PublicWriter("test-hole", *SIZE, slots=2)
        try:
            with PublicReader("test-hole") as reader:
                for number in range(3 + cut_slot):
                    writer.write(image, 0.0, number + 1)
                assert np.array_equal(reader.newest().image, image)
                size = path.stat().st_size
                os.truncate(path, left + cut_slot * writer.stride)
                os.truncate(path, size)
                assert not writer.is_whole()
                assert reader.newest() is None
                assert reader.has_holes
        finally:
            writer.unlink()
            writer.close()


@FILES
def test_a_reader_of_the_old_segment_is_never_cut_short_by_us():
    """A mapping of what a sink had before it changed its size is as long as it was."""
    with open_sink("shm:test-mapped", Options(width=320, height=180)) as sink:
        sink.send(Frame(base(*SIZE), 0.0, 1))
        with RingReader("test-mapped") as mapped:
            for number, size in enumerate([(8, 8), (640, 360), (320, 180)], 2):
                sink.send(Frame(base(*size), 0.0, number))
                assert np.array_equal(mapped.newest().image, base(*SIZE))
            assert mapped.stale


def header(slots=3, width=64, height=48, generation=1, head=0, pid=None, stride=None) -> bytes:
    stride = stride or 64 + width * height * 4
    pid = os.getpid() if pid is None else pid
    return b"SPBRIDGE" + struct.pack(
        "<4I5Q", 1, slots, width, height, generation, head, pid, stride, 0
    )


def sparse(path: Path, head: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


HUGE = header(1, 50_000, 50_000, pid=1)
ODD = {
    "fifo": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
    "link": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("/nowhere"),
    "device": device,
    "empty": lambda path: path.touch(),
    "10 GB of nothing": lambda path: sparse(path, b"", 10 << 30),
    "10 GB picture": lambda path: sparse(path, HUGE, 10 << 30),
    "a picture without width": lambda path: sparse(path, header(width=0), 1 << 20),
    "a writer that no process can be": lambda path: sparse(path, header(pid=2**64 - 1), 1 << 20),
    "shorter than it says": lambda path: sparse(path, header(), 20_000),
}


@contextmanager
def odd(name: str, kind: str):
    """Something odd under a segment's name, for a while now."""
    path = path_of(name)
    ODD[kind](path)
    os.utime(path, (1e9, 1e9), follow_symlinks=False)
    try:
        yield path
    finally:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


@FILES
@pytest.mark.parametrize("kind", rest_slow(ODD))
def test_whatever_has_the_name_nobody_waits_or_ends(kind):
    with odd("test-odd", kind) as path:
        assert "shm:test-odd" not in {offer.uri for offer in offers()}
        assert owner("test-odd") == (1 if "picture" in kind and "GB" in kind else None)
        with open_source("shm:test-odd", Options()) as source:
            assert source.receive(0.05) is None
            if "no process" not in kind:
                assert "test-odd" in source.problem
            if owner("test-odd"):
                path.unlink()
            if kind == "folder":
                with pytest.raises(TransportError, match="remove the file of that name"):
                    open_sink("shm:test-odd", Options(width=64, height=48))
                path.rmdir()
            with open_sink("shm:test-odd", Options(width=64, height=48)) as sink:
                sink.send(Frame(base(64, 48), 0.0, 1))
                assert np.array_equal(source.receive(30).image, base(64, 48))
                assert source.problem == ""


@FILES
def test_a_segment_whose_sender_has_ended_says_so():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    path = path_of("test-ended")
    try:
        sparse(path, header(head=7, pid=process.pid), 64 + 3 * (64 + 64 * 48 * 4))
        with open_source("shm:test-ended", Options()) as source:
            assert source.receive(0.05) is None
            assert source.status == (
                f"waiting for shm:test-ended; its sender, process {process.pid}, has ended"
            )
            path.unlink()
            source.receive(0.05)
            assert source.status == "waiting for shm:test-ended"
    finally:
        path.unlink(missing_ok=True)


LIES = {
    "wide": (header(width=60_000, stride=12_352), "stride is 12352, and 60000x48 needs 11520064"),
    "flat": (header(height=0), "height is 0"),
    "no slots": (header(slots=0), "slots is 0"),
    "many slots": (header(slots=9), "its 9 slots need 111232 bytes, and the segment has 37120"),
    "short stride": (header(stride=12_000), "stride is 12000, and 64x48 needs 12352"),
    "odd stride": (header(stride=12_353), "stride is 12353, not a multiple of 8"),
    "other version": (b"SPBRIDGE\x02" + header()[9:], "has version 2 instead of 1"),
    "noise": (np.random.default_rng(5).bytes(64), "is not a frame segment of spout-bridge"),
    "large": (header(60_000, 60_000, 60_000, stride=8), "says that its pictures are 60000x60000"),
    "no lock": (header(head=7), "its newest frame is never complete"),
    "wrong stride": (header(stride=12_360, slots=2, head=7), "its newest frame is never complete"),
    "lying head": (header(head=2**64 - 1), "its newest frame is never complete"),
}


@FILES
@pytest.mark.parametrize("kind", rest_slow(LIES))
def test_a_sender_that_lies_is_told_what_is_wrong_even_while_it_writes(monkeypatch, caplog, kind):
    monkeypatch.setattr("bridge.transports.shared_memory.YOUNG", 0.1)
    head, why = LIES[kind]
    path = path_of("test-lie")
    try:
        sparse(path, head, 64 + 3 * (64 + 64 * 48 * 4))
        with open_source("shm:test-lie", Options()) as source:
            end = perf_counter() + 20
            while not source.problem:
                assert perf_counter() < end
                path.touch()  # as a sender does: never older than a moment
                assert source.receive(0.02) is None
            assert why in source.status
            assert source.status.startswith("invalid: ")
            assert source.problem.startswith("shm:test-lie: ")
            assert why in source.problem
            with open_sink("shm:test-lie-2", Options(width=64, height=48)) as sink:
                sink.send(Frame(base(64, 48), 0.0, 1))
                path_of("test-lie-2").replace(path)
                assert np.array_equal(source.receive(30).image, base(64, 48))
                assert source.problem == ""
                assert source.status == f"64x48 from process {os.getpid()}"
                sparse(path, head, 64 + 3 * (64 + 64 * 48 * 4))
                while not source.problem:
                    path.touch()
                    source.receive(0.02)
                sink.send(Frame(base(64, 48), 0.0, 2))
                path_of("test-lie-2").replace(path)
                assert source.receive(30)
        told = [line for line in caplog.messages if "was wrong and is right again: " in line]
        assert len(told) == 1, "once for each sender"
        assert why in told[0]
    finally:
        path.unlink(missing_ok=True)


@FILES
def test_a_sender_of_pictures_that_are_too_large_is_refused_at_once():
    path = path_of("test-large")
    try:
        sparse(path, header(3, 8193, 8193), 64 + 3 * (64 + 64 * 48 * 4))
        with open_source("shm:test-large", Options()) as source:
            assert source.receive(0) is None
            assert source.problem == (
                "shm:test-large: spout-bridge-test-large says that its pictures are 8193x8193; "
                "at most 64 million pixels are taken."
            )
    finally:
        path.unlink(missing_ok=True)


@FILES
def test_whatever_a_header_says_is_read_or_refused_in_a_sentence():
    """Fields of any value, in a file of any length that holds them."""
    chance = random.Random(7)
    values = [0, 1, 2, 8, 48, 64, 12_352, 60_000, 2**31, 2**32 - 1]
    path = path_of("test-any")
    try:
        for _ in range(300):
            slots, width, height, at = chance.choices(values, k=4)
            stride = chance.choice([*values[1:], 2**63, 2**64 - 1])
            size = chance.randrange(64, 100_000)
            sparse(path, header(slots, width, height, head=at, stride=stride), size)
            try:
                with PublicReader("test-any") as reader:
                    assert reader.newest() is None
            except RingError as error:
                told = str(error)
                assert re.fullmatch("The header of .* is wrong: .*; correct .*|.* says .*", told)
    finally:
        path.unlink(missing_ok=True)


@FILES
def test_sweeping_removes_the_files_of_the_dead_and_nothing_else():
    kinds = ("fifo", "folder", "link", "device")
    names = [f"test-sweep-{place}" for place, _ in enumerate(kinds)]
    with odd(names[0], kinds[0]), odd(names[1], kinds[1]), odd(names[2], kinds[2]), \
         odd("test-sweep-dead", "a writer that no process can be"), \
         odd("test-sweep-half.new", "empty"):  # fmt: skip
        swept = sweep()
        assert {"test-sweep-dead", "test-sweep-half.new"} <= set(swept)
        assert not set(swept) & set(names)


@FILES
@pytest.mark.slow
def test_the_bridge_starts_among_odd_files_says_so_and_takes_up_a_sender_who_comes(tmp_path):
    with odd("test-among-a", "folder"), odd("test-among-b", "link to nothing"), \
         odd("test-among-c", "a writer that no process can be"), \
         odd("test-among", "fifo") as path:  # fmt: skip
        options = "--source", "shm:test-among", "--sink", "null:", "--pipeline", "passthrough"
        with running(tmp_path, *options) as bridge:
            state = bridge.until(
                lambda state: "spout-bridge-test-among is not a file" in state["error"]
            )
            assert state["source"].startswith("shm:test-among · invalid: ")
            offered = {row["uri"] for row in bridge.ask("sources")}
            assert not any("test-among" in uri for uri in offered)
            with open_sink("shm:test-among", Options(width=64, height=48)) as sink:
                assert path.is_file()
                numbers = iter(range(1, 1 << 20))

                def flows(state):
                    sink.send(Frame(base(64, 48), 0.0, next(numbers)))
                    return state["frames_new"] > 3 and not state["error"]

                bridge.until(flows)


@FILES
def test_a_header_that_changes_while_it_is_read_is_another_segment():
    """The width grows in place, in a file that grows with it."""
    path = path_of("test-grows")
    writer = RingWriter("test-grows", 64, 48, 2)
    try:
        with open_source("shm:test-grows", Options()) as source:
            writer.write(base(64, 48), 0.0, 1)
            assert np.array_equal(source.receive(30).image, base(64, 48))
            os.truncate(path, 1 << 20)
            with path.open("r+b") as file:
                file.write(header(slots=2, width=128, height=96))
            assert source.receive(0.1) is None
            assert source.status == f"128x96 from process {os.getpid()}"
            with RingReader("test-grows") as mapped:
                words, _ = mapped.slot_words(0)
                mapped.slot_image(0)[:] = base(128, 96)
                words[0], words[1], mapped.words[4] = 2, 9, 1
            assert np.array_equal(source.receive(30).image, base(128, 96))
    finally:
        writer.unlink()
        writer.close()


@pytest.mark.slow
@FILES
def test_a_sender_who_begins_anew_in_the_same_file_is_seen_even_with_the_same_numbers():
    """The same process, generation and numbers; the picture and its time are others."""
    writer = RingWriter("test-anew", 64, 48, 2)
    try:
        with open_source("shm:test-anew", Options()) as source:
            for life in range(1, 4):
                words, floats = writer.slot_words(0)
                writer.slot_image(0)[:] = base(64, 48) + np.uint8(life)
                words[1], floats[2], words[0] = 1, float(life), 2
                writer.words[4] = 1
                assert np.array_equal(source.receive(30).image, base(64, 48) + np.uint8(life))
                assert source.receive(0.3) is None, "and only once"
    finally:
        writer.unlink()
        writer.close()


@FILES
def test_a_file_that_may_not_be_read_is_told():
    """Asked by a process of another user; root may read everything."""
    program = textwrap.dedent("""
        import os, sys
        from bridge.transports import Options, TransportError, offers, open_sink, open_source
        from engine.ipc.ring import sweep
        os.setuid(65534)
        with open_source("shm:test-closed", Options()) as source:
            assert source.receive(0.05) is None
            assert "must run as the same user" in source.problem, source.problem
        try:
            open_sink("shm:test-closed", Options())
        except TransportError as error:
            assert "remove the file of that name" in str(error), error
        offers(), sweep()
    """)
    if os.geteuid() != 0:
        pytest.skip("only root becomes another user")
    with odd("test-closed", "10 GB picture"):
        path_of("test-closed").chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert path_of("test-closed").exists()


@FILES
def test_private_segments_have_names_that_nobody_can_have_taken(tmp_path):
    """And a bridge whose own were swept away by somebody goes on with the worker it has."""
    from tests.support.rig import running_session, scene

    before = set(folder().glob(f"{PREFIX}*"))
    with running_session(tmp_path, pipeline="relay") as rig:
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        assert set(folder().glob(f"{PREFIX}{os.getpid()}-*")) <= before, "no name is left"
        link = rig.session._host.current
        worker, real = link.pid, link._new_input
        removed = []

        def broom(*arguments):
            made = real(*arguments)
            if not removed:
                removed.append(made.name)
                path_of(made.name).unlink()
            return made

        link._new_input = broom  # at the worst moment: made, and not opened by the worker yet
        for number in (2, 3):
            image = scene(96, 72, number)
            rig.put(image)
            rig.until(lambda: removed)
        rig.until(lambda: rig.put(scene(96, 72, 3)) or rig.session.status().engine_size == "96x72")
        assert rig.session.status().worker == worker
        assert rig.session.status().restarts == 0


def test_a_look_at_a_segment_reads_what_it_says():
    writer = RingWriter("test-look", 6, 4, 3, 7)
    try:
        found = look("test-look")
        assert (found.width, found.height, found.slots, found.generation) == (6, 4, 3, 7)
        assert found.writer == os.getpid()
        assert LARGEST >= 7680 * 4320, "8K is taken"
        with pytest.raises(FileNotFoundError):
            look("test-look-nobody")
        with pytest.raises(RingError, match="No room"):
            PublicWriter("test-look-huge", 1 << 20, 1 << 20).close()
        assert not [path for path in folder().iterdir() if "test-look-huge" in path.name]
    finally:
        writer.unlink()
        writer.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="makes a small /dev/shm of its own")
def test_where_shared_memory_is_full_the_show_goes_on_and_recovers():
    """Each test of support/inside_small_room.py, with a real small file system on /dev/shm."""
    place = "mount -t tmpfs -o size=16m tmpfs /dev/shm"
    if subprocess.run(["unshare", "-m", "sh", "-c", place], capture_output=True).returncode:
        assert not os.environ.get("CI"), "CI must run as root, where it can mount a file system"
        pytest.skip("NOT TESTED: only root can make a small /dev/shm")
    options = "-q -p no:cacheprovider -p no:logging"
    tests = f"{sys.executable} -m pytest {options} {TESTS / 'support' / 'inside_small_room.py'}"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"{place} && exec {tests}"],
        cwd=TESTS.parent, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
