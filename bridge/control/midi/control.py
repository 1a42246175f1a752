"""MIDI as one object, `BridgeApi.midi`: it receives bytes, moves what the maps say, learns new
maps, and shows values on the controllers.

Bytes come from the page's browser and from this machine's ports. Only the newest message of each
control is kept until the room's own thread plays it, so that a flood delays nothing.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import Empty, Full, Queue
from time import perf_counter
from typing import Any, TypeAlias

from bridge.control.midi.maps import MapError, Maps, Row, Targets, plain
from bridge.control.midi.parser import CHANNELS, FINE, Beat, Message, Parser, What, encoded
from bridge.control.midi.player import Grip, moved, shown
from bridge.show.tempo import Tempo
from bridge.state.actions import ACTIONS, ActionError
from bridge.state.change import By, Change, Setter
from bridge.state.status import Counters
from bridge.state.store import ParameterError, ParameterStore
from bridge.system.loops import explained, repeat
from engine.parameters import Value

log = logging.getLogger(__name__)

BEAT = 0.002  # seconds between two looks at what arrived
PORTS = 64  # whose messages are understood
LARGEST = 4096  # bytes taken at once
PRESSES = 256  # messages of buttons kept between two looks
ERRANDS = 64  # presses that wait for a disk
MOST_PRESSES = 50  # of one control, per second
LEARNING = 10.0  # seconds that `learn` waits for a control
PAIR = 0.05  # seconds in which the lower bits of a 14-bit controller follow the upper ones
QUIET = 0.2  # seconds after a control's last message for which nothing is shown on it
LOOK = "look"  # the action that a program change without a map presses
FADERS = (What.CC, What.CC14, What.PITCH)

Press: TypeAlias = Callable[..., object]
Send: TypeAlias = Callable[[bytes], object]


@dataclass(slots=True)
class _Learning:
    text: str
    fields: Mapping[str, Any]
    until: float
    found: Row | None = None
    found_at: float = 0.0


class Midi:
    """Any thread may call any method; `forget`, `choose` and `start` use the disk."""

    def __init__(
        self, path: Path, store: ParameterStore, press: Press, tempo: Tempo, counters: Counters
    ) -> None:
        """`press` runs an action by its name, with its value if it takes one."""
        actions = {row.name: row for row in ACTIONS}
        self.maps = Maps(path, Targets(store.specs, actions))
        self.trouble = ""  # what the last press or file could not do; a sentence
        self.learnt = ""  # what `learn` waits for or found; a sentence
        self._store, self._press, self._tempo, self._counters = store, press, tempo, counters
        self._parsers: dict[str, Parser] = {}
        self._moved: dict[tuple[str, What, int, int], list[Message]] = {}
        self._presses: list[tuple[str, Message]] = []
        self._grips: dict[tuple[Row, str], Grip] = {}
        self._pressed: dict[tuple[str, What, int, int], tuple[float, int]] = {}
        self._learning: _Learning | None = None
        self._outs: dict[str, Send | None] = {}  # by open port
        self._fresh: set[str] = set()  # ports opened since: nothing is known of their controls
        self._listens = False
        self._stale: set[str] = set()  # parameters to show on the controllers
        self._lock = threading.Lock()
        self._choosing = threading.Lock()
        self._work = threading.Event()
        self._stopped = threading.Event()
        self._errands: Queue[Callable[[], object]] = Queue(ERRANDS)
        self._threads = (
            threading.Thread(target=self._run, name="MIDI", daemon=True),
            threading.Thread(target=self._run_errands, name="MIDI errands", daemon=True),
        )

    def start(self) -> None:
        """Read the maps; play from now on."""
        self.maps.read()
        self.trouble = self.maps.trouble
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Play nothing more."""
        self._stopped.set()
        self._work.set()
        with suppress(Full):
            self._errands.put_nowait(lambda: None)  # wake it
        for thread in self._threads:
            if thread.is_alive():
                thread.join(1)

    # The ports.

    def receive(self, port: str, data: bytes) -> None:
        """Take bytes that came from a port, however they are cut. Never waits."""
        now = perf_counter()
        with self._lock:
            parser = self._parsers.get(port)
            if parser is None:
                if len(self._parsers) >= PORTS:
                    self.trouble = f"MIDI: {PORTS} ports are open; {port!r:.80} is not heard."
                    return
                parser = self._parsers[port] = Parser()
            found = parser.feed(data[:LARGEST])
            self._counters.midi_messages += len(found)
            for message in found:
                if isinstance(message, Message):
                    self._keep(port, message)
        for beat in found:
            if beat is Beat.CLOCK:
                self._tempo.clock(port, now)
            elif beat in (Beat.START, Beat.CONTINUE):
                self._tempo.clock_starts(port, now, again=beat is Beat.CONTINUE)
            elif beat is Beat.STOP:
                self._tempo.clock_stops(port, now)
        self._work.set()

    def _keep(self, port: str, message: Message) -> None:
        """Keep it for the thread, with the lock held; a fader's replaces its last one, unless one
        is a press and the other none.
        """
        if message.what not in FADERS:
            if len(self._presses) < PRESSES:
                self._presses.append((port, message))
            else:
                self._counters.midi_coalesced += 1
            return
        kept = self._moved.setdefault((port, message.what, message.channel, message.number), [])
        if kept and kept[-1].pressed == message.pressed:
            kept[-1] = message
            self._counters.midi_coalesced += 1
        else:
            kept.append(message)
            if len(kept) > 4:  # presses and releases in turn
                del kept[:2]
                self._counters.midi_coalesced += 2

    def connect(self, port: str, send: Send | None = None) -> None:
        """A port was opened. Show values on its controller from now on, if there is `send`, which
        is called by one thread and must not wait.
        """
        with self._lock:
            listens, self._listens = self._listens, True
            self._outs[port] = send
            self._fresh.add(port)
            self._stale |= self._store.specs.keys()
        if not listens:
            self._store.listen(self._changed)
        self._work.set()

    def disconnect(self, port: str, send: Send | None = None) -> None:
        """It was closed, unless it has been connected with another `send` since."""
        with self._lock:
            if port in self._outs and self._outs[port] == send:
                del self._outs[port]
                self._parsers.pop(port, None)

    @property
    def ports(self) -> Sequence[str]:
        """The open ports, in the order in which they were opened."""
        with self._lock:
            return [*self._outs]

    # The maps.

    def learn(self, target: Value) -> None:
        """Let the next control that moves, within LEARNING seconds, move this: a parameter, or an
        action with its value. ActionError for what no control can move.
        """
        try:
            fields = self.maps.targets.named(str(target))
        except MapError as error:
            raise ActionError(str(error), 422) from error
        action = self.maps.targets.actions.get(str(fields.get("action", "")))
        argument = action.argument if action else None
        if argument and argument.needed and fields.get("value") is None:
            raise ActionError(f"{target} needs its value: {argument.spec.accepts}.", 422)
        spec = self._store.specs.get(str(fields.get("parameter", "")))
        text = spec.name if spec else Row(what=What.CC, number=0, **fields).target
        self.learnt = f"Move a control for {text}."
        self._learning = _Learning(text, fields, perf_counter() + LEARNING)
        self._work.set()

    def cancel(self) -> None:
        """Stop learning; ActionError if nothing is."""
        if self._learning is None:
            raise ActionError("No MIDI control is being learned.")
        self._learning, self.learnt = None, ""

    def forget(self, target: Value) -> None:
        """Remove the maps of a parameter, or of an action with its value; ActionError if there are
        none.
        """
        text = str(target).strip().removeprefix("/bridge/")
        with self._choosing:
            kept = [row for row in self.maps.rows if row.target != text]
            if len(kept) == len(self.maps.rows):
                raise ActionError(f"No MIDI control moves {text!r:.130}.", 404)
            self._choose(kept)

    def choose(self, given: Sequence[object]) -> Sequence[Row]:
        """Use these maps and no others, as `Row.told` writes them; MapError for a bad one."""
        with self._choosing:
            self._choose(self.maps.checked(given))
            return self.maps.rows

    def _choose(self, rows: Iterable[Row]) -> None:
        self.maps.choose([*dict.fromkeys(rows)])
        with self._lock:
            self._grips = {k: grip for k, grip in self._grips.items() if k[0] in self.maps.rows}
            self._stale |= self._store.specs.keys()
        self.trouble = ""
        self._work.set()

    def told(self) -> dict[str, Any]:
        """Its part of `Status`."""
        return {
            "midi": ", ".join(self.ports),
            "midi_learn": self.learnt,
            "midi_messages": self._counters.midi_messages,
            "midi_coalesced": self._counters.midi_coalesced,
        }

    # Its own thread.

    def _changed(self, change: Change) -> None:
        with self._lock:
            if not self._outs:
                return
            self._stale |= change.changed.keys()
        self._work.set()

    def _run(self) -> None:
        repeat(self._step, self._stopped, self._failed, BEAT)

    def _failed(self, error: Exception) -> None:
        self.trouble = f"MIDI: {explained(error, ValueError, LookupError)}"

    def _step(self) -> None:
        self._work.wait(QUIET if self._learning or self._stale else None)
        self._work.clear()
        now = perf_counter()
        with self._lock:
            presses, self._presses = self._presses, []
            moved, self._moved = self._moved, {}
            fresh, self._fresh = self._fresh, set()
            if fresh:
                self._grips = {k: grip for k, grip in self._grips.items() if k[1] not in fresh}
        for port, message in presses:
            self._play(port, [message], now)
        changes: dict[str, dict[str, tuple[Value, Grip]]] = {}
        for (port, *_), messages in moved.items():
            changes.setdefault(port, {}).update(self._play(port, messages, now))
        for port, of_port in changes.items():
            self._set(port, of_port)
        self._learn_on(now)
        self._show(now)
        self._stopped.wait(BEAT)

    def _play(
        self, port: str, messages: Sequence[Message], now: float
    ) -> Mapping[str, tuple[Value, Grip]]:
        """Do what a control's messages mean; what faders set is returned instead."""
        found: dict[str, tuple[Value, Grip]] = {}
        for message in messages:
            if self._learning:
                self._learned(port, message, self._learning, now)
                continue
            rows = [row for row in self.maps.rows if row.hears(port, message)]
            for row in rows:
                grip = self._grips.setdefault((row, port), Grip())
                grip.at, grip.shown = now, self._at(row, message)
                if row.action:
                    if message.pressed and not (grip.down and message.what in FADERS):
                        self._button(port, message, row.action, row.value, now)
                    grip.down = message.pressed
                elif (value := self._value(row, message, grip)) is not None:
                    found[row.parameter] = value, grip
            if not rows and message.what is What.PROGRAM:
                self._button(port, message, LOOK, None, now)
        if messages and messages[0].what not in FADERS:
            self._set(port, found)
            return {}
        return found

    def _value(self, row: Row, message: Message, grip: Grip) -> Value | None:
        spec = self._store.specs[row.parameter]
        current = self._store.snapshot.values[row.parameter]
        return moved(row, spec, message, grip, current)

    def _at(self, row: Row, message: Message) -> bytes:
        """What would have been sent to a control that stands where this came from; a note's lamp is
        the controller's own affair.
        """
        if message.what not in FADERS:
            return b""
        return encoded(row.what, row.channel or 1, row.number, message.position)

    def _set(self, port: str, values: Mapping[str, tuple[Value, Grip]]) -> None:
        """Set what a port's controls moved; what cannot be set is told, and the rest is set."""
        left = dict(values)
        while left:
            try:
                given = {name: value for name, (value, _) in left.items()}
                held = self._store.update(given, Setter(By.MIDI, plain(port)), lenient=True)
            except ParameterError as error:
                self.trouble = f"MIDI: {error}"
                if not (bad := left.keys() & error.problems.keys()):
                    return
                left = {name: each for name, each in left.items() if name not in bad}
                continue
            for name, (_, grip) in left.items():
                grip.value = held[name]
            return

    def _button(
        self, port: str, message: Message, action: str, value: Value | None, now: float
    ) -> None:
        """Press an action; one that waits for a disk in another thread."""
        key = port, message.what, message.channel, message.number
        since, count = self._pressed.get(key, (now, 0))
        since, count = (now, 0) if now - since >= 1 else (since, count)
        if len(self._pressed) > CHANNELS * 128:
            self._pressed.clear()
        self._pressed[key] = since, count + 1
        row = self.maps.targets.actions.get(action)
        if count >= MOST_PRESSES or row is None:
            self._counters.midi_coalesced += 1
            return
        needed = row.argument is not None and value is None and message.what is What.PROGRAM
        given = (message.number + 1,) if needed else () if value is None else (value,)
        deed = partial(self._do, action, *given)
        if not row.waits:
            deed()
            return
        self._errand(deed)

    def _errand(self, deed: Callable[[], object]) -> None:
        try:
            self._errands.put_nowait(deed)
        except Full:
            self.trouble = "MIDI: too many buttons wait for a disk; the last press was dropped."

    def _do(self, action: str, *given: Value) -> None:
        try:
            self._press(action, *given)
        except (ValueError, LookupError) as error:
            self.trouble = f"MIDI: {action}: {error.args[0] if error.args else error}"
            log.warning("%s", self.trouble)
        except Exception as error:  # noqa: BLE001 - an action failed: it must not stop the others
            self.trouble = f"MIDI: {action}: {explained(error)}"
        else:
            self.trouble = ""

    def _run_errands(self) -> None:
        while not self._stopped.is_set():
            try:
                deed = self._errands.get(timeout=0.5)
            except Empty:
                continue
            deed()

    def _learned(self, port: str, message: Message, learning: _Learning, now: float) -> None:
        """Note the control that `learn` waits for. The first message of a 14-bit controller is that
        of a plain one: its lower bits may follow.
        """
        if learning.found:
            pair = learning.found.channel, learning.found.number
            if message.what is What.CC14 and pair == (message.channel, message.number):
                learning.found = self._row(port, message, learning)
                learning.found_at = now - PAIR
            return
        if message.what is What.NOTE and not message.pressed:
            return
        learning.found = self._row(port, message, learning)
        waits = message.what is What.CC and message.number < FINE
        learning.found_at = now if waits else now - PAIR

    def _row(self, port: str, message: Message, learning: _Learning) -> Row:
        return Row(port=plain(port), channel=message.channel, what=message.what,
                   number=message.number, **learning.fields)  # fmt: skip

    def _learn_on(self, now: float) -> None:
        """Keep what was learned, or give up."""
        learning = self._learning
        if learning is None:
            return
        if learning.found and now - learning.found_at >= PAIR:
            self._learning = None
            self._errand(partial(self._keep_learned, learning.found, learning.text))
        elif learning.found:
            self._work.set()
        elif now > learning.until:
            self._learning = None
            self.learnt = f"No MIDI control moved for {learning.text}."

    def _keep_learned(self, row: Row, text: str) -> None:
        with self._choosing:
            others = [other.target for other in self.maps.rows if _same(other, row)]
            try:
                self._choose([*self.maps.rows, row])
            except ActionError as error:
                self.learnt = str(error)
                return
        also = [name for name in dict.fromkeys(others) if name != row.target]
        more = f"; it moves {', '.join(also)} too" if also else ""
        control = row.control()
        self.learnt = f"{control[0].upper()}{control[1:]} moves {text}{more}."
        log.info("%s", self.learnt)

    def _show(self, now: float) -> None:
        """Show values on the controllers whose control is not being moved."""
        with self._lock:
            stale, self._stale = self._stale, set()
            outs = {port: send for port, send in self._outs.items() if send}
        if not stale or not outs:
            return
        values = self._store.snapshot.values
        for row in self.maps.rows:
            if row.parameter not in stale:
                continue
            data = shown(row, self._store.specs, values)
            for port, send in outs.items():
                if not data or row.port.casefold() not in port.casefold():
                    continue
                grip = self._grips.setdefault((row, port), Grip())
                if now - grip.at < QUIET:
                    with self._lock:
                        self._stale.add(row.parameter)
                elif grip.shown != data:
                    grip.shown = data
                    self._send(port, send, data)

    def _send(self, port: str, send: Send, data: bytes) -> None:
        try:
            send(data)
        except Exception as error:  # noqa: BLE001 - from a driver: the other ports must be served
            self.trouble = f"MIDI: {port} shows no values: {explained(error, OSError)}"


def _same(one: Row, other: Row) -> bool:
    """Whether two rows are of one control."""
    a, b = ((r.port, r.channel, r.what, r.number) for r in (one, other))
    return a == b
