"""`spout-bridge doctor`: what a bug report needs, what does not work on this machine, and why."""

import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import psutil
from rich.console import Console

from bridge import __version__
from bridge.doctor.card import PIPELINES, card
from bridge.doctor.check import Check
from bridge.doctor.elsewhere import engines
from bridge.errors import ExitStatus
from bridge.settings import Settings
from bridge.system.ports import refusal
from bridge.system.processes import speaking_utf8
from engine.ipc.segments import folder
from engine.system import commit, held, loading
from engine.system.installation import pip

# Modules imported, and the package that provides each.
NEEDED = {"numpy": "numpy", "cv2": "opencv-python-headless", "av": "av",
          "onnxruntime": "onnxruntime"}  # fmt: skip
SPOUT = {"SpoutGL": "SpoutGL", "OpenGL": "PyOpenGL"}
EXTRAS = ("torch", "openvino")
PICTURES = 12  # frames in shared memory at once: of the sink, a worker's two rings, a switch
PATIENCE = 30.0  # seconds for another program's answer; a cold start may take long


def doctor(settings: Settings, *, as_json: bool = False) -> ExitStatus:
    """Print each finding as it is made; the exit status."""
    if as_json:
        found = [*_findings(settings)]
        sys.stdout.write(json.dumps([asdict(finding) for finding in found], indent=2) + "\n")
        return ExitStatus.FAILED if any(f.problem for f in found) else ExitStatus.DONE
    return report(_findings(settings))


def report(findings: Iterable[Check]) -> ExitStatus:
    """Print each finding as it is made, then the problems; the exit status."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    found: list[Check] = []
    for finding in findings:
        console.print(f"{finding.name:<16} {finding.value}")
        found.append(finding)
    console.print()
    # each once: two sizes may share one
    problems = dict.fromkeys(finding.problem for finding in found if finding.problem)
    lacks = next((finding.lacks for finding in found if finding.name == PIPELINES), "")
    if not problems:
        console.print(f"No problems found, but {lacks}" if lacks else "No problems found.")
        return ExitStatus.DONE
    if lacks:
        console.print(f"Not ready: {lacks}")
    for problem in problems:
        console.print(f"Problem: {problem}", style="red")
    return ExitStatus.FAILED


def _findings(settings: Settings) -> Iterator[Check]:
    yield Check("spout-bridge", __version__)
    yield Check("Python", f"{platform.python_version()}, {sys.executable}")
    yield Check("system", f"{platform.platform()} on {platform.machine()}")
    yield from _packages()
    yield from _runtime()
    yield from _machine(settings)
    yield _port(settings)
    yield writable("folder", settings.folder)
    if settings.engines:
        yield from engines(settings)
    else:
        yield from card(settings)
    if sys.platform == "win32":
        from bridge.doctor.spout import spout

        yield from spout(settings)


def _packages() -> Iterator[Check]:
    """Every package that matters, not imported: that could take seconds, or fail."""
    found = packages_distributions()
    needed = {**NEEDED, **SPOUT} if sys.platform == "win32" else NEEDED
    for name in (*NEEDED, *SPOUT, *EXTRAS):
        packages = sorted(set(found.get(name, [])))
        there = ", ".join(f"{package} {version(package)}" for package in packages)
        problem = ""
        if name in needed and not there:
            problem = f"{name} is missing: install it with `{pip()} install {needed[name]}`."
        yield Check(name, there or "not installed", problem)


def _runtime() -> Iterator[Check]:
    """Whether packages with native libraries load, tried in another process: the bridge itself
    never loads onnxruntime, and must not crash here on what it does load.
    """
    for name in ("cv2", "av"):
        if find_spec(name):
            status, text = _answer(sys.executable, "-P", "-c", f"import {name}")
            if status:
                yield Check(f"{name} loads", "no", _refused(name, text))
    if not find_spec("onnxruntime"):
        return
    code = "import onnxruntime; print(', '.join(onnxruntime.get_available_providers()))"
    status, text = _answer(sys.executable, "-P", "-c", code)
    problem = _refused("onnxruntime", text) if status else ""
    yield Check("onnxruntime has", "nothing: it does not load" if status else text, problem)


def _refused(name: str, text: str) -> str:
    return f"{name} is installed but does not load ({text}): {loading.cure()}."


def _machine(settings: Settings) -> Iterator[Check]:
    memory = psutil.virtual_memory()
    yield Check("processors", f"{os.cpu_count()}")
    more = commit.left()
    told = "" if more is None else f", {_gb(more)} available with the page file"
    yield Check("memory", f"{_gb(memory.available)} free of {_gb(memory.total)}{told}")
    # Windows has no separate store for it: it is ordinary memory.
    free = memory.available if sys.platform == "win32" else shutil.disk_usage(folder()).free
    width, height = settings.output
    problem = (
        f"Shared memory has {_gb(free)} free, too little for frames of {width}x{height}: choose a "
        "smaller --output-size, or enlarge it (docker run --shm-size 1g)."
    )
    small = free < PICTURES * width * height * 4
    yield Check("shared memory", f"{_gb(free)} free", problem if small else "")


def _port(settings: Settings) -> Check:
    host = "0.0.0.0" if settings.lan else settings.host
    problem = refusal(host, settings.port)
    if problem and (state := bridge_at(settings.port)):
        kept = ("state", "reason", "pipeline", "source", "sink", "fps", "error")
        told = ", ".join(f"{name} {state[name]}" for name in kept if state.get(name))
        return Check("port", f"{settings.port} is in use by a running bridge: {told}")
    return Check("port", f"{settings.port} is {'in use' if problem else 'free'}", problem)


def bridge_at(port: int) -> dict[str, Any]:
    """The state of the bridge at a port; empty if there is none."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/api/v1/state", timeout=2) as answer:
            state = json.load(answer)
    except (OSError, ValueError):
        return {}
    # cast: JSON has no other keys
    return cast("dict[str, Any]", state) if isinstance(state, dict) and "sink" in state else {}


def writable(setting: str, path: Path) -> Check:
    """Whether files can be written to the folder that this setting chooses."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".{os.getpid()}.probe"
        probe.write_bytes(b"")
        held.remove(probe)
    except OSError as error:
        why = f"The folder {path} is not writable ({error.strerror})"
        return Check(setting, f"{path}", f"{why}: choose another with --{setting}.")
    # Python from Microsoft's Store sees its own folder in place of AppData.
    real = path.resolve()
    there = f"{path}, actually {real}" if real != path.absolute() else f"{path}"
    return Check(setting, f"{there}, {_gb(shutil.disk_usage(path).free)} free")


def _answer(*command: str) -> tuple[int, str]:
    """A program's exit status, and its output in one line, or the last line of its errors."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE, env=speaking_utf8())
    except (OSError, subprocess.TimeoutExpired) as error:
        return -1, str(error)
    printed = (done.stderr if done.returncode else done.stdout).decode(errors="replace")
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return done.returncode, (lines or [""])[-1] if done.returncode else "; ".join(lines)


def _gb(size: float) -> str:
    return f"{size / 1e9:.1f} GB"
