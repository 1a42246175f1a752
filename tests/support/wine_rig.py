"""The Windows Python under Wine, for tests on the Linux side: the rig, its programs, a bridge.

`tests/wine/setup` builds the rig; what it can and cannot prove is in tests/wine/README.md.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import perf_counter

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

RIG = Path(__file__).parents[1] / "wine"
BRIDGE = "import shim; from bridge.cli import main; main()"
NO_PYTHON_313 = 3  # exit status of `setup --liru`


def windows(path: Path) -> str:
    """A Linux path as the Windows Python has it."""
    return f"Z:{path.resolve()}"


@cache
def built() -> bool:
    """Build the rig if need be; whether the foreign sender's Python is part of it."""
    liru = subprocess.run([RIG / "setup", "--liru"], check=False).returncode
    if liru == NO_PYTHON_313:
        subprocess.run([RIG / "setup"], check=True)
    else:
        assert liru == 0
    return liru == 0


@pytest.fixture(scope="session", autouse=True)
def rig():
    """The rig, built where CI runs or where Wine is, and one Wine server for all tests."""
    if shutil.which("wine") is None and not os.environ.get("CI"):
        pytest.skip("the rig is not built: run tests/wine/setup --liru")
    built()
    os.environ["WINE_RIG_KEEP"] = "1"
    yield
    os.environ.pop("WINE_RIG_KEEP", None)
    subprocess.run([RIG / "wine-python", "--stop"], check=False)


def start(*arguments: str, shim: str, seconds: int = 300, **more) -> subprocess.Popen:
    """A program of the Windows Python."""
    environment = {**os.environ, "SHIM": shim, "WINE_RIG_TIMEOUT": str(seconds)}
    if "stdin" in more:
        environment["WINE_RIG_STDIN"] = "1"
    return subprocess.Popen(
        [str(RIG / "wine-python"), *arguments],
        env=environment,
        encoding="utf-8",
        errors="replace",
        preexec_fn=hears,
        **more,
    )


def hears() -> None:
    """Take Ctrl-C also where these tests run in the background of a script, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def suite(shim: str, *arguments: str, settings: str = "NUL") -> None:
    """Run tests inside the Windows Python; `settings` is pytest's file, none by default."""
    options = ["-v", "-rs", "-p", "no:cacheprovider", "-p", "shim", "-c", settings,
               "--rootdir", windows(RIG.parent)]  # fmt: skip
    process = start("-m", "pytest", *options, *arguments, shim=shim, seconds=540,
                    stdout=subprocess.PIPE)  # fmt: skip
    text, _ = process.communicate()
    print(text)
    assert process.returncode == 0
    assert re.search(r"\d+ passed", text)


class Other:
    """A program with Spout on the Windows side, see tests/wine/spout_peer.py; it starts meanwhile,
    and its first answer is which shim it has.
    """

    def __init__(self, shim: str) -> None:
        self.process = start(windows(RIG / "spout_peer.py"), shim=shim,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        self.tell(do="hello")

    def tell(self, **order) -> None:
        self._write(json.dumps(order))

    def step(self) -> None:
        """Ask a sender that waits for it to go on: to the next picture, or behind the last."""
        self._write("")

    def _write(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it as the task manager would: nothing is released."""
        self.process.terminate()
        self.process.wait(30)

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@contextmanager
def other(shim: str):
    running = Other(shim)
    try:
        yield running
    finally:
        running.close()


class Bridge:
    """`spout-bridge run` on the Windows side, asked from here."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.lines: list[str] = []
        self.port = 0
        self._ready = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        assert self._ready.wait(90), "".join(self.lines)
        assert self.port, "".join(self.lines)

    def _listen(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line)
            if match := re.search(r"page +http://[^:]+:(\d+)", line):
                self.port = int(match[1])
                self._ready.set()
        self._ready.set()

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=20) as a:
            return a.read()

    def state(self):
        return json.loads(self.get("state"))

    def until(self, true, seconds: float = 60.0):
        end = perf_counter() + seconds
        while not true(state := self.state()):
            assert perf_counter() < end, (state, "".join(self.lines))
            time.sleep(0.1)
        return state

    def osc(self, address: str, value) -> None:
        builder = OscMessageBuilder(address)
        builder.add_arg(value)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(builder.build().dgram, ("127.0.0.1", self.port))


@contextmanager
def bridge(tmp_path, shim: str, *arguments: str):
    common = "--port", "0", "--folder", windows(tmp_path), "--osc-feedback", "none"
    process = start("-c", BRIDGE, "run", *common, *arguments, shim=shim, stderr=subprocess.PIPE)
    try:
        yield Bridge(process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.terminate()  # not to stand in the next one's way
            process.stderr.close()
