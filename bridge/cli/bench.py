"""`spout-bridge bench bridge`: cost and robustness of the bridge on this machine.

Every speed is a ratio within one run; absolute times apply only to the machine that printed them.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bridge.cli.arguments import FIGURES
from bridge.cli.probe import Seen, Started, memcpy, probe
from bridge.control.http.streams import Streams
from bridge.control.osc.server import OscServer
from bridge.errors import UsageError
from bridge.frames.frame import Frame
from bridge.session import Session
from bridge.settings import Settings
from bridge.state.catalog import installed_catalog
from bridge.state.controls import all_specs
from bridge.state.store import ParameterStore
from bridge.transports.pattern import draw
from bridge.workers.client import WorkerClient, WorkerConfig, WorkerPlace
from engine.ipc.segments import PREFIX, folder
from engine.system.texts import did_you_mean

console = Console()

LONG = {"4k"}  # only when asked for
SETS = 500  # of a parameter, timed together


LIMIT = (
    "limit here: the least relay there can be, which copies each frame once and sends it at once, "
    "or what the row says"
)
AIMS = {720: ("", ""), 1080: ("the least relay + 2 ms", "15%")}  # of latency, of a core


@dataclass(frozen=True)
class Figure:
    """One line of the result: ours, what it should be, and what no program can do better here."""

    name: str
    value: str
    aim: str = ""
    limit: str = ""


def bench(only: Sequence[str], seconds: float, *, full: bool = False) -> None:
    """Run the named benchmarks (all by default, without 4K unless `full`) and print a table."""
    logging.getLogger("bridge").setLevel(logging.CRITICAL)  # these crashes are intended
    names = only or [name for name in BENCHES if full or name not in LONG]
    for name in names:
        if name not in BENCHES:
            choose = f"choose {', '.join(BENCHES)}.{did_you_mean(name, BENCHES)}"
            raise UsageError(f"--only: unknown figure {name!r:.80}; {choose}")
    groups = ((name, BENCHES[name](seconds)) for name in names)
    show("bench bridge", groups, note=LIMIT)


def show(
    title: str,
    figures: Iterable[tuple[str, Iterable[Figure]]],
    limit: str = "limit here",
    note: str | None = None,
) -> None:
    """Print figures as they are measured, each group under a name, then a table of all; `limit` is
    what stands beside ours, and `note` below the table says more.
    """
    table = Table("figure", "ours", limit, "aim", title=f"spout-bridge {title}", caption=note)
    for name, group in figures:
        console.print(f"{name} …", style="dim")
        for figure in group:
            table.add_row(figure.name, figure.value, figure.limit, figure.aim)
            console.print(f"  {figure.name}: {figure.value}", style="dim")
    console.print(table)


@contextmanager
def _session(**settings: Any) -> Generator[Session]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        name = f"Bench{os.getpid()}"
        chosen: dict[str, Any] = {"name": name, "folder": Path(folder), "osc_feedback": ()}
        chosen |= settings
        session = Session(Settings(**chosen), installed_catalog())
        session.start()
        try:
            yield session
        finally:
            session.stop()


def _wait(true: Callable[[], object], seconds: float = 60) -> float:
    began = perf_counter()
    while not true():
        if perf_counter() - began > seconds:
            raise TimeoutError("The bridge did not respond in time.")
        time.sleep(0.002)
    return perf_counter() - began


def _running(session: Session) -> float:
    return _wait(lambda: session.status().state == "RUNNING")


def quantiles(values: list[float], *at: float) -> list[float]:
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in at]


def latency(seconds: float, sizes: Sequence[int] = (720, 1080)) -> Iterator[Figure]:
    """Frames through passthrough, shared memory to shared memory, at 60 a second: latency and cost,
    seen by a program outside, beside the least relay there can be. `sizes` are heights.
    """
    for height in sizes:
        width, name = height * 16 // 9, f"{height}p60"
        ours, least = (_through(width, height, seconds, relayed=it) for it in (False, True))
        aims = AIMS.get(height, ("", ""))
        mine, theirs = (quantiles(seen.delays, 0.5, 0.99) for seen in (ours, least))
        yield Figure(f"{name}: input to output, median", _ms(mine[0]), aims[0], _ms(theirs[0]))
        yield Figure(f"{name}: input to output, p99", _ms(mine[1]), "", _ms(theirs[1]))
        came, all_came = (f"{len(seen.delays) / seen.sent:.1%}" for seen in (ours, least))
        yield Figure(f"{name}: frames that arrived", came, "", all_came)
        yield Figure(f"{name}: bridge, of a core", f"{ours.bridge:.0%}", aims[1],
                     f"{least.bridge:.0%}")  # fmt: skip
        yield Figure(f"{name}: worker, of a core", f"{ours.worker:.0%}")
        rate = f"{2 * 4e-9 * width * height / ours.memcpy:.0f} GB/s"
        yield Figure(f"{name}: one copy in memory", "", "", f"{_ms(ours.memcpy)}, {rate}")


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms"


def large(seconds: float) -> Iterator[Figure]:
    """The same at 4K."""
    yield from latency(seconds, (2160,))


def _through(width: int, height: int, seconds: float, *, relayed: bool) -> Seen:
    """What the probe sees of passthrough in a bridge of its own, or of the least relay."""
    given, shown = (f"bench-{way}-{os.getpid()}" for way in ("in", "out"))
    if relayed:
        command = [sys.executable, "-m", "bridge.cli.probe", "relay", given, shown]
        with subprocess.Popen(command) as process:
            try:
                return probe(given, shown, width, height, seconds, fps=60, pid=process.pid)
            finally:
                process.terminate()
    with _process(given, shown, width, height) as bridge:
        return probe(given, shown, width, height, seconds, fps=60, pid=bridge.pid)


@contextmanager
def _process(given: str, shown: str, width: int, height: int) -> Generator[Started]:
    how = ("--source", f"shm:{given}", "--output-size", f"{width}x{height}", "--fresh")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bridge = Started(Path(folder), shown, (*how, "--pipeline", "passthrough"))
        try:
            yield bridge
        finally:
            bridge.close()


def idle(seconds: float) -> Iterator[Figure]:
    """What a bridge costs while its input stands still."""
    given, shown = (f"bench-{way}-{os.getpid()}" for way in ("in", "out"))
    with _process(given, shown, 1920, 1080) as bridge:
        seen = probe(given, shown, 1920, 1080, seconds, fps=0, pid=bridge.pid)
    share = f"{seen.bridge + seen.worker:.1%}"
    yield Figure("1080p, still input: both processes, of a core", share, "2%")


def border(seconds: float) -> Iterator[Figure]:
    """The worker's border alone: from a frame granted until its image is here, through a worker
    that only passes it on.
    """
    for width, height in ((1280, 720), (1920, 1080)):
        times = _crossings(width, height, seconds / 2)
        p50, p99 = map(_ms, quantiles(times, 0.5, 0.99))
        name = f"{height}p: across the worker's border, median, p99"
        aim = "0.6 ms" if height == 720 else ""
        copies = f"{_ms(2 * memcpy(width, height))}, two copies"
        yield Figure(name, f"{p50}, {p99}", aim, copies)


def _crossings(width: int, height: int, seconds: float) -> list[float]:
    row, image = installed_catalog().rows["passthrough"], draw("bench", width, height, 0)
    orders = WorkerConfig(row=row, load=row.load(), hang_s=10, load_s=60)
    times: list[float] = []
    heard = threading.Event()  # as the output is woken: by the worker's messages
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = WorkerPlace(assets=Path(folder), models=Path(folder))
        worker = WorkerClient(orders, place, lambda client, news: heard.set())
        worker.start(1, {})
        try:
            _answered(worker, heard, [])  # a request for parameters
            until = perf_counter() + seconds
            while perf_counter() < until or len(times) < 20:
                frame = Frame(image, perf_counter(), len(times))
                times.append(_answered(worker, heard, [frame]))
        finally:
            worker.kill()
            worker.join(10)
    return times[1:]  # the first makes the ring


def _answered(worker: WorkerClient, heard: threading.Event, frames: list[Frame]) -> float:
    """Seconds from answering the worker's request with a frame until its image is here."""
    if not worker.requests.wait(1, 60):
        raise TimeoutError(f"The worker requests no frame: {worker.error}")
    worker.requests.take(1)
    began = perf_counter()
    worker.grant(frames, None, "cover")
    while frames and not (worker.ring and worker.ring.next(borrowed=True)):
        if not heard.wait(60):
            raise TimeoutError("The worker gives no image.")
        heard.clear()
    return perf_counter() - began


def kills(seconds: float) -> Iterator[Figure]:
    """`kill -9` of the worker, ten times: longest gap, black frames, recovery time."""
    with _session(source="demo:", sink="null:", pipeline="stylize", settle_s=0.5) as session:
        clean = _running(session)
        back: list[float] = []
        for _ in range(10):
            time.sleep(1.0)
            worker = session.status().worker
            psutil.Process(worker).kill()
            back.append(_wait(lambda gone=worker: session.status().worker not in (0, gone)
                              and session.status().state == "RUNNING"))  # fmt: skip
        status = session.status()
    yield Figure("stylize: start to first frame", f"{clean:.2f} s")
    ratio = max(back) / clean
    yield Figure(
        "kill -9 ten times: slowest recovery", f"{max(back):.2f} s = {ratio:.1f} starts", "3"
    )
    yield Figure("kill -9 ten times: longest gap", f"{status.longest_gap:.0f} ms", "250 ms")
    yield Figure("kill -9 ten times: black frames", f"{status.black_frames}", "0")


def share(seconds: float) -> Iterator[Figure]:
    """Frames generated per second through the whole bridge, compared with the bare generator."""
    for size in ("256x256", "320x576", "512x512"):
        bare = [1 / cost for cost in _bare(size, seconds / 2)]
        with _session(source="demo:", sink="null:", pipeline="stylize", size=size) as session:
            _running(session)
            time.sleep(1)
            began, first = perf_counter(), session.status().frames_new
            blocks = session._host.current.block.made if session._host.current else 0  # pyright: ignore[reportPrivateUsage]  # no surface shows it
            time.sleep(seconds)
            took = perf_counter() - began
            link = session._host.current  # pyright: ignore[reportPrivateUsage]  # no surface shows it
            made = (link.block.made if link else 0) - blocks
            shown = session.status().frames_new - first
        bare += [1 / cost for cost in _bare(size, seconds / 2)]
        alone = quantiles(bare, 0.5)[0]
        yield Figure(
            f"stylize {size}: through the bridge / bare generator",
            f"{made / took:.1f} / {alone:.1f} fps = {made / took / alone:.2f}, "
            f"shown {shown / took:.1f}",
            "0.85",
        )


def _bare(size: str, seconds: float) -> list[float]:
    """Seconds for each frame of the generator alone, in a separate process."""
    code = (
        "import json,sys;from engine.bench.stylize import bare;"
        "json.dump(bare(*map(int, sys.argv[1].split('x')), float(sys.argv[2])), sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, size, str(seconds)], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def osc(seconds: float) -> Iterator[Figure]:
    """Time from an OSC message to a frame made with it."""
    from pythonosc.udp_client import SimpleUDPClient

    with _session(source="demo:", sink="null:", pipeline="stylize", size="256x256") as session:
        server = OscServer(session, session.settings)
        server.bind(0)
        server.start()
        try:
            _running(session)
            client = SimpleUDPClient("127.0.0.1", server.port)
            delays: list[float] = []
            for step in range(int(max(20, 4 * seconds))):
                before = session.store.snapshot.number
                client.send_message("/bridge/vace", 0.5 + (step % 50) / 100)
                delays.append(_wait(lambda old=before: session.status().snapshot > old))
                time.sleep(0.05)
        finally:
            server.close()
    p50, p95 = (1e3 * value for value in quantiles(delays, 0.5, 0.95))
    yield Figure(
        "OSC message to frame shown, stylize 256x256: p50, p95", f"{p50:.0f}, {p95:.0f} ms"
    )


def setting(seconds: float) -> Iterator[Figure]:
    """Cost of setting one parameter, in time of the thread that sets it: checked, stored, and
    reported to all listeners.
    """
    alone = ParameterStore(all_specs(installed_catalog()))
    yield Figure("set a parameter: stored", f"{_setting(alone, 'mix'):.1f} µs")
    for pipeline, name in (("passthrough", "mix"), ("stylize", "vace_scale")):
        chosen = {"pipeline": pipeline, "size": "64x64", "osc_feedback": ("127.0.0.1:9",)}
        with _session(source="demo:", sink="null:", **chosen) as session:
            _running(session)
            told = _setting(session.store, name)
            server = OscServer(session, session.settings)
            server.bind(0)
            server.start()
            try:
                Streams(session)  # listens from now on
                whole = _setting(session.store, name)
            finally:
                server.close()
        yield Figure(f"set a parameter: in a session of {pipeline}", f"{told:.1f} µs")
        yield Figure(f"set a parameter: with OSC and pages of {pipeline}",
                     f"{whole:.1f} µs", "30 µs")  # fmt: skip


def _setting(store: ParameterStore, name: str) -> float:
    """Microseconds to set a parameter to another value; the best of several tries."""
    times: list[float] = []
    for _ in range(10):
        began = thread_time()
        for step in range(SETS):
            store.update({name: (step + 1) / SETS})
        times.append(1e6 * (thread_time() - began) / SETS)
    return min(times)


def soak(seconds: float) -> Iterator[Figure]:
    """Resources of both processes: at the end, compared with minute 2 (earlier in a short run)."""
    with _session(source="demo:", sink="null:", pipeline="stylize") as session:
        _running(session)
        processes = [psutil.Process(), psutil.Process(session.status().worker)]
        time.sleep(min(120.0, max(10.0, seconds)))
        before, segments = [_held(process) for process in processes], _segments()
        time.sleep(max(30.0, 3 * seconds))
        after = [_held(process) for process in processes]
        yield Figure("soak: segments of shared memory", f"{segments} → {_segments()}", "flat")
    for name, old, new in zip(("bridge", "worker"), before, after, strict=True):
        yield Figure(
            f"soak: {name}: memory, descriptors, threads",
            f"{old[0]:.1f} → {new[0]:.1f} MB, {old[1]} → {new[1]}, {old[2]} → {new[2]}",
            "flat",
        )


def _held(process: psutil.Process) -> tuple[float, int, int]:
    counter: Any = getattr(process, "num_fds", None) or getattr(process, "num_handles", None)
    count = int(counter())
    return process.memory_info().rss / 1e6, count, process.num_threads()


def _segments() -> int:
    return len(list(folder().glob(PREFIX + "*")))


def pacing(seconds: float) -> Iterator[Figure]:
    """How evenly generated frames are sent: the spread of the times between new ones."""
    with _session(source="demo:", sink="null:", pipeline="stylize") as session:
        _running(session)
        time.sleep(1)
        times: list[float] = []
        shown = session.status().frames_new
        until = perf_counter() + seconds
        while perf_counter() < until:
            _wait(lambda old=shown: session.status().frames_new != old)
            shown = session.status().frames_new
            times.append(perf_counter())
    gaps = [1e3 * (b - a) for a, b in pairwise(times)]
    p5, p50, p95 = quantiles(gaps, 0.05, 0.5, 0.95)
    yield Figure(
        "stylize: time between new frames p5, p50, p95", f"{p5:.0f}, {p50:.0f}, {p95:.0f} ms"
    )


BENCHES: dict[str, Callable[[float], Iterator[Figure]]] = dict(
    zip(
        FIGURES,
        (latency, large, border, idle, share, pacing, kills, osc, setting, soak),
        strict=True,
    )
)
