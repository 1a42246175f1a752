"""What happens where shared memory is full: run by tests/bridge/transports/test_shared_memory.py in
a place of its own, where /dev/shm is a file system of 16 MB. Nothing here stands in for the kernel.
"""

import gc
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from time import perf_counter

import numpy as np
import pytest

from bridge.frames.frame import Frame
from bridge.transports import Options, TransportError, open_sink, open_source
from bridge.workers.client import WorkerClient
from engine.ipc.ring import RingWriter
from engine.ipc.segments import PREFIX, folder
from tests.support.bridge import running
from tests.support.rig import running_session, scene

ROOM = 16 << 20  # bytes
LARGE = (640, 360)


@pytest.fixture(autouse=True)
def empty():
    """All room is there again: a worker of the test before may still be ending."""
    for link in [thing for thing in gc.get_objects() if isinstance(thing, WorkerClient)]:
        link.ring = link._input = None  # a session that is over is held by what nobody reads
    gc.collect()
    end = perf_counter() + 20
    while (info := os.statvfs(folder())).f_bavail < info.f_blocks:
        assert perf_counter() < end, segments()
        time.sleep(0.01)


def test_this_room_is_small():
    info = os.statvfs(folder())
    assert info.f_frsize * info.f_blocks == ROOM


@contextmanager
def full(leave: int = 0):
    """Somebody's file takes all the room but `leave` bytes, until it is cut."""
    path = folder() / "somebodys"
    with path.open("wb", buffering=0) as file:
        info = os.statvfs(folder())
        os.posix_fallocate(file.fileno(), 0, info.f_frsize * info.f_bavail - leave)
        try:
            yield
        finally:
            path.unlink()


def segments() -> set[str]:
    return {path.name for path in folder().iterdir()}


def is_like(image, sent) -> bool:
    """Whether a picture is one that was sent, at whatever size; those of a test are flat."""
    return abs(float(image[..., :3].mean()) - float(sent[..., :3].mean())) < 2


def flat(size, value: int):
    return np.full((size[1], size[0], 4), value, np.uint8)


def test_the_bridge_goes_on_with_what_it_has_and_takes_the_new_when_there_is_room(tmp_path):
    """A sender changes its size while shared memory is full, then the output's segment is removed;
    the bridge is as users start it.
    """
    options = "--sink", "shm:room-out", "--pipeline", "passthrough", "--output-size", "64x36"
    with (
        open_sink("shm:room-in", Options(width=64, height=36)) as sender,
        running(tmp_path, "--source", "shm:room-in", *options) as bridge,
        open_source("shm:room-out", Options()) as shown,
    ):
        numbers = iter(range(1, 1 << 20))

        def show(size, value):
            """Send until the output shows it."""
            end = perf_counter() + 20
            while True:
                sender.send(Frame(flat(size, value), perf_counter(), next(numbers)))
                frame = shown.receive(0.05)
                assert frame is None or frame.image[..., :3].any(), "never black"
                if frame and is_like(frame.image, flat(size, value)):
                    return
                assert perf_counter() < end, bridge.state()

        show((64, 36), 50)
        # Room for the sender's own segment: 3.7 MB; passthrough needs no other.
        with full(leave=4 << 20):
            for value in (100, 150, 200):
                show(LARGE, value)
            assert bridge.state()["error"] == ""
            assert not any(name.endswith(".new") for name in segments())
        show(LARGE, 230)
        with full():
            (folder() / f"{PREFIX}room-out").unlink()
            bridge.until(lambda state: "shm:room-out cannot be created" in state["error"])
        state = bridge.until(lambda state: not state["error"])
        with open_source("shm:room-out", Options()) as again:
            assert again.receive(10)
        assert (state["restarts"], state["black_frames"]) == (0, 0)
    assert segments() == set(), "nothing is left behind"


def test_each_ring_of_the_engine_is_swapped_only_when_the_new_one_is_there(tmp_path):
    """The one to the worker takes 1.8 MB at the larger size, the one from it 3.7 MB: there is room
    for neither, then for the first alone.
    """
    with running_session(tmp_path, pipeline="relay") as rig:
        rig.put(flat((64, 48), 50))
        rig.wait(lambda frame: is_like(frame.image, flat((64, 48), 50)))
        worker = rig.session.status().worker
        for leave in (0, 2 << 20):
            rig.until(lambda: rig.put(flat((64, 48), 50)) or status(rig) == ("64x48", ""))
            with full(leave):
                for value in (100, 150, 200):
                    image = flat(LARGE, value)
                    rig.put(image)
                    rig.wait(lambda frame, sent=image: is_like(frame.image, sent))
                rig.until(lambda: "No room" in rig.session.status().error)
                assert rig.session.status().engine_size == "64x48"
            rig.until(lambda: rig.put(flat(LARGE, 90)) or status(rig) == ("640x360", ""))
        assert rig.session.status().worker == worker
        assert all(seen.frame.image[..., :3].any() for seen in rig.place.seen)
    assert segments() == set()


def status(rig) -> tuple[str, str]:
    """The size of what the engine is given, and what is wrong."""
    now = rig.session.status()
    return now.engine_size, now.error


def test_larger_blocks_wait_for_room_and_come_by_themselves(tmp_path):
    """The first block of 16 pictures is to begin where there is no room at all."""
    with (
        running_session(tmp_path, pipeline="painter", load={"frames": 16}) as rig,
        full(leave=100_000),
    ):
        stop = rig.steady_input()
        rig.until(lambda: "No room" in rig.session.status().error)
        worker = rig.session._host.coming.pid
        os.truncate(folder() / "somebodys", 0)
        rig.running()
        stop()
        assert rig.session.status().worker == worker, "it waited, and did not die"


def test_a_worker_without_any_ring_lives_and_has_one_when_there_is_room(tmp_path):
    """Room for what goes to it, none for what comes back: 34 slots of 12 KB."""
    with (
        running_session(tmp_path, pipeline="painter", load={"frames": 8}) as rig,
        full(leave=300_000),
    ):
        stop = rig.steady_input()
        rig.until(lambda: "No room" in rig.session.status().error)
        time.sleep(0.3)
        status = rig.session.status()
        worker = rig.session._host.coming.pid
        assert (status.state, status.restarts) == ("WARMUP", 0)
        os.truncate(folder() / "somebodys", 0)
        rig.running()
        rig.until(lambda: rig.session.status().error == "")
        stop()
        assert rig.session.status().worker == worker


def test_a_sink_keeps_its_segment_while_there_is_no_room_for_another():
    with (
        open_sink("shm:room-size", Options(width=64, height=48)) as sink,
        open_source("shm:room-size", Options()) as source,
    ):
        sink.send(Frame(scene(64, 48, 1), 0.0, 1))
        assert np.array_equal(source.receive(1).image, scene(64, 48, 1))
        before = segments()
        with full():
            with pytest.raises(TransportError, match="No room for 4 MB"):
                sink.send(Frame(scene(*LARGE, 2), 0.0, 2))
            assert segments() == before | {"somebodys"}, "nothing half made"
            sink.send(Frame(scene(64, 48, 3), 0.0, 3))
            assert np.array_equal(source.receive(1).image, scene(64, 48, 3))
        sink.send(Frame(scene(*LARGE, 4), 0.0, 4))
        assert np.array_equal(source.receive(1).image, scene(*LARGE, 4))


def test_a_segment_that_nobody_can_read_makes_room_for_the_next(tmp_path):
    """There is room for one segment of 8.3 MB, and not for two."""
    options = "--sink", "shm:room-one", "--pipeline", "passthrough", "--output-size", "960x540"
    path = folder() / f"{PREFIX}room-one"
    with running(tmp_path, "--source", "demo:", *options) as bridge:
        with open_source("shm:room-one", Options()) as shown:
            assert shown.receive(10)
        for harm in ("deleted", "replaced", "cut"):
            with full():
                if harm == "cut":
                    os.truncate(path, 5 << 20)
                else:
                    path.unlink()
                if harm == "replaced":
                    path.write_bytes(b"")
                with open_source("shm:room-one", Options()) as again:
                    assert again.receive(10), harm
            bridge.until(lambda state: not state["error"])
    assert segments() == set()


def test_send_tells_what_has_no_room_and_goes_on_when_there_is():
    command = [sys.executable, "-c", "from bridge.cli import main; main()"]
    with open_sink("shm:room-from", Options(width=64, height=48)) as sender:
        sender.send(Frame(scene(64, 48, 1), 0.0, 1))
        process = subprocess.Popen(
            [*command, "send", "shm:room-from", "--to", "shm:room-to", "--seconds", "60"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            with open_source("shm:room-to", Options()) as source:
                assert np.array_equal(source.receive(20).image, scene(64, 48, 1))
                with full(leave=4 << 20):
                    sender.send(Frame(scene(*LARGE, 2), 0.0, 2))
                    while "No room" not in (line := process.stderr.readline()):
                        assert line, "it ended"
                sender.send(Frame(scene(*LARGE, 3), 0.0, 3))
                assert np.array_equal(source.receive(20).image, scene(*LARGE, 3))
                assert process.poll() is None
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
            (folder() / f"{PREFIX}room-to").unlink(missing_ok=True)


def test_a_sender_that_reserved_nothing_is_read_where_there_is_no_room():
    """Mapped, what it never wrote would need memory to be looked at."""
    writer = RingWriter("room-sparse", *LARGE)
    path = folder() / f"{PREFIX}room-sparse"
    head = path.read_bytes()[:64]
    writer.close()
    path.unlink()
    with path.open("wb") as file:
        file.write(head)
        file.truncate(64 + 4 * (64 + LARGE[0] * LARGE[1] * 4))
    with full(), open_source("shm:room-sparse", Options()) as source:
        assert source.receive(0.05) is None
        assert "640x360" in source.status
        with path.open("r+b") as file:  # it says that it has written what it has not
            file.seek(32)
            file.write((1).to_bytes(8, "little"))
        assert source.receive(0.05) is None
    path.unlink()
