"""Spout checks of `spout-bridge doctor`: who sends, and whether frames get through."""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bridge.doctor.check import Check
from bridge.doctor.loopback import FIRST, loop
from bridge.settings import Settings
from bridge.transports import Options, open_source
from bridge.transports.spout.registry import Sender, senders

SIZES = ((1280, 720), (1920, 1080))
COUNT = 61  # frames of each size; the first is not timed
VERBOSE = 1  # the most verbose level of Spout's log

# Copies of each frame, by the method that the transport reports.
OUT = {
    "GPU texture": "3 copies: pixel buffer, OpenGL texture, shared texture",
    "CPU share": "2 copies: staging texture, shared texture",
}
BACK = {
    "GPU texture": "2 copies: OpenGL texture, memory",
    "CPU share": "3 copies: staging texture, OpenGL texture, memory",
    "CPU, no OpenGL: one frame late": "3 copies: staging texture, memory, memory",
}


def spout(settings: Settings) -> Iterator[Check]:
    """All checks; Spout's own log is kept meanwhile."""
    if not find_spec("SpoutGL"):
        return  # reported already, with the cure
    path = settings.folder / "spout.log"
    trouble = _keep_log(path)
    yield _counting()
    yield from _tried("OpenGL", _opengl)
    there = senders()
    if not there:
        yield Check("sender", "none now")
    for sender in there:
        yield from _tried("sender", partial(_sender, sender))
    for width, height in SIZES:
        yield from _tried(f"{width}x{height}", partial(_loopback, width, height))
    yield Check("Spout's log", trouble or f"{path}, {_lines(path)} lines")


def _tried(name: str, find: Callable[[], list[Check]]) -> list[Check]:
    """The findings, in a thread of their own: an OpenGL context belongs to one thread."""
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(find).result()
    except Exception as error:  # noqa: BLE001 - a driver's errors are what this looks for
        problem = f"{name} failed ({error}): update the graphics driver, and report it."
        return [Check(name, "failed", problem)]


def _keep_log(path: Path) -> str:
    """Have Spout log what it does; why it cannot, or empty."""
    try:
        place = import_module("SpoutGL").__file__ or ""
        library = ctypes.CDLL(str(Path(place).with_name("Spout.dll")))
        library["?SetSpoutLogLevel@spoututils@@YAXW4SpoutLogLevel@1@@Z"](VERBOSE)
        library["?EnableSpoutLogFile@spoututils@@YAXPEBD_N@Z"](str(path).encode("mbcs"), False)
    except (OSError, ImportError, AttributeError) as error:
        return f"not kept: {error}"
    return ""


def _lines(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _counting() -> Check:
    winreg: Any = import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, r"Software\Leading Edge\Spout") as key:
            on = winreg.QueryValueEx(key, "Framecount")[0]
    except OSError:
        on = 0
    told = "on: new frames detected without a copy" if on else "off: every check costs a copy"
    return Check("Framecount", told)


def _opengl() -> list[Check]:
    receiver: Any = import_module("SpoutGL").SpoutReceiver()
    if not receiver.createOpenGL():
        return [Check("OpenGL", "none: frames go through the CPU")]
    try:
        found = str(import_module("bridge.transports.spout.gl").renderer())
    finally:
        receiver.closeOpenGL()
    problem = (
        "OpenGL has no graphics driver: install the GPU's driver, and start the bridge on the "
        "machine itself, not through a remote desktop."
    )
    return [Check("OpenGL", found, problem if found.startswith("GDI Generic") else "")]


def _sender(sender: Sender) -> list[Check]:
    """What another program sends, and whether it arrives."""
    with open_source(f"spout:{sender.name}", Options()) as source:
        way = _way(source.status, BACK) if source.receive(FIRST) else "no frame arrived"
        problem = source.problem
    form = f"{sender.width}x{sender.height} {sender.format_name}"
    value = f"{sender.name}, {form}, {sender.owner or 'unknown'}, {way}"
    return [Check("sender", value, problem)]


def _loopback(width: int, height: int) -> list[Check]:
    """Frames of one size from this program to itself."""
    size = f"{width}x{height}"
    passage = loop(f"spout:Doctor{os.getpid()}", width, height, COUNT)
    if not passage.sent:
        return [Check(size, "no frame came back", _other_gpu())]
    bad = (
        f"Only {passage.exact} of {COUNT} frames of {size} came back through Spout as sent: "
        "update the graphics driver, and report it with Spout's log."
    )
    return [
        Check(f"{size} out", _told(passage.out, OUT, passage.sent)),
        Check(f"{size} back", _told(passage.back, BACK, passage.received)),
        Check(
            f"{size} bytes",
            f"identical in {passage.exact} of {COUNT} frames",
            bad if passage.exact < COUNT else "",
        ),
    ]


def _told(status: str, ways: Mapping[str, str], times: Sequence[float]) -> str:
    way = _way(status, ways)
    p50, p95 = 1e3 * np.percentile(times, (50, 95))
    return f"{way}, p50 {p50:.1f} ms, p95 {p95:.1f} ms; {ways.get(way, 'unknown')}"


def _way(status: str, ways: Mapping[str, str]) -> str:
    """The method that the transport reports."""
    return next((way for way in ways if status.endswith(way)), status)


def _other_gpu() -> str:
    # In a virtual environment, the program that runs is the Python it was made from.
    program = getattr(sys, "_base_executable", sys.executable)
    return (
        "Frames do not come back through Spout, probably because OpenGL runs on another GPU than "
        f"Direct3D: set {program}, and the programs it works with, to the same GPU in "
        "Windows' graphics settings (System, Display, Graphics)."
    )
