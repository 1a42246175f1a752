"""`spout-bridge bench relay`: what an engine on another machine costs beyond its codec.

Frames go by a bridge, its relay and a server to an engine and back, all on this machine and in
processes of their own, seen by a program outside. The engine passes frames on unchanged. Beside it
the least that there can be: two processes that do nothing but encode, send and decode both ways,
with the same codec and one WebSocket (`engine/bench/there_and_back.py`).
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from bridge.cli.bench import Figure, quantiles
from bridge.cli.probe import ROOT, Program, Seen, Started, cards, probe
from engine.catalog.rows import BUILT_IN, ENTRY_POINTS

FPS = 30.0
CARDS = 16  # images in turn, that the codec has work
BARE = "engine.bench.there_and_back"  # the module
AIM = 0.005  # seconds beyond the bare loop
# Passes on what it gets, as passthrough does, but in a worker.
ROW = replace(
    next(row for row in BUILT_IN if row.direct), id="bench-relay", title="For `bench relay`",
    direct=False,
)  # fmt: skip


def measure(size: tuple[int, int], coding: str, seconds: float) -> Iterator[Figure]:
    """All figures; about twice `seconds`. The bare loop is measured before and after ours."""
    before = _bare(size, coding, seconds / 2)
    ours = _ours(size, coding, seconds)
    after = _bare(size, coding, seconds / 2)
    least = Seen(before.delays + after.delays, sent=before.sent + after.sent)
    mine, theirs = (quantiles(seen.delays, 0.5, 0.99) for seen in (ours, least))
    for place, name in enumerate(("median", "p99")):
        yield Figure(f"there and back: {name}", _ms(mine[place]), "", _ms(theirs[place]))
    yield Figure("beyond the bare loop: median", _ms(mine[0] - theirs[0]), _ms(AIM))
    yield Figure("frames lost", _lost(ours), "", _lost(least))
    near, far = ((one + other) / 2 for one, other in zip(before.costs, after.costs, strict=True))
    bridge, relay, server, engine = ours.costs
    yield Figure("bridge, of a core", f"{bridge:.1%}")
    yield Figure("relay, of a core", f"{relay:.1%}", "", f"{near:.1%}")
    yield Figure("server, of a core", f"{server:.1%}", "", f"{far:.1%}")
    yield Figure("engine, of a core", f"{engine:.1%}")


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms"


def _lost(seen: Seen) -> str:
    return f"{seen.sent - len(seen.delays)} of {seen.sent}"


def _ours(size: tuple[int, int], coding: str, seconds: float) -> Seen:
    """What the probe sees of a bridge whose engine is behind a server."""
    given, shown = (f"bench-relay-{way}-{os.getpid()}" for way in ("in", "out"))
    wide = "x".join(map(str, size))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        path = (_plug_in(folder / "plug-in"), Path(ROOT), *_python_path())
        data = ("--port", "0", "--folder", str(folder / "server"), "--drain", "0.1")
        server = Program(folder, ("serve", *data), "Engines at ws", path)
        stack.callback(server.close)
        server.serve()
        how = ("--source", f"shm:{given}", "--output-size", wide, "--pipeline", ROW.id, "--fresh",
               "--engine", f"ws://127.0.0.1:{server.port}", "--engine-coding", coding)  # fmt: skip
        bridge = Started(folder, shown, how, path)
        stack.callback(bridge.close)
        bridge.serve()
        return probe(
            given, shown, *size, seconds, fps=FPS, pid=bridge.pid, beside=server.pid, count=CARDS,
            ready=lambda: bridge.ask("state")["frames_new"],
        )  # fmt: skip


def _plug_in(folder: Path) -> Path:
    """A folder in which Python finds `ROW` as it finds those of installed plug-ins."""
    about = folder / "bench_relay-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-relay\nVersion: 1\n")
    point = f"{ROW.id} = {__name__}:ROW"
    (about / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\n{point}\n")
    return folder


def _python_path() -> Sequence[Path]:
    return [Path(part) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]


def _bare(size: tuple[int, int], coding: str, seconds: float) -> Seen:
    """The same frames by two processes that do nothing else; `costs` are theirs."""
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.npy"
        np.save(images, cards(*size, CARDS))
        command = [sys.executable, "-m", BARE, str(images), str(FPS), coding, str(seconds)]
        done = subprocess.run(command, capture_output=True, check=True)
    told = json.loads(done.stdout)
    return Seen(told["delays"], sent=len(told["delays"]), costs=told["costs"])
