"""Notifies a web address when the engine fails or is degraded, and when it recovers.

One POST of JSON for each change: name, state, reason and time (UTC). It is sent in another thread,
has five seconds and follows no redirects; of several states, only the newest is sent.
"""

import http.client
import json
import logging
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import SplitResult, unquote, urlsplit

from bridge.state.status import EngineState
from bridge.system.loops import explained, repeat

log = logging.getLogger(__name__)

LOOK = 0.25  # seconds between checks of the state
DEADLINE = 5.0  # seconds for one whole message
PAUSE, LONGEST_PAUSE = 2.0, 60.0  # seconds until a failed one is retried, doubled each time
TOLD = (EngineState.FAILED, EngineState.DEGRADED)


class Alarm:
    """Runs in its own thread; nothing waits for it."""

    def __init__(self, url: str, name: str, look: Callable[[], tuple[EngineState, str]]) -> None:
        """`url` as `webhook` in bridge/settings.py accepts it; `look` gives the engine's state and
        the reason.
        """
        self.problem = ""  # why the last message was not delivered
        self._parts = urlsplit(url)
        self._name = name
        self._look = look
        self._told: EngineState | None = None
        self._pause = PAUSE
        self._sending: threading.Thread | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, without waiting for a message being sent."""
        self._stopped.set()

    def _run(self) -> None:
        repeat(self._step, self._stopped, self._failed, PAUSE)

    def _failed(self, error: Exception) -> None:
        self.problem = explained(error)

    def _step(self) -> None:
        self._stopped.wait(LOOK)
        state, reason = self._look()
        back = state is EngineState.RUNNING and self._told is not None
        if state is self._told or not (state in TOLD or back):
            return
        if self._sent(state, "" if back else reason):  # a recovery has no reason
            self._told, self._pause, self.problem = None if back else state, PAUSE, ""
            return
        log.warning("The alarm %s was not delivered: %s", state, self.problem)
        self._stopped.wait(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _sent(self, state: EngineState, reason: str) -> bool:
        """Whether it was delivered. A DNS lookup has no deadline, so it needs a thread."""
        if self._sending and self._sending.is_alive():
            self.problem = "the previous one is still waiting for a reply."
            return False
        news = {"name": self._name, "state": state, "reason": reason,
                "time": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
        post = _Post(self._parts, json.dumps(news).encode())
        self._sending = threading.Thread(target=post.run, name="alarm post", daemon=True)
        self._sending.start()
        self._sending.join(DEADLINE)
        if self._sending.is_alive():
            post.give_up()
            self.problem = f"no reply within {DEADLINE:g} s."
            return False
        self.problem = post.problem
        return not post.problem


class _Post:
    """One message, in its own thread."""

    def __init__(self, to: SplitResult, body: bytes) -> None:
        self.problem = ""
        self._to = to
        self._body = body
        host, port = to.hostname or "", to.port
        if to.scheme == "https":
            context = ssl.create_default_context()
            self._line: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=DEADLINE, context=context
            )
        else:
            self._line = http.client.HTTPConnection(host, port, timeout=DEADLINE)

    def run(self) -> None:
        """Send it; `problem` is why it was not delivered."""
        try:
            self._line.request("POST", self._target(), self._body, self._headers())
            status = self._line.getresponse().status
            if not 200 <= status < 300:
                self.problem = f"the answer was {status}" + (
                    ", and redirects are not followed." if 300 <= status < 400 else "."
                )
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.problem = f"{type(error).__name__}."  # its text may quote the URL
        finally:
            self._line.close()

    def give_up(self) -> None:
        """Abort it from another thread."""
        with suppress(OSError, AttributeError):  # the connection may not be open, or already closed
            self._line.sock.shutdown(2)

    def _target(self) -> str:
        query = f"?{self._to.query}" if self._to.query else ""
        return (self._to.path or "/") + query

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "spout-bridge"}
        if self._to.username is not None:
            pair = f"{unquote(self._to.username)}:{unquote(self._to.password or '')}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        return headers
