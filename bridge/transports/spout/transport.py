"""Spout: frames from and to TouchDesigner, Unity, OBS and others on one Windows machine.

Shared textures are usually BGRA, our frames RGBA: Spout itself converts in both directions, since
`GL_RGBA` is requested.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter, sleep
from typing import Any

import numpy as np

from bridge.frames.frame import Frame
from bridge.system.paths import instead
from bridge.transports import Offer, Options, TransportError
from bridge.transports.base import TransportBase
from bridge.transports.spout.receiver import GL_RGBA, Receiver
from bridge.transports.spout.registry import Sender, find, senders
from engine.system import loading
from engine.system.installation import pip

LONGEST_NAME = 250  # bytes of a name; Spout keeps 256 of each
LOOK_FOR = 0.05  # seconds between checks for a missing sender
GLANCE = 0.002  # seconds between checks for a frame if the sender counts them
COMPARED_GLANCE = 1 / 90  # the same if each check costs a copy and a comparison
TRIES = 60  # failed frames in a row until the sender is recreated

made_here: set[str] = set()  # names of this process's own senders: never received


class SpoutSource(TransportBase):
    """The newest frame of one sender: the named one, or the only one present.

    Once it follows a sender it waits for that name, whatever else appears; while that one is
    missing, `Receiver.sender` is None.
    """

    def __init__(self, name: str, options: Options) -> None:
        self._wanted = name
        self._options = options
        self._receiver = Receiver(options.limit)
        self._latched = ""
        self._index = 0

    def receive(self, timeout: float) -> Frame | None:
        """The next new frame; None while the sender is missing or paused."""
        until = perf_counter() + timeout
        while True:
            seen = perf_counter()
            image = self._receiver.poll() if self._latched or self._take_up() else None
            if image is not None:
                self._index += 1
                return Frame(image, seen, self._index)
            left = until - perf_counter()
            if left <= 0:
                return None
            sleep(min(self._pause(), left))

    def close(self) -> None:
        """Release the sender."""
        self._receiver.close()

    @property
    def there(self) -> bool:
        """Whether its sender is present."""
        return self._receiver.sender is not None

    @property
    def status(self) -> str:
        """Who sends what, and by which path it arrives."""
        receiver, name = self._receiver, self._latched or self._wanted
        if sender := receiver.sender:
            return ", ".join(part for part in (sender.name, sender.text, receiver.path) if part)
        if name:
            return f"waiting for spout:{name}"
        there = ", ".join(sender.name for sender in self._foreign())
        choose = f"choose one of {there}, or rename one to {self._options.prefer}"
        return f"waiting: {choose}" if there else "waiting for a Spout sender"

    @property
    def problem(self) -> str:
        """What blocks a sender's frames, with the cure."""
        return self._receiver.problem

    def _pause(self) -> float:
        if self._receiver.sender is None:
            return LOOK_FOR
        return GLANCE if self._receiver.counted else COMPARED_GLANCE

    def _take_up(self) -> bool:
        """Follow the chosen sender, if it is present by now."""
        sender = self._choose()
        if sender:
            self._latched = sender.name
            self._receiver.follow(sender.raw)
        return bool(sender)

    def _choose(self) -> Sender | None:
        """The named sender; without a name the preferred one, else the only foreign one."""
        if self._wanted:
            return find(self._wanted)
        foreign = self._foreign()
        named = [sender for sender in foreign if sender.name == self._options.prefer]
        there = named or foreign
        return there[0] if len(there) == 1 else None

    def _foreign(self) -> list[Sender]:
        own = made_here | {self._options.avoid}
        return [sender for sender in senders() if sender.name not in own]


class SpoutSink(TransportBase):
    """One sender for the whole run; a held frame is not sent again, its texture stays."""

    # Its texture stays, but no receiver is proven yet with a sender that rarely sends.
    keeps_last, needs_beat = False, True

    def __init__(self, name: str) -> None:
        self._name = name
        self._spout: Any = None
        self._true_name = self._path = ""
        self._index: int | None = None
        self._failed = 0
        self._open()

    def send(self, frame: Frame) -> None:
        """Share one frame; TransportError while the system refuses."""
        if frame.index == self._index:
            return
        height, width = frame.image.shape[:2]
        before = None if self._true_name else {sender.name for sender in senders()}
        image = np.ascontiguousarray(frame.image)
        if not self._spout.sendImage(image, width, height, GL_RGBA, False, 0):
            self._refused()
            return
        self._failed, self._index = 0, frame.index
        if before is not None:
            self._true_name = self._found(before)
            made_here.add(self._true_name)
            on_gpu = self._spout.getGLDX() and not self._spout.getCPU()
            self._path = "GPU texture" if on_gpu else "CPU share"

    def close(self) -> None:
        """Remove the sender."""
        made_here.discard(self._true_name)
        self._spout.releaseSender()
        self._spout.closeOpenGL()

    @property
    def status(self) -> str:
        """The name to pick in the receiving program, as Spout registered it."""
        if not self._true_name:
            return f"spout:{self._name} not sent yet"
        return f"pick {self._true_name} in the receiving program, {self._path}"

    def _open(self) -> None:
        self._spout = import_module("SpoutGL").SpoutSender()
        self._spout.createOpenGL()  # without a context it uses the CPU path
        self._spout.setSenderName(self._name)

    def _refused(self) -> None:
        self._failed += 1
        if self._failed < TRIES:
            return
        self._failed = 0
        self.close()
        self._true_name = ""
        self._open()  # a driver reset invalidates the old device
        raise TransportError(
            f"Spout could not share spout:{self._name}; `spout-bridge doctor` shows why."
        )

    def _found(self, before: set[str]) -> str:
        """Find the actual name: Spout silently appends _1, _2 … to a name in use."""
        ours = [s.name for s in senders() if s.name not in before]
        close = [name for name in ours if name.startswith(self._name)]
        return close[0] if close else self._name


def offers() -> list[Offer]:
    """Every sender but our own."""
    return [
        Offer(uri=f"spout:{sender.name}", text=sender.text, problem=sender.refusal)
        for sender in senders()
        if sender.name not in made_here
    ]


def open_source(name: str, options: Options) -> SpoutSource:
    """`spout:NAME`, or `spout:` for the only sender present."""
    _check()
    return SpoutSource(name, options)


def open_sink(name: str, options: Options) -> SpoutSink:
    """`spout:NAME`"""
    _check()
    check_sent(name)
    return SpoutSink(name)


def check_sent(name: str) -> None:
    """TransportError for a name that a sender of ours cannot have."""
    if not name or len(name.encode()) > LONGEST_NAME:
        raise TransportError(
            f"spout: needs a name of at most {LONGEST_NAME} characters, as in spout:BridgeOut."
        )
    if not name[0].isascii():  # its first byte would terminate the list of all senders
        raise TransportError(
            f"spout:{name:.100} would hide other senders: its name must start with a letter from "
            f"A to Z{instead(name, LONGEST_NAME)}."
        )


def _check() -> None:
    if sys.platform != "win32":
        raise TransportError("Spout exists on Windows only; use shm: on this machine.")
    _need(lambda: import_module("SpoutGL"))


def _need(load: Callable[[], object]) -> None:
    try:
        load()
    except ModuleNotFoundError as error:
        raise TransportError(
            f"spout: needs the package SpoutGL; install it with `{pip()} install SpoutGL PyOpenGL`."
        ) from error
    except (ImportError, OSError) as error:
        raise TransportError(f"spout: cannot be used: {loading.sentence(error)}") from error
