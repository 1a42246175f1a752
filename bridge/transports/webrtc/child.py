"""The bridge's side of a WebRTC process: it is started, spoken to, and ended."""

import logging
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from typing import BinaryIO, cast

from bridge.system.processes import death, kill_with_parent, speaking_utf8
from bridge.transports import TransportError
from bridge.transports.webrtc.messages import (
    FROM_PROCESS,
    Answer,
    Connected,
    FromProcess,
    Leave,
    Offer,
    Refusal,
    Start,
    Started,
    ToProcess,
    Trouble,
)
from bridge.transports.webrtc.signalling import RefusedError
from engine.ipc.channel import Channel
from engine.ipc.typed import ProtocolError
from engine.system.closing import Closing
from engine.system.installation import with_extra

log = logging.getLogger(__name__)

MODULE = "bridge.transports.webrtc.process"
ENDING = 2.0  # seconds for its end
LAST = 20  # lines kept of what it printed
GROUP = None if sys.platform == "win32" else 0  # Ctrl-C reaches the bridge alone
NEW_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0


class Child(Closing):
    """One process with aiortc. Any thread may call any method; they wait if it does not read."""

    def __init__(self, scheme: str, start: Start, came: Callable[[FromProcess], None]) -> None:
        """Start it; TransportError if it cannot be. `came` gets what is about frames, in a thread
        of this child.
        """
        if find_spec("aiortc") is None:
            raise TransportError(f"{scheme}: needs the extra `webrtc`: {with_extra('webrtc')}.")
        self.connected = 0  # peers
        self.trouble = ""
        self._came = came
        self._numbers = count(1)
        self._asked: dict[int, Future[str]] = {}
        self._lock = threading.Lock()
        self._lost = ""  # how it ended
        self._said: deque[str] = deque(maxlen=LAST)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=speaking_utf8(), creationflags=NEW_GROUP, process_group=GROUP,
            )  # fmt: skip
        except OSError as error:
            raise TransportError(f"{scheme}: cannot start its process: {error}") from error
        kill_with_parent(self._process)
        # cast: these pipes are binary
        outgoing, incoming = cast(BinaryIO, self._process.stdin), self._process.stdout
        # cast: likewise
        pipes = cast(BinaryIO, incoming), outgoing
        self._channel: Channel[ToProcess, FromProcess] = Channel(*pipes, FROM_PROCESS)
        self._reading = threading.Thread(target=self._read, name="from webrtc", daemon=True)
        self._logging = threading.Thread(target=self._log, name="log of webrtc", daemon=True)
        self._reading.start()
        self._logging.start()
        self.say(start)

    def check(self) -> None:
        """TransportError once the process has ended: the endpoint opens another."""
        if self._lost:
            raise TransportError(self._lost)

    def say(self, message: ToProcess) -> None:
        """Send a message; one that does not arrive has its reason in `check`."""
        with suppress(OSError, ValueError):  # it is ending, which its reader sees
            self._channel.send(message)

    def offer(self, peer: str, sdp: str) -> "Future[str]":
        """See `Answerer`."""
        promise: Future[str] = Future()
        promise.set_running_or_notify_cancel()  # from now on nobody can cancel it
        with self._lock:
            number = next(self._numbers)
            if self._lost:
                promise.set_exception(RefusedError(self._lost, full=True))
                return promise
            self._asked[number] = promise
        self.say(Offer(number=number, peer=peer, sdp=sdp))
        return promise

    def leave(self, peer: str) -> None:
        """See `Answerer`."""
        self.say(Leave(peer=peer))

    def close(self) -> None:
        """End it, politely at first."""
        self._lost = self._lost or "This stream has ended."
        self._channel.close()
        try:
            self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reading.join(ENDING)
        self._logging.join(ENDING)

    def _read(self) -> None:
        try:
            while message := self._channel.receive():
                self._take(message)
        except ProtocolError as error:
            self._said.append(str(error))
            self._process.kill()
        self._channel.hang_up()
        status = self._process.wait()
        with self._lock:
            if not self._lost:
                said = "".join(f" It said: {line}" for line in [*self._said][-1:])
                self._lost = f"The WebRTC process {death(status)}; another is started.{said}"
                log.warning("%s", self._lost)
            asked, self._asked = self._asked, {}
        for promise in asked.values():
            promise.set_exception(RefusedError(self._lost, full=True))

    def _take(self, message: FromProcess) -> None:
        match message:
            case Started():
                pass
            case Answer(number=number, sdp=sdp):
                if promise := self._asked.pop(number, None):
                    promise.set_result(sdp)
            case Refusal(number=number, text=text, full=full):
                if promise := self._asked.pop(number, None):
                    promise.set_exception(RefusedError(text, full=full))
            case Connected(count=connected):
                self.connected = connected
            case Trouble(text=text):
                self.trouble = text
            case _:
                self._came(message)

    def _log(self) -> None:
        assert self._process.stderr
        with self._process.stderr as lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                self._said.append(text)
                log.info("webrtc: %s", text)
