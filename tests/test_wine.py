"""Spout for real on Linux: the unmodified SpoutGL and its Spout.dll in a Windows Python under Wine.

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
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

pytestmark = [pytest.mark.slow, pytest.mark.wine, pytest.mark.timeout(600)]
HERE = Path(__file__).parent
RIG = HERE / "wine"
BRIDGE = "import shim; from bridge.cli import main; main()"


def windows(path: Path) -> str:
    """A Linux path as the Windows Python has it."""
    return f"Z:{path.resolve()}"


@pytest.fixture(scope="module", autouse=True)
def rig():
    """The rig, built where CI runs or where it was built before."""
    if shutil.which("wine") is None and not os.environ.get("CI"):
        pytest.skip("the rig is not built: run tests/wine/setup")
    subprocess.run([RIG / "setup"], check=True)
    os.environ["WINE_RIG_KEEP"] = "1"
    yield
    os.environ.pop("WINE_RIG_KEEP")
    subprocess.run([RIG / "wine-python", "--stop"], check=False)


def start(*arguments: str, shim: str, seconds: int = 300, **more) -> subprocess.Popen:
    """A program of the Windows Python."""
    environment = {**os.environ, "SHIM": shim, "WINE_RIG_TIMEOUT": str(seconds)}
    if "stdin" in more:
        environment["WINE_RIG_STDIN"] = "1"
    return subprocess.Popen(
        [str(RIG / "wine-python"), *arguments], env=environment, text=True, preexec_fn=hears, **more
    )


def hears() -> None:
    """Take Ctrl-C also where these tests run in the background of a script, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def suite(shim: str, *arguments: str, settings: str = "NUL") -> None:
    """Run tests inside the Windows Python; `settings` is pytest's file, none by default."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "shim", "-c", settings,
               "--rootdir", windows(RIG)]  # fmt: skip
    process = start("-m", "pytest", *options, *arguments, shim=shim, seconds=540,
                    stdout=subprocess.PIPE)  # fmt: skip
    text, _ = process.communicate()
    print(text)
    assert process.returncode == 0
    assert re.search(r"\d+ passed", text)


@pytest.mark.parametrize("shim", ["cpu", "gldx"])
def test_the_transport_by_each_path(shim):
    suite(shim, "-s", windows(RIG / "test_spout.py"), windows(RIG / "test_doctor.py"))


def test_the_fault_of_another_gpu_and_who_starts_the_bridge():
    names = ("other_gpu", "doctor", "keep", "component")
    suite("none", "-s", *(windows(RIG / f"test_{name}.py") for name in names))


def test_files_drives_paths_and_the_registry():
    suite("none", "-s", windows(RIG / "test_files.py"))


def test_the_other_transports_and_the_core_on_windows():
    names = ("test_transports.py", "test_core.py", "test_spout_registry.py")
    settings = windows(HERE.parent / "pyproject.toml")
    suite("none", *(windows(HERE / name) for name in names), settings=settings)


class Other:
    """A program with Spout on the Windows side, see tests/wine/spout_peer.py."""

    def __init__(self, shim: str) -> None:
        self.process = start(windows(RIG / "spout_peer.py"), shim=shim,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        self.tell(do="hello")
        assert self.answer()["shim"] == shim

    def tell(self, **order) -> None:
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(20)
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
            process.wait(30)
        finally:
            process.terminate()  # not to stand in the next one's way
            process.stderr.close()


def picture(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def test_the_whole_bridge_from_spout_to_spout(tmp_path):
    """Passthrough to the last byte, then `stylize` by one OSC message, then a killed sender."""
    shim = "gldx"  # the path that GPUs take; the bridge is the same by the other
    options = ["--source", "spout:Cam", "--sink", "spout:Out", "--pipeline", "passthrough",
               "--alpha", "input", "--output-size", "320x180", "--size", "320x180"]  # fmt: skip
    with other(shim) as sender, other(shim) as receiver, bridge(tmp_path, shim, *options) as run:
        sender.tell(do="send", name="Cam", width=320, height=180, count=150, fps=10, linger=3)
        run.until(lambda state: state["state"] == "RUNNING")
        receiver.tell(do="receive", name="Out", until=150, seconds=60)
        seen = receiver.answer()["seen"]
        numbers = [number for number, _ in seen if number]
        print(f"{len(numbers)} of 150 through the whole bridge by {shim}")
        assert numbers[-1] == 150, "the last picture before the pause"
        assert numbers == sorted(set(numbers)), "none double, none out of order"
        assert all(exact for number, exact in seen if number), "every byte, alpha too"
        assert len(numbers) > 50
        sender.answer()

        sender.tell(do="send", name="Cam", width=320, height=180, count=3000, fps=10, dies_after=25)
        run.osc("/bridge/pipeline", "stylize")
        state = run.until(lambda state: state["pipeline"] == "stylize" and not state["loading"])
        run.osc("/bridge/prompt", "gold circles")
        run.until(lambda state: state["report"].get("words_used") == ["gold", "circles"])
        given, painted = (picture(run.get(f"frame/{side}.png")) for side in ("input", "output"))
        assert given.shape == painted.shape == (180, 320, 4)
        assert np.abs(given[..., :3].astype(int) - painted[..., :3]).mean() > 10
        small = picture(run.get("thumbnail?uri=spout:Cam"))
        assert small.shape[1] == 160, "the list of senders has a live picture of each"
        receiver.tell(do="receive", name="Out", until=-1, seconds=3)
        told = receiver.answer()
        assert told["sizes"] == [[320, 180]], "one sender of one size"

        run.until(lambda state: "waiting for spout:Cam" in state["source"], 40)
        state = run.state()
        assert state["pipeline"] == "stylize"
        assert "pick Out in the receiving program" in state["sink"]
        assert "GPU texture" in state["sink"]
        assert state["black_frames"] == 0
        print(f"longest gap {state['longest_gap']} ms, {state['frames_new']} new pictures")
    assert run.process.returncode == 0, "".join(run.lines)
