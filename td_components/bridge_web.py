# pyright: basic
"""The component's other thread: HTTP to the bridge, and a bridge of this machine as a process.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. Jobs go
in by a queue, answers come out by another, which the main thread empties once a frame. The thread
touches nothing of TouchDesigner.
"""

import http.client
import json
import os
import queue
import shlex
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

PATIENCE = 3.0  # seconds for an answer
LOOK = 0.5  # seconds between looks at the process
LAST_LINES = 3  # of a log, in a message
UPLOAD_LIMIT = 25 << 20  # bytes that the bridge takes

# Where the extension begins anew, the bridge it started goes on: kept by the component's path.
PROCESSES: dict[str, Any] = {}


class Answer(NamedTuple):
    """What became of a job. `status` is HTTP's; 0 where nobody answered, -1 where it was no HTTP.
    `value` is the JSON of the answer, or a sentence.
    """

    job: Any
    status: int
    value: Any


class Web:
    """Any method may be called from the main thread; none waits."""

    def __init__(self, owner, folder=""):
        """`owner` names the component, by which a process that it started is found again; relative
        paths are meant in `folder`.
        """
        self._owner, self._folder = owner, folder
        self._jobs: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self._base, self._token = "", ""
        # A proxy of this machine has no business between two programs of it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._run, name="SpoutBridge web", daemon=True)
        self._thread.start()

    def aim(self, host, port, token):
        """Ask this bridge from now on."""
        host = f"[{host}]" if ":" in host else host
        self._base, self._token = f"http://{host}:{port}", token

    def ask(self, job, method, path, body=None):
        """Send JSON; the answer comes under `job`."""
        data = None if body is None else json.dumps(body).encode()
        self._put(job, self._request, method, self._base + path, data, "application/json",
                  self._token)  # fmt: skip

    def upload(self, job, path):
        """Give the bridge a picture of this machine; the answer's `name` is what it is called."""
        self._put(job, self._upload, self._base, Path(self._folder, path), self._token)

    def start(self, command):
        """Start a bridge with this command line; ("started", …) and ("ended", …) come as jobs."""
        self._put("started", self._start, command)

    def stop(self):
        """End the bridge that this component started."""
        self._put("stopped", self._stop)

    def answers(self):
        """What came since the last time."""
        found = []
        while True:
            try:
                found.append(self._answers.get_nowait())
            except queue.Empty:
                return found

    def close(self, wait=False):
        """Do what is there to do, then nothing more; `wait` for it, but not for ever."""
        self._jobs.put(None)
        if wait:
            self._thread.join(PATIENCE)

    @property
    def running(self):
        """Whether a bridge that this component started runs."""
        return self._owner in PROCESSES

    # The thread's own.

    def _put(self, job, deed, *arguments):
        self._jobs.put((job, deed, arguments))

    def _run(self):
        while True:
            try:
                job = self._jobs.get(timeout=LOOK)
            except queue.Empty:
                self._look()
                continue
            if job is None:
                return
            name, deed, arguments = job
            try:
                status, value = deed(*arguments)
            except (http.client.HTTPException, ValueError) as error:
                status, value = -1, f"{type(error).__name__}: {error}"
            except OSError as error:
                status, value = 0, _reason(error)
            self._answers.put(Answer(name, status, value))

    def _request(self, method, url, data, kind, token):
        headers = {"content-type": kind, "accept": "application/json"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _detail(error.read())

    def _upload(self, base, path, token):
        if path.stat().st_size > UPLOAD_LIMIT:
            return 413, f"{path.name} is larger than {UPLOAD_LIMIT >> 20} MB."
        url = f"{base}/api/v1/assets?name={urllib.parse.quote(path.name)}"
        return self._request("POST", url, path.read_bytes(), "application/octet-stream", token)

    def _start(self, command):
        if self._owner in PROCESSES:
            return 409, "The bridge that this component started is running already."
        if not command.strip():
            return 400, "Command is empty; `spout-bridge td` prints a line that fills it in."
        name = f"spout-bridge-{os.getpid()}{self._owner.replace('/', '-')}.log"
        path = Path(tempfile.gettempdir(), name)
        # TouchDesigner's own Python would not do for another's programs.
        environment = {n: v for n, v in os.environ.items() if n not in ("PYTHONHOME", "PYTHONPATH")}
        try:
            with path.open("wb") as log:
                process = subprocess.Popen(
                    command if os.name == "nt" else shlex.split(command),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder or None,
                    env=environment, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
                )  # fmt: skip
        except (OSError, ValueError) as error:  # the latter is a quote that is not closed
            return 400, f"{command} cannot be started: {error}"
        PROCESSES[self._owner] = process, path
        return 200, process.pid

    def _stop(self):
        process, _ = PROCESSES.pop(self._owner, (None, ""))
        if process is None:
            return 404, "The bridge was not started here; end it where it was started."
        process.terminate()
        try:
            return 200, process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return 200, process.wait()

    def _look(self):
        """Tell when the process has ended by itself."""
        process, path = PROCESSES.get(self._owner, (None, Path()))
        if process is None or process.poll() is None:
            return
        PROCESSES.pop(self._owner, None)
        text = path.read_text("utf-8", "replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        last = " ".join(lines[-LAST_LINES:])
        self._answers.put(Answer("ended", process.returncode, f"The bridge ended: {last} ({path})"))


def _detail(data):
    """The sentence of a refusal, however it is wrapped."""
    try:
        detail = json.loads(data)["detail"]
        if isinstance(detail, list):
            return " ".join(str(row.get("msg", row)) for row in detail)
        return str(detail)
    except (ValueError, KeyError, TypeError):
        return data[:200].decode("utf-8", "replace")


def _reason(error):
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    return str(getattr(reason, "strerror", None) or reason)
