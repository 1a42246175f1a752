# pyright: basic
"""The component's worker thread: HTTP to the bridge, and a bridge process on this machine.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. Jobs
enter by one queue, answers leave by another, which the main thread empties once per frame. The
thread never touches TouchDesigner.
"""

import http.client
import json
import logging
import os
import queue
import socket
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger("SpoutBridge")

PATIENCE = 3.0  # seconds for an answer
LOOK = 0.5  # seconds between process checks
LAST_LINES = 3  # of a log, shown in a message
ELSE = "\0"  # in place of a log line: the component is connected to another bridge
ELSEWHERE = (
    "Install spout-bridge here, then paste the line from `spout-bridge td` into the Textport."
)
UPLOAD_LIMIT = 25 << 20  # bytes accepted by the bridge
NO_FILE = 410  # upload status if the file does not exist on this machine
NO_MACHINE = -2  # status if no machine has the name in Host


class Answer(NamedTuple):
    """The result of a job. `status` is HTTP's; 0 without an answer, -1 if it was not HTTP,
    NO_MACHINE if the host does not exist. `value` is the JSON response, or a sentence.
    """

    job: Any
    status: int
    value: Any


class Web:
    """All methods may be called from the main thread; none blocks."""

    def __init__(self, processes=None, owner=0, folder=""):
        """`processes` is bridge_process, `owner` the component's id there; commands start in
        `folder`. Without them it does HTTP only.
        """
        self._processes, self._owner, self._folder = processes, owner, folder
        self._log = ""  # its last reported line
        self._own = 0  # pid of the reported process
        self._jobs: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self._base, self._host, self._port, self._token = "", "", 0, ""
        # No proxy between two programs on this machine.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._run, name="SpoutBridge web", daemon=True)
        self._thread.start()
        if processes:
            processes.enlist(owner, self.close)

    def aim(self, host, port, token):
        """Use this bridge from now on."""
        if port != self._port:
            self._log = ""  # our own bridge's log may matter again, or no longer
        self._host, self._port = host, port
        host = f"[{host}]" if ":" in host else host
        self._base, self._token = f"http://{host}:{port}", token

    def leave(self, reply_port):
        """Unsubscribe this port from the previous bridge, with a separate message: the patch's OSC
        already goes to the next bridge. Delivery is not confirmed.
        """
        self._put("", self._leave, self._host, self._port, reply_port)

    def ask(self, job, method, path, body=None):
        """Send JSON; the answer comes under `job`."""
        data = None if body is None else json.dumps(body).encode()
        self._put(job, self._request, method, self._base + path, data, "application/json",
                  self._token)  # fmt: skip

    def upload(self, job, path):
        """Upload an image from this machine; the answer's `name` is its name in the bridge."""
        self._put(job, self._upload, self._base, Path(path), self._token)

    def start(self, command, port, fallback=""):
        """Start a bridge on this port; answers are ("started", …), then ("log", …) for each new log
        line, and ("ended", …). `fallback` is the command line if the first one's program does not
        exist on this machine.
        """
        self._put("started", self._start, command, port, fallback)

    def stop(self):
        """Stop the bridge started by this component."""
        self._put("stopped", self._stop)

    def answers(self):
        """Answers since the last call."""
        found = []
        while True:
            try:
                found.append(self._answers.get_nowait())
            except queue.Empty:
                return found

    def close(self, wait=False):
        """Finish pending jobs, then end; `wait` for that, with a limit."""
        self._jobs.put(None)
        if wait:
            self._thread.join(self._processes.STOP + self._processes.FORCED + PATIENCE)

    # In the thread.

    def _put(self, job, deed, *arguments):
        self._jobs.put((job, deed, arguments))

    def _run(self):
        while True:
            try:
                job = self._jobs.get(timeout=LOOK)
            except queue.Empty:
                job = "", self._look, ()
            if job is None:
                return
            name, deed, arguments = job
            try:
                status, value = deed(*arguments)
            except OSError as error:
                named = isinstance(getattr(error, "reason", None), socket.gaierror)
                status = NO_MACHINE if named else 0
                value = f"no machine called {self._host}" if named else _reason(error)
            except (http.client.HTTPException, ValueError) as error:
                status, value = -1, f"{type(error).__name__}: {error}"
            except Exception as error:  # our bug; the thread must survive it
                log.exception("This is a bug in the component: please report it.")
                status, value = -1, f"{type(error).__name__}: {error}"
            if name:
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

    def _leave(self, host, port, reply_port):
        message = b"/bridge/unsubscribe\0,i\0\0" + reply_port.to_bytes(4, "big")
        family, kind, _, _, to = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as sender:
            sender.sendto(message, to)
        return 200, None

    def _upload(self, base, path, token):
        if not path.is_file():  # nor a pipe, which would never end
            return NO_FILE, f"File {path} not found."
        with path.open("rb") as file:
            data = file.read(UPLOAD_LIMIT + 1)
        if len(data) > UPLOAD_LIMIT:
            return 413, f"{path.name} is larger than {UPLOAD_LIMIT >> 20} MB."
        url = f"{base}/api/v1/assets?name={urllib.parse.quote(path.name)}"
        return self._request("POST", url, data, "application/octet-stream", token)

    def _start(self, command, port, fallback):
        if self._processes.of(self._owner):
            return 409, "The bridge started by this component is already running."
        if not command.strip():
            return 400, "Command is empty; `spout-bridge td` prints a line that sets it."
        out = Path(tempfile.gettempdir(), f"spout-bridge-{os.getpid()}-{self._owner}.log")
        self._log = ""
        try:
            found = self._processes.start(command, self._owner, port, self._folder, out)
        except (OSError, ValueError) as error:  # ValueError: an unclosed quote
            why = str(error)
            if isinstance(error, FileNotFoundError) and error.filename != str(self._folder):
                if fallback not in ("", command):  # the patch came from another machine
                    log.warning(
                        "%s does not exist on this machine; starting %s.", command, fallback
                    )
                    return self._start(fallback, port, "")
                why = f"program not found on this machine. {ELSEWHERE}"
            return 400, f"{command} cannot be started: {why}"
        self._own = found["pid"]
        return 200, self._processes.record(found)

    def _stop(self):
        found = self._processes.of(self._owner)
        if found is None:
            return 404, "The bridge was not started here; stop it where it was started."
        return 200, self._processes.stop(found)

    def _look(self):
        """Report the process's log, and its end."""
        found = self._processes.of(self._owner) if self._processes else None
        if found is None:
            return 200, None
        if found["pid"] != self._own:  # from another component, or from before an update
            self._own = found["pid"]
            self._answers.put(Answer("adopted", 200, self._processes.record(found)))
        status = self._processes.status(found)
        last = self._processes.last_lines(found["log"], 1 if status is None else LAST_LINES)
        if status is not None:
            self._processes.ended(found)
            said = f"The bridge ended: {last} ({found['log']})"
            self._answers.put(Answer("ended", status, said))
        elif found["port"] != self._port:
            if self._log != ELSE:
                self._log = ELSE
                self._answers.put(Answer("elsewhere", 200, found["port"]))
        elif last != self._log:
            self._log = last
            self._answers.put(Answer("log", 200, last))
        return 200, None


def _detail(data):
    """The message of a refusal, in whatever form."""
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
        return "timed out"
    return str(getattr(reason, "strerror", None) or reason)
