# pyright: basic
"""The component's other thread: HTTP to the bridge, and a bridge of this machine as a process.

Plain Python: it runs in TouchDesigner as the Text DAT of the same name, and anywhere else. Jobs go
in by a queue, answers come out by another, which the main thread empties once a frame. The thread
touches nothing of TouchDesigner.
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
LOOK = 0.5  # seconds between looks at the process
LAST_LINES = 3  # of a log, in a message
ELSE = "\0"  # in place of a line: it is another bridge that is asked
ELSEWHERE = (
    "Install spout-bridge here, and paste the line that `spout-bridge td` prints into the Textport."
)
UPLOAD_LIMIT = 25 << 20  # bytes that the bridge takes
NO_FILE = 410  # the status of an upload of what is no file of this machine
NO_MACHINE = -2  # the status where no machine has the name that Host says


class Answer(NamedTuple):
    """What became of a job. `status` is HTTP's; 0 where nobody answered, -1 where it was no HTTP,
    NO_MACHINE where there is no such host. `value` is the JSON of the answer, or a sentence.
    """

    job: Any
    status: int
    value: Any


class Web:
    """Any method may be called from the main thread; none waits."""

    def __init__(self, processes=None, owner=0, folder=""):
        """`processes` is bridge_process, `owner` the component's id there; a command is started in
        `folder`. Without them it does HTTP only.
        """
        self._processes, self._owner, self._folder = processes, owner, folder
        self._log = ""  # the last line of it that was told
        self._own = 0  # the pid of the process that was told
        self._jobs: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        self._base, self._host, self._port, self._token = "", "", 0, ""
        # A proxy of this machine has no business between two programs of it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._run, name="SpoutBridge web", daemon=True)
        self._thread.start()
        if processes:
            processes.enlist(owner, self.close)

    def aim(self, host, port, token):
        """Ask this bridge from now on."""
        if port != self._port:
            self._log = ""  # what the own one says is of interest again, or is no more
        self._host, self._port = host, port
        host = f"[{host}]" if ":" in host else host
        self._base, self._token = f"http://{host}:{port}", token

    def leave(self, reply_port):
        """Have the bridge that was asked until now send no more OSC to this port, by a message of
        our own: the patch's OSC goes to the next bridge already. Nobody hears whether it arrived.
        """
        self._put("", self._leave, self._host, self._port, reply_port)

    def ask(self, job, method, path, body=None):
        """Send JSON; the answer comes under `job`."""
        data = None if body is None else json.dumps(body).encode()
        self._put(job, self._request, method, self._base + path, data, "application/json",
                  self._token)  # fmt: skip

    def upload(self, job, path):
        """Give the bridge a picture of this machine; the answer's `name` is what it is called."""
        self._put(job, self._upload, self._base, Path(path), self._token)

    def start(self, command, port, fallback=""):
        """Start a bridge that is to have this port; ("started", …), then ("log", …) with each last
        line of its log, and ("ended", …) come as jobs. `fallback` is the command line for where the
        first one's program is not on this machine.
        """
        self._put("started", self._start, command, port, fallback)

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
            self._thread.join(self._processes.STOP + self._processes.FORCED + PATIENCE)

    # The thread's own.

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
            except Exception as error:  # a defect of ours; the thread is for all that follows
                log.exception("This is a defect of the component: please report it.")
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
        if not path.is_file():  # nor is a pipe, which would never end
            return NO_FILE, f"There is no file {path}."
        with path.open("rb") as file:
            data = file.read(UPLOAD_LIMIT + 1)
        if len(data) > UPLOAD_LIMIT:
            return 413, f"{path.name} is larger than {UPLOAD_LIMIT >> 20} MB."
        url = f"{base}/api/v1/assets?name={urllib.parse.quote(path.name)}"
        return self._request("POST", url, data, "application/octet-stream", token)

    def _start(self, command, port, fallback):
        if self._processes.of(self._owner):
            return 409, "The bridge that this component started is running already."
        if not command.strip():
            return 400, "Command is empty; `spout-bridge td` prints a line that fills it in."
        out = Path(tempfile.gettempdir(), f"spout-bridge-{os.getpid()}-{self._owner}.log")
        self._log = ""
        try:
            found = self._processes.start(command, self._owner, port, self._folder, out)
        except (OSError, ValueError) as error:  # the latter is a quote that is not closed
            why = str(error)
            if isinstance(error, FileNotFoundError) and error.filename != str(self._folder):
                if fallback not in ("", command):  # the patch came from another machine
                    log.warning("%s is not on this machine; starting %s.", command, fallback)
                    return self._start(fallback, port, "")
                why = f"this machine has no such program. {ELSEWHERE}"
            return 400, f"{command} cannot be started: {why}"
        self._own = found["pid"]
        return 200, self._processes.record(found)

    def _stop(self):
        found = self._processes.of(self._owner)
        if found is None:
            return 404, "The bridge was not started here; end it where it was started."
        return 200, self._processes.stop(found)

    def _look(self):
        """Tell how the process goes, and when it has ended by itself."""
        found = self._processes.of(self._owner) if self._processes else None
        if found is None:
            return 200, None
        if found["pid"] != self._own:  # it was another component's, or that of earlier code
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
