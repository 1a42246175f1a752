"""A whole bridge as a process: `running` starts one with a port and a data folder of its own.

`refused` is a command that must not start, `refused_here` the same in the process of the test.
"""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from time import perf_counter

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.cli.commands import main
from engine.ipc.ring import RingReader
from engine.ipc.segments import RingError

COMMAND = [sys.executable, "-c", "from bridge.cli import main; main()"]


class Running:
    """A `spout-bridge run` in the background."""

    def __init__(self, process: subprocess.Popen, port: int, lines: list[str]) -> None:
        self.process, self.port, self.lines = process, port, lines
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body=None, method: str | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}", data, {"content-type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def refused(self, path: str, body=None, method: str | None = None) -> tuple[int, str]:
        """The status and the sentence with which it refuses."""
        try:
            done = self.ask(path, body, method)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["detail"]
        raise AssertionError(f"{path} was accepted: {done}")

    def state(self):
        return self.ask("state")

    def until(self, true, timeout: float = 40.0):
        end = perf_counter() + timeout
        while not true(state := self.state()):
            assert perf_counter() < end, state
            time.sleep(0.05)
        return state

    def osc(self, address: str, *values) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(builder.build().dgram, ("127.0.0.1", self.port))


@contextmanager
def running(tmp_path, *arguments, command=None, **more):
    process = subprocess.Popen(
        [*(command or COMMAND), "run", "--port", "0", "--folder", str(tmp_path),
         "--osc-feedback", "none", *arguments],
        stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip
    lines: list[str] = []
    found: list[int] = []
    ready = threading.Event()

    def listen():
        for line in process.stderr:
            lines.append(line)
            match = re.search(r"page +http://[^:]+:(\d+)", line)
            if match:
                found.append(int(match[1]))
                ready.set()
        ready.set()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        assert ready.wait(60)
        assert found, "".join(lines)
        yield Running(process, found[0], lines)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        thread.join(30)
        process.stderr.close()


def refused(*arguments) -> tuple[int, str]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, " ".join(done.stderr.split())


def refused_here(monkeypatch, capsys, *arguments) -> tuple[int, str]:
    """The same in this process; what is not refused ends at once."""
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr("bridge.cli.run.stop_event", lambda: stop)
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    return end.value.code, " ".join(capsys.readouterr().err.split())


def read(name: str, timeout: float = 20.0) -> RingReader:
    end = perf_counter() + timeout
    while True:
        try:
            return RingReader(name)
        except (FileNotFoundError, RingError):
            assert perf_counter() < end, f"shm:{name} is not there"
            time.sleep(0.02)
