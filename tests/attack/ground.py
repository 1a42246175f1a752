"""Attacks on what the bridge stands on: shared memory, sockets, disks, processes."""

import os
import resource
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import perf_counter, sleep

from tests.attack.doors import answers, holds, upgrade
from tests.attack.running import HERE, Unanswered, beats
from tests.attack.table import Field, attack

MANY, FEW = 1100, 64  # idle connections
UNREAD = 15.0  # seconds after which an unread preview must be gone
ASLEEP = 7.0  # seconds that the processes are stopped
LOOK = {"vace_scale": 0.25, "prompt": "ocean waves", "fade": 0.0}


@contextmanager
def sending(name: str, habit: str, seconds: float, fps: float = 200) -> Generator[None]:
    """A foreign sender meanwhile."""
    command = [sys.executable, "-I", str(HERE / "sender.py"), name, "160x90"]
    with subprocess.Popen([*command, str(fps), str(seconds), habit]) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)
            Path(f"/dev/shm/spout-bridge-{name}").unlink(missing_ok=True)


@attack(seconds=2.0)
def cut_source(field: Field) -> None:
    """A sender that opens its own segment again with O_TRUNC, all the time"""
    bridge, name = field.bridge, f"{field.bridge.name}In"
    with sending(name, "truncate", field.seconds + 10):
        bridge.ask("source", {"uri": f"shm:{name}"})
        sleep(field.seconds)
    with sending(name, "well", 60, 60):
        there = bridge.until(lambda now: "160x90" in now["source"] and now["input_age"] < 0.2, 5)
        field.expect(there, "a sender that is well is not taken up after one that was not")
        field.goes_on("a sender that is well came")
        with suppress(Unanswered):
            bridge.ask("source", {"uri": "demo:"})
        bridge.until(lambda state: "demo:" in state["source"], 5)


@attack(seconds=1.0, whole=True)
def odd_segments(field: Field) -> None:
    """What is no segment under the name of a source: FIFO, folder, links, a header that lies"""
    bridge, name = field.bridge, f"{field.bridge.name}Odd"
    path = Path(f"/dev/shm/spout-bridge-{name}")
    lies = struct.pack("<8sIIIIQQQQQ", b"SPBRIDGE", 1, 4, 60000, 60000, 1, 9, os.getpid(), 64, 0)

    def sparse() -> None:
        path.write_bytes(lies)
        os.truncate(path, 10 << 30)

    odd: dict[str, Callable[[], object]] = {
        "a FIFO": lambda: os.mkfifo(path),
        "a folder": path.mkdir,
        "a link to /dev/zero": lambda: path.symlink_to("/dev/zero"),
        "a link to itself": lambda: path.symlink_to(path.name),
        "one letter": lambda: path.write_bytes(b"x"),
        "a header that lies": lambda: path.write_bytes(lies + bytes(4096)),
        "a header in a large file": sparse,
    }
    bridge.ask("source", {"uri": f"shm:{name}"})
    try:
        for what, make in odd.items():
            _away(path)
            make()
            sleep(field.seconds / len(odd))
            with suppress(Unanswered):
                bridge.ask("sources", timeout=3)
            answers(field, what)
        _away(path)
        with sending(name, "well", 60, 60):
            came = bridge.until(lambda now: "160x90" in now["source"] and now["input_age"] < 0.2, 5)
            field.expect(came, "a sender that is well is not taken up after odd segments")
    finally:
        _away(path)
        bridge.ask("source", {"uri": "demo:"})


def _away(path: Path) -> None:
    """Take whatever has this name away."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


@attack(seconds=1.0, whole=True)
def cut_sink(field: Field) -> None:
    """Somebody truncates, removes and replaces the segment of the output"""
    sink = field.bridge.sink
    for number in beats(40, field.seconds):
        with suppress(FileNotFoundError):
            if number % 8 == 7:
                sink.unlink()
            elif number % 8 == 3:
                other = sink.with_name(sink.name + ".other")
                other.write_bytes(bytes(4096))
                other.replace(sink)
            else:
                os.truncate(sink, (0, 64, 4096)[number % 3])


@contextmanager
def idle(port: int, count: int) -> Generator[list[socket.socket]]:
    """Connections that say nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 400
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, wanted)), hard))
    lines: list[socket.socket] = []
    try:
        for _ in range(count):
            line = socket.socket()
            line.settimeout(0.5)
            lines.append(line)
            with suppress(OSError):
                line.connect(("127.0.0.1", port))
        yield lines
    finally:
        for line in lines:
            line.close()


@attack(seconds=2.0)
def many_idle(field: Field) -> None:
    """1,100 idle connections, where the bridge may open 1,024 files"""
    with idle(field.bridge.port, MANY):
        for _ in beats(4, field.seconds):
            answers(field, f"{MANY} idle connections")
    field.bridge.until(lambda state: True, 5)


@attack(seconds=1.0, whole=True)
def few_idle(field: Field) -> None:
    """64 idle connections: the page still loads"""
    with idle(field.bridge.port, FEW):
        for _ in beats(4, field.seconds):
            answers(field, f"{FEW} idle connections")


@attack(seconds=1.0, whole=True)
def half_headers(field: Field) -> None:
    """80 connections that begin their headers and never end them"""
    with idle(field.bridge.port, 80) as lines:
        for _ in beats(2, field.seconds):
            for line in lines:
                with suppress(OSError):
                    line.sendall(b"GET / HTTP/1.1\r\nX: ")
            answers(field, "80 unfinished headers")


@attack(seconds=1.5, whole=True)
def unread_previews(field: Field) -> None:
    """Twenty previews that nobody reads; after 10 s they are dropped"""
    port, seconds = field.bridge.port, field.seconds
    with idle(port, 20) as lines:
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with suppress(OSError):
                line.sendall(upgrade(port, "preview"))
        for _ in beats(2, seconds):
            answers(field, "20 previews that nobody reads")
        if seconds > UNREAD:
            closed = sum(_is_closed(line) for line in lines)
            field.expect(closed == len(lines), f"{len(lines) - closed} unread previews are open")


def _is_closed(line: socket.socket) -> bool:
    """Whether the other end hung up, behind what it had sent until then."""
    until = perf_counter() + 2
    try:
        while line.recv(1 << 20):
            if perf_counter() > until:  # it sends on
                return False
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@attack(home="small", needs=("root",), deaths=10)
def full_memory(field: Field) -> None:
    """/dev/shm full during a change of the size, and room again after"""
    bridge, filler = field.bridge, Path(field.bridge.shared, "filler")
    _fill(filler)
    try:
        status = bridge.set(size="480x270")
        sleep(1.5)
        field.goes_on("/dev/shm was full at a change of the size")
        bridge.act("kill_engine")
        sleep(0.5)
    finally:
        filler.unlink(missing_ok=True)
    if status == 409:  # refused at the door for want of room
        field.expect(bridge.set(size="480x270") == 200, "a size is refused although there is room")
    came = bridge.until(lambda state: state["engine_size"] in ("480x270", "480x268"), 15)
    field.expect(came, "the new size never came after there was room again")
    field.expect(
        bridge.until(lambda state: not state["error"], 15), "the error stays after there is room"
    )


@attack(home="small", needs=("root",), whole=True)
def full_disk(field: Field) -> None:
    """The folder's disk full, then read-only, while values change"""
    bridge, filler = field.bridge, field.bridge.disk / "filler"
    _fill(filler)
    try:
        for number in beats(40, 1.0):
            bridge.osc("/bridge/fade", number / 10)
        told = bridge.until(lambda state: state["error"], 5)
        field.expect(told, "a full disk is told nobody")
    finally:
        filler.unlink(missing_ok=True)
    bridge.set(fade=2.5)
    field.expect(
        bridge.until(lambda state: not state["error"], 10), "the error stays after the disk is well"
    )
    # Over what is there, which open files keep from being made read-only itself.
    _mount(bridge.process.pid, "mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(bridge.folder))
    try:
        bridge.set(fade=1.5)
        told = bridge.until(lambda state: state["error"], 5)
        field.expect(told, "a read-only disk is told nobody")
    finally:
        _mount(bridge.process.pid, "umount", str(bridge.folder))
    bridge.set(fade=0.5)
    field.expect(
        bridge.until(lambda state: not state["error"], 10), "the error stays after the disk is well"
    )


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        for size in (1 << 16, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))


def _mount(pid: int, *command: str) -> None:
    """Run a command among the mounts of a process."""
    subprocess.run(["nsenter", "-t", str(pid), "-m", *command], check=True, capture_output=True)


@attack(home="hasty", stands=ASLEEP + 2)
def sleep_of_both(field: Field) -> None:
    """Bridge and worker asleep for 7 s, with --hang-s 2"""
    _sleep(field, both=True)


@attack(home="hasty", stands=ASLEEP + 2, whole=True)
def sleep_of_bridge(field: Field) -> None:
    """The bridge alone asleep for 7 s"""
    _sleep(field, both=False)


def _sleep(field: Field, *, both: bool) -> None:
    bridge = field.bridge
    pids = [bridge.process.pid, *(one.pid for one in bridge.workers() if both)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        sleep(ASLEEP)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    sleep(1.0)


@attack(stands=15.0, ends=True)
def polite_end(field: Field) -> None:
    """SIGTERM and a new start keep the look: values and pipeline, not bypass"""
    bridge = field.bridge
    field.expect(bridge.set(**LOOK, bypass=True) == 200, "the look cannot be set")
    sleep(0.5)
    field.expect(bridge.end() == 0, "it ends with another status than 0")
    bridge.start()
    for name, value in LOOK.items():
        holds(field, name, value)
    holds(field, "bypass", False)


@attack(stands=15.0, ends=True, whole=True)
def crash(field: Field) -> None:
    """SIGKILL and a new start keep the look"""
    bridge = field.bridge
    field.expect(bridge.set(**LOOK) == 200, "the look cannot be set")
    sleep(0.5)
    bridge.kill()
    bridge.start()
    for name, value in LOOK.items():
        holds(field, name, value)


@attack(stands=40.0, ends=True)
def journals(field: Field) -> None:
    """A journal of 200 KB of brackets, of wrong types; a folder in its place"""
    bridge = field.bridge
    journal = bridge.folder / f"{bridge.name}.journal.json"
    odd = b'{"values": {"vace_scale": [], "mix": {}, "prompt": 7, "size": "x"}, "pipeline": []}'
    for content in (b"[" * 200_000, odd, None):
        bridge.end()
        journal.unlink(missing_ok=True)
        if content is None:
            journal.mkdir()
        else:
            journal.write_bytes(content)
        what = "a folder" if content is None else repr(content[:12])
        began = perf_counter()
        try:
            bridge.start()
        except RuntimeError as error:
            field.expect(False, f"a journal of {what} keeps it from its start: {str(error)[-150:]}")
            continue
        field.expect(perf_counter() - began < 15, f"a journal of {what} makes the start long")
        field.goes_on(f"a start with a journal of {what}", 15)
    if journal.is_dir():
        journal.rmdir()
