"""Import, start, play and restore: what may differ from one Python to the next.

`python -W error -m tests.smoke`, in an environment with the program alone: no pytest, no extra.
"""

import importlib
import json
import os
import pkgutil
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from pythonosc.osc_message_builder import OscMessageBuilder

from tests.attack.reader import Reader

COMMAND = [sys.executable, "-m", "bridge.cli"]
OPTIONAL = {  # of an extra, or of Windows
    "torch", "diffusers", "transformers", "safetensors", "huggingface_hub", "httpx2", "tokenizers",
    "ftfy", "openvino", "aiortc", "ray", "SpoutGL", "OpenGL", "winreg", "msvcrt",
}  # fmt: skip
SOON = 60.0  # seconds for what takes one or two
NAME = f"smoke{os.getpid()}"


def imports() -> int:
    """Import every module of both packages; how many could be without an extra."""
    done = 0
    for package in ("bridge", "engine"):
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if module.name.endswith("__main__"):
                continue
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if (error.name or "").partition(".")[0] not in OPTIONAL:
                    raise
            else:
                done += 1
    return done


def helps() -> int:
    """`--help` of the program and of every command; how many commands there are."""
    text = _output("--help")
    commands = re.findall(r"^ {4}(\w+) ", text.partition("commands:")[2], re.MULTILINE)
    assert "run" in commands, text
    for command in commands:
        assert _output(command, "--help").startswith("usage:"), command
    return len(commands)


def _output(*arguments: str) -> str:
    return subprocess.run([*COMMAND, *arguments], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "COLUMNS": "100"}).stdout  # fmt: skip


class Bridge:
    """A running one."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self._port = process, port

    def ask(self, path: str) -> dict:
        url = f"http://127.0.0.1:{self._port}/api/v1/{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def until(self, true: Callable[[dict], bool]) -> dict:
        """Wait for a state."""
        end = time.monotonic() + SOON
        while not true(state := self.ask("state")):
            assert time.monotonic() < end, state
            time.sleep(0.05)
        return state

    def osc(self, address: str, value: object = None) -> None:
        message = OscMessageBuilder(address)
        if value is not None:
            message.add_arg(value)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(message.build().dgram, ("127.0.0.1", self._port))


@contextmanager
def running(folder: Path):
    """`run`, ended as by Ctrl-C."""
    options = ["--port", "0", "--folder", str(folder), "--osc-feedback", "none", "--name", NAME,
               "--source", "demo:", "--sink", f"shm:{NAME}", "--output-size", "320x180",
               "--size", "160x96"]  # fmt: skip
    process = subprocess.Popen([*COMMAND, "run", *options], stderr=subprocess.PIPE, text=True)
    assert process.stderr
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if match := re.search(r"page +http://[^:]+:(\d+)", line):
                yield Bridge(process, int(match[1]))
                break
        else:
            raise AssertionError("".join(lines))
        process.send_signal(signal.SIGINT)
        lines.append(process.communicate(timeout=SOON)[1])
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, "".join(lines)
    assert "Traceback" not in "".join(lines), "".join(lines)


def plays(folder: Path) -> int:
    """New pictures by `stylize`, seen by a stranger in shared memory; how many he saw."""
    with running(folder) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING" and state["frames_new"] > 10)
        assert state["pipeline"] == "stylize", state
        reader = Reader(NAME)
        end = time.monotonic() + SOON
        while (seen := reader.figures()).rises < 10:
            assert time.monotonic() < end, seen
            reader.look()
            time.sleep(0.002)
        assert (seen.width, seen.height, seen.black) == (320, 180, 0), seen
        bridge.osc("/bridge/kill_engine")
        bridge.until(lambda state: state["restarts"] == 1 and state["state"] == "RUNNING")
        bridge.osc("/bridge/prompt", "gold circles")
        bridge.until(lambda state: state["notes"].get("words_used") == ["gold", "circles"])
    return seen.frames


def remembers(folder: Path) -> str:
    """The journal of that run, restored by another; the prompt."""
    journal = json.loads((folder / f"{NAME}.journal.json").read_text("utf-8"))
    assert journal["ended"] is True, journal
    with running(folder) as bridge:
        bridge.until(lambda state: state["notes"].get("words_used") == ["gold", "circles"])
        return bridge.ask("parameters")["prompt"]


def main() -> None:
    print(f"Python {sys.version.partition(' ')[0]}: {imports()} modules imported")
    print(f"{helps()} commands told their options")
    with tempfile.TemporaryDirectory() as folder:
        print(f"{plays(Path(folder))} pictures seen in shared memory")
        prompt = remembers(Path(folder))
        assert prompt == "gold circles", prompt
        print(f"the prompt {prompt!r} came back with the journal")


if __name__ == "__main__":
    main()
