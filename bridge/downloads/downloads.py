"""Downloads of weights, one at a time, each in its own process that can be cancelled."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from bridge.system.processes import OUTSIDE, death, from_outside, kill_with_parent, speaking_utf8
from engine.catalog.artifacts import Artifact
from engine.files.library import size_text
from engine.system.installation import with_extra

GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0


@dataclass(frozen=True, slots=True)
class Download:
    """Status of the last download. Sizes in bytes; `error` is one sentence."""

    pipeline: str = ""
    file: str = ""
    done: int = 0
    whole: int = 0
    free: int = 0
    running: bool = False
    checking: bool = False
    error: str = ""

    @property
    def part(self) -> float:
        """Progress, 0 to 1."""
        return min(1.0, self.done / self.whole) if self.whole else 0.0

    def __str__(self) -> str:
        if not self.running:
            return self.error
        if not self.whole:
            return f"{self.pipeline}: requesting sizes"
        doing = "checking" if self.checking else "downloading"
        return (
            f"{self.pipeline}: {doing} {self.file}, {size_text(self.done)} of "
            f"{size_text(self.whole)}"
        )


class Downloads:
    """Any thread may call any method; none waits for the network."""

    def __init__(self, models: Path, ended: Callable[[Download], None] = lambda _: None) -> None:
        self.now = Download()
        self._models = models
        self._ended = ended
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self, pipeline: str, artifacts: Iterable[Artifact]) -> None:
        """Start; ValueError if another one is running or the extra is not installed."""
        if find_spec("huggingface_hub") is None:
            raise ValueError(f"Downloads need the extra `engine`: {with_extra('engine')}.")
        with self._lock:
            if self.now.running:
                raise ValueError(f"{self.now}; wait for it, or cancel it.")
            self.now = Download(pipeline=pipeline, running=True)
            self._process = _launch(self._models, artifacts)
            self._thread = threading.Thread(
                target=self._listen, args=(self._process,), name="download", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """Cancel the download; the partial files are kept for the next one."""
        with self._lock:
            if self._process and self.now.running:
                self.now = replace(self.now, error="The download was cancelled.")
                self._process.kill()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the current download has ended."""
        if self._thread:
            self._thread.join(timeout)

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout
        log: list[bytes] = []
        drain = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
        drain.start()
        done = False
        with process:
            for line in process.stdout:
                news = json.loads(line)
                done = done or news["say"] == "done"
                self.now = _heard(self.now, news)
            status = process.wait()
            drain.join(1)
        error = self.now.error
        if not done and not error:
            lines = [line.decode(errors="replace").strip() for line in log]
            how = OUTSIDE if from_outside(status, lines) else death(status)
            said = "".join(lines[-1:])
            error = f"The download {how}; start it again to resume it. {said}".strip()
        self.now = replace(self.now, running=False, error=error)
        self._ended(self.now)


def _launch(models: Path, artifacts: Iterable[Artifact]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "engine.files.download"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=speaking_utf8(),
        creationflags=GROUP,
        process_group=None if sys.platform == "win32" else 0,  # Ctrl-C is handled by us
    )
    kill_with_parent(process)
    order = {"models": str(models), "artifacts": [asdict(one) for one in artifacts]}
    assert process.stdin
    process.stdin.write(json.dumps(order).encode())
    process.stdin.close()
    return process


def _heard(now: Download, news: dict[str, object]) -> Download:
    match news:
        case {"say": "plan", "size": int(size), "todo": int(todo), "free": int(free)}:
            return replace(now, whole=size, done=size - todo, free=free)
        case {"say": "progress" | "checking" as what, "file": str(file), "sum": int(done)}:
            return replace(now, file=file, done=done, checking=what == "checking")
        case {"say": "error", "text": str(text)}:
            return replace(now, error=text)
        case _:
            return now
