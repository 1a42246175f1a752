"""A `spout-bridge run` in a process of its own, with its foreign reader, and its doors."""

import http.client
import json
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Self

import psutil

from tests.attack import plugin
from tests.attack.reader import Figures

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
API = "/api/v1/"
START = 60.0  # seconds that a start may take on a busy machine
NEW = 3  # new pictures in a row that count as a show that goes on


class Unanswered(Exception):
    """HTTP did not answer, or not with what an answer looks like."""


@dataclass(frozen=True)
class Home:
    """How a bridge is started for a group of attacks: `arguments` of `run`; bytes of shared memory
    and of the folder's disk, where they shall be small; `files` that its processes may open;
    folders that Python's `path` begins with; what `prepare` puts into its folder.
    """

    arguments: Sequence[str] = ()
    path: Sequence[str] = ()
    shared: int = 0
    disk: int = 0
    files: int = 0
    prepare: Callable[[Path], None] = lambda folder: None


class Bridge:
    """One bridge; `folder` is its own, `process` the one that lives now."""

    def __init__(self, home: Home, name: str, folder: Path | None = None) -> None:
        self._rubbish = None if folder else tempfile.TemporaryDirectory(prefix="attack-")
        self.home, self.name = home, name
        self.folder = folder or Path(self._rubbish.name) / "folder"  # type: ignore[union-attr]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lines: deque[str] = deque(maxlen=2000)
        self.port = 0
        self._plugins = self.folder.parent / "plugins"
        if not self._plugins.exists():
            plugin.install(self._plugins)
        home.prepare(self.folder)
        self.start()
        self.reader = Reader(f"{name}Out", self.shared)

    def start(self, *more: str) -> None:
        """Start it, and wait until it serves."""
        home = self.home
        command = [
            sys.executable, "-m", "bridge.cli", "run", "--name", self.name, "--port", "0",
            "--folder", str(self.folder), "--osc-feedback", "none", *home.arguments, *more,
        ]  # fmt: skip
        if home.shared:
            mounts = f"mount -t tmpfs -o size={home.shared} tmpfs /dev/shm"
            mounts += f" && mount -t tmpfs -o size={home.disk} tmpfs {self.folder}"
            command = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh", *command]
        before = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
        path = os.pathsep.join([str(self._plugins), *home.path, str(ROOT), *before])
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            env={**os.environ, "PYTHONPATH": path}, cwd=self.folder.parent, errors="replace",
        )  # fmt: skip
        if home.files:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (home.files, home.files))
        served = threading.Event()
        threading.Thread(target=self._listen, args=(self.process, served), daemon=True).start()
        if not served.wait(START) or self.process.poll() is not None:
            self.kill()
            raise RuntimeError("the bridge did not start: " + "".join(self.lines)[-2000:])

    def _listen(self, process: "subprocess.Popen[str]", served: threading.Event) -> None:
        assert process.stderr
        for line in process.stderr:
            self.lines.append(line)
            if found := re.search(r"page +http://[^:]+:(\d+)", line):
                self.port = int(found[1])
                served.set()
        served.set()
        process.stderr.close()

    def end(self, number: int = signal.SIGTERM, seconds: float = 10.0) -> int:
        """End it as a service does; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """End everything, and leave nothing."""
        self.reader.close()
        with suppress(subprocess.TimeoutExpired):
            self.end()
        if self._rubbish:
            self._rubbish.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def shared(self) -> str:
        """Its shared memory, as it is seen from here."""
        return f"/proc/{self.process.pid}/root/dev/shm" if self.home.shared else "/dev/shm"

    @property
    def disk(self) -> Path:
        """Its folder, as it is seen from here."""
        root = f"/proc/{self.process.pid}/root" if self.home.shared else "/"
        return Path(root, *self.folder.parts[1:])

    @property
    def sink(self) -> Path:
        """The file of its output."""
        return Path(self.shared, f"spout-bridge-{self.name}Out")

    def workers(self) -> list[psutil.Process]:
        """Its engine workers, also those that are ending."""
        found: list[psutil.Process] = []
        with suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                with suppress(psutil.Error):
                    if child.status() != psutil.STATUS_ZOMBIE:
                        found.append(child)
        return found

    # Talking.

    def http(
        self, method: str, path: str, body: bytes | None = None,
        headers: Mapping[str, str] | None = None, timeout: float = 5.0,
    ) -> tuple[int, bytes]:  # fmt: skip
        """Status and body of an answer; Unanswered where there is none."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            kind = {"content-type": "application/json"} if body is not None else {}
            line.request(method, path, body, {**kind, **(headers or {})})
            answer = line.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"{method} {path[:60]}: {type(error).__name__}: {error}") from None
        finally:
            line.close()

    def raw(self, data: bytes, timeout: float = 5.0) -> int:
        """Send bytes as they are; the status of the answer, 0 where it hangs up without one."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as line:
            line.settimeout(timeout)
            with suppress(OSError):
                line.sendall(data)
            answer = b""
            try:
                while b"\r\n" not in answer and (part := line.recv(4096)):
                    answer += part
            except TimeoutError:
                raise Unanswered(f"no answer to {data[:40]!r}") from None
            except OSError:
                pass
        found = re.match(rb"HTTP/1\.\d (\d+)", answer)
        return int(found[1]) if found else 0

    def ask(self, path: str, body: Any = None, method: str = "", timeout: float = 5.0) -> Any:
        """What REST answers; Unanswered where it refuses."""
        data = None if body is None else json.dumps(body).encode()
        method = method or ("GET" if body is None else "POST")
        status, answer = self.http(method, API + path, data, timeout=timeout)
        if status >= 300:
            raise Unanswered(f"{method} {path}: {status} {answer[:300]!r}")
        return json.loads(answer)

    def set(self, **values: object) -> int:
        """Set parameters by REST; the status."""
        return self.http("PATCH", API + "parameters", json.dumps(values).encode())[0]

    def act(self, action: str) -> None:
        """Press a button."""
        self.ask(f"actions/{action}", {})

    def state(self) -> dict[str, Any]:
        """What it knows of itself."""
        return self.ask("state")

    def until(self, true: Callable[[dict[str, Any]], object], seconds: float = 60.0) -> bool:
        """Wait until something holds of its state; False where it does not come."""
        end = perf_counter() + seconds
        while perf_counter() < end:
            with suppress(Unanswered):
                if true(self.state()):
                    return True
            sleep(0.05)
        return False

    def osc(self, address: str, *values: object) -> None:
        """Send one OSC message."""
        self.datagram(message(address, *values))

    def datagram(self, data: bytes) -> None:
        """Send one datagram to its OSC port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(data, ("127.0.0.1", self.port))


class Reader:
    """The foreign reader's process."""

    def __init__(self, name: str, folder: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(HERE / "reader.py"), name, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lock = threading.Lock()

    def mark(self) -> Figures:
        """Begin the figures anew; what they were."""
        return self._say("mark")

    def read(self) -> Figures:
        """The figures since the last mark."""
        return self._say("read")

    def _say(self, word: str) -> Figures:
        process = self._process
        assert process.stdin
        assert process.stdout
        with self._lock:
            process.stdin.write(word + "\n")
            process.stdin.flush()
            return Figures(**json.loads(process.stdout.readline()))

    def goes_on(self, seconds: float, new: int = NEW) -> bool:
        """Wait until so many new pictures have come; False where they do not."""
        first, end = self.read().rises, perf_counter() + seconds
        while perf_counter() < end:
            if self.read().rises >= first + new:
                return True
            sleep(0.01)
        return False

    def first(self, seconds: float) -> float:
        """Wait until the first new picture since the last mark; how long after it that was, or
        infinity where it does not come.
        """
        end = perf_counter() + seconds
        while perf_counter() < end:
            if first := self.read().first:
                return first
            sleep(0.01)
        return float("inf")

    def close(self) -> None:
        """Look no more."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()


def message(address: str, *values: object) -> bytes:
    """An OSC message: i, f, s or, of bytes, a string as it is."""
    tags, data = ",", b""
    for value in values:
        if isinstance(value, int):
            tags, data = tags + "i", data + struct.pack(">i", value)
        elif isinstance(value, float):
            tags, data = tags + "f", data + struct.pack(">f", value)
        else:
            text = value if isinstance(value, bytes) else str(value).encode()
            tags, data = tags + "s", data + _padded(text)
    return _padded(address.encode()) + _padded(tags.encode()) + data


def _padded(text: bytes) -> bytes:
    return text + b"\0" * (4 - len(text) % 4)


def machine() -> str:
    """Where and when figures were measured, and of what."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    size = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB"
    python = sys.version.split()[0]
    return f"{date.today().isoformat()}, {commit}, {sys.platform}, {size}, Python {python}."


def put(path: Path, mark: str, text: str) -> None:
    """Put a text between two marks of a document."""
    whole = path.read_text("utf-8")
    before, _, rest = whole.partition(f"<!-- {mark} -->\n")
    _, end, after = rest.partition(f"<!-- end of {mark} -->")
    if not end:
        raise SystemExit(f"{path} has no marks for {mark}.")
    path.write_text(f"{before}<!-- {mark} -->\n{text.strip()}\n{end}{after}", "utf-8")


def end_politely() -> None:
    """Have SIGTERM end a command as Ctrl-C does, with all that it started."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def beats(rate: float, seconds: float) -> Iterator[int]:
    """Numbers at an even rate, for so long; what could not be in time is left out."""
    began, number = perf_counter(), 0
    while (now := perf_counter() - began) < seconds:
        if now * rate >= number:
            yield number
            number = max(number + 1, int(now * rate))
        else:
            sleep(min(0.002, number / rate - now))
