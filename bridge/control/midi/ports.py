"""MIDI ports of this machine: those whose name has a wanted part are opened, and opened again when
they come back. A driver may hang: every call into one runs aside, with a deadline.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

from bridge.control.midi.control import Midi, Send
from bridge.control.midi.maps import plain
from bridge.system.aside import Aside, SlowError
from bridge.system.loops import explained, repeat
from engine.system.installation import with_extra

log = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks at which ports there are
PATIENCE = 3.0  # seconds that a driver may take
SEQUENCER = "/dev/snd/seq"  # of ALSA, without which Linux has no MIDI ports

Hear: TypeAlias = Callable[[bytes], None]
Close: TypeAlias = Callable[[], None]


class Backend(Protocol):
    """A library that knows the system's MIDI ports. Any call may take long, or fail."""

    def inputs(self) -> Sequence[str]:
        """The names of the ports that send."""
        ...

    def listen(self, port: str, hear: Hear) -> Close:
        """Open one of them; `hear` gets its bytes in a thread of the library."""
        ...

    def sender(self, port: str) -> tuple[Send, Close] | None:
        """Open the port that shows values on the same controller, if it has one."""
        ...


class RtMidi:
    """The package rtmidi2."""

    def __init__(self) -> None:
        self._library: Any = import_module("rtmidi2")

    def inputs(self) -> Sequence[str]:
        """The names of the ports that send."""
        if sys.platform == "linux" and not os.access(SEQUENCER, os.R_OK | os.W_OK):
            raise OSError(
                f"ALSA's sequencer {SEQUENCER} cannot be opened: `sudo modprobe snd-seq` loads it, "
                "and the group `audio` may use it; or use MIDI on the page."
            )
        return list(self._library.get_in_ports())

    def listen(self, port: str, hear: Hear) -> Close:
        """Open one of them."""
        opened = self._library.MidiIn()
        opened.ignore_types(midi_sysex=True, midi_time=False, midi_sense=True)

        def heard(message: list[int], _: float) -> None:
            hear(bytes(message))

        opened.callback = heard
        opened.open_port(list(opened.ports).index(port))

        def close() -> None:
            opened.callback = None
            opened.close_port()

        return close

    def sender(self, port: str) -> tuple[Send, Close] | None:
        """Open the port out of the same name; Windows numbers both sides apart."""
        opened = self._library.MidiOut()
        names = list(opened.ports)
        exact = [place for place, name in enumerate(names) if name == port]
        alike = [place for place, name in enumerate(names) if plain(name) == plain(port)]
        if not (found := exact or alike):
            return None
        opened.open_port(found[0])
        return partial(_sent, opened), opened.close_port


BACKENDS: Mapping[str, Callable[[], Backend]] = {"rtmidi2": RtMidi}  # by package, the best first


def _sent(opened: Any, data: bytes) -> None:
    """Send messages of three bytes."""
    for start in range(0, len(data), 3):
        opened.send_raw(*data[start : start + 3])


def backend() -> Backend:
    """The first that is installed; ValueError, with the cure, if none is."""
    for package, made in BACKENDS.items():
        if find_spec(package):
            return made()
    raise ValueError(f"MIDI ports need the extra `midi`: {with_extra('midi')}.")


class Ports:
    """Keeps the wanted ports open, in a thread of its own. `trouble` is what is wrong, in one
    sentence; empty if nothing is.
    """

    def __init__(self, wanted: Sequence[str], midi: Midi, backend: Backend) -> None:
        self.trouble = ""
        self._wanted, self._midi, self._backend = wanted, midi, backend
        self._open: dict[str, tuple[Sequence[Close], Send | None]] = {}
        self._aside = Aside()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="MIDI ports", daemon=True)

    def start(self) -> None:
        """Open them, and look after them from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close them, unless a driver hangs."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        repeat(self._step, self._stopped, self._failed, LOOK)
        for port in list(self._open):
            self._close(port)

    def _failed(self, error: Exception) -> None:
        self._say(
            f"MIDI ports cannot be used: {explained(error, SlowError, RuntimeError, OSError)}"
        )

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble

    def _step(self) -> None:
        there = self._aside.ask("MIDI ports", self._backend.inputs, PATIENCE)
        for port in self._open.keys() - {*there}:
            log.info("MIDI: %s is gone", port)
            self._close(port)
        missing: list[str] = []
        for part in self._wanted:
            found = [port for port in there if part.casefold() in port.casefold()]
            missing += [] if found else [part]
            for port in found:
                if port not in self._open:
                    self._take(port)
        some = ", ".join(dict.fromkeys(map(plain, there))) or "no other"
        names = ", ".join(missing)
        self._say(f"MIDI: no port is called {names}; there is {some}." if missing else "")
        self._stopped.wait(LOOK)

    def _take(self, port: str) -> None:
        """Open a port, and the way back to it if there is one."""
        hear = partial(self._midi.receive, port)
        close = self._asked(port, partial(self._backend.listen, port, hear))
        try:
            out = self._asked(port, partial(self._backend.sender, port))
        except Exception as error:  # noqa: BLE001 - from a driver: a controller may have no lamps
            log.warning("MIDI: %s shows no values: %s", port, error)
            out = None
        send, *closes = out or (None,)
        self._open[port] = (close, *closes), send
        self._midi.connect(port, send)
        log.info("MIDI: %s is open", port)

    def _close(self, port: str) -> None:
        closes, send = self._open.pop(port)
        self._midi.disconnect(port, send)
        for close in closes:
            try:
                self._asked(port, close)
            except Exception as error:  # noqa: BLE001 - from a driver, of a port that is gone
                log.debug("MIDI: %s: %s", port, error)

    def _asked(self, port: str, call: Callable[[], Any]) -> Any:
        return self._aside.ask(f"MIDI port {plain(port)}", call, PATIENCE)
