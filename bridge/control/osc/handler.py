"""What OSC messages do: set values, press buttons, answer queries."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import lru_cache, partial
from ipaddress import ip_address
from itertools import count as counting
from itertools import islice
from time import perf_counter, time
from typing import Any

from bridge.control.bridge_api import Action, BridgeApi
from bridge.control.osc.errands import Asked, Checked, Deed, Errand, Errands, Group, Groups
from bridge.control.osc.feedback import Feedback
from bridge.control.osc.inbox import (
    WILD_BYTES,
    Allowance,
    Inbox,
    Item,
    Sender,
    address_of,
    unwrapped,
)
from bridge.control.osc.packets import BUNDLE, HEAD, Arguments, PacketError, parse, split
from bridge.control.osc.patterns import LONGEST, Patterns, is_pattern
from bridge.control.osc.routes import (
    BLIND_PIPELINE,
    FLOAT,
    ROOT,
    addresses,
    blind,
    buttons,
    faders,
    former,
    indexed,
    joined,
    pressed,
    reply_to,
    triggered,
    value,
)
from bridge.show.blind import NO_PIPELINE
from bridge.state.change import By, Setter
from bridge.state.inputs import GUIDES, NONE, ROLES, Role
from bridge.state.renamed import tell_once
from bridge.state.store import ParameterError
from bridge.system import logs
from bridge.system.paths import meant
from bridge.transports import TransportError
from engine.parameters import ParameterSpec, Value

log = logging.getLogger(__name__)

HELD = 0.008  # seconds for which listeners hear of a moving fader once, whatever its rate
LOG_EVERY = 1.0  # seconds between log lines, and between reported errors, of one kind
MOST_TROUBLE = 16  # of both, over all kinds, in that time
MOST_KINDS = 512  # kinds of errors remembered
MOST_ROWS = 256  # messages of a bundle; of more, after thinning
MOST_BY_PATTERN = 256  # values set by the patterns of a bundle, or work that takes as long
MOST_PRESSES = 50  # per button and second
SHOWN = 3  # addresses of a change named in its setter
LETTERS = 16  # characters of a pattern matched in the time of one message
BYTES = 32  # of a bundle per message; few messages are shorter
# Commands that may wait for a disk
ON_DISK = frozenset(ROOT + name for name in ("pipeline", "download", "download/cancel", *ROLES))
STEPS = ROOT + "undo"  # the errand of undo and redo: each press counts, in order
CHOICES = (ROOT + "pipeline", ROOT + "source")  # that are not parameters
DEFAULTS = ROOT + "defaults"
NO_FADER = "", None
OURS = (ROOT + "error", ROOT + "pong", ROOT + "state/")  # not errors when two bridges meet


class Handler:
    """Used by one thread. Values wait in `_changes` until `flush` stores them in one snapshot;
    everything else waits in `_then` and is done afterwards, in order. The store's listeners hear of
    values by `tell`, or before anything else is done.

    Anything that reads files (references, LoRAs, a pipeline's weights) is an errand, since a disk
    may be asleep: such values wait in `_looks`, and the errand stores them. A bundle with such a
    value is stored whole by that errand.
    """

    def __init__(self, desk: BridgeApi, feedback: Feedback, patterns: bool = True) -> None:
        self._desk = desk
        self._feedback = feedback
        self.specs = addresses(desk.store.specs.values())
        self._former = former(desk)
        self._faders = faders(desk)
        self._buttons = buttons(desk)
        self._indexed = {
            address: action
            for address, action in self._buttons.items()
            if action.argument and action.argument.index
        }
        self._commands: dict[str, Callable[[Arguments, Sender], None]] = {
            ROOT + "pipeline": self._pipeline,
            **{ROOT + role: partial(self._source, role) for role in ROLES},
            ROOT + "download": lambda args, _: desk.weights.download(joined(args)),
            ROOT + "download/cancel": lambda _, __: desk.weights.cancel(),
            ROOT + "who": self._who,
            ROOT + "ping": lambda _, sender: feedback.answer({ROOT + "pong": 1}, sender),
            ROOT + "query": lambda args, sender: feedback.tell_all(reply_to(args, sender)),
            ROOT + "subscribe": lambda args, sender: feedback.subscribe(reply_to(args, sender)),
            ROOT + "unsubscribe": lambda args, sender: feedback.unsubscribe(reply_to(args, sender)),
        }
        self._blind = blind(self.specs)
        # Commands talk to one sender: patterns never match them.
        self._patterns = Patterns((*self.specs, *self._buttons) if patterns else ())
        self._thinned = {address.encode(): spec.name for address, spec in self.specs.items()}
        self._thinned |= {address.encode(): address for address in self._blind}
        numbered = (f"{address}/" for address in self._indexed)
        self._others = frozenset(a.encode() for a in (*self._buttons, *self._commands, *numbered))
        self._allowance = Allowance()
        self._by_pattern = 0  # work done for patterns of this datagram
        self._told_at = 0.0
        self._changes: dict[str, Checked] = {}
        self._looks: dict[str, Asked] = {}
        self._groups = Groups()
        self._then: list[tuple[str, Callable[[], object]]] = []
        self._sender: Sender = ("", 0)
        self._turn = 0  # of the current datagram
        self._bundled = False  # whether it is a bundle
        self._chosen: dict[str, int] = {}  # the turn in which a pipeline and a source were chosen
        self._presses: dict[str, tuple[float, int]] = {}
        self._refused_at: dict[str, float] = {}
        self._trouble: tuple[float, int] = 0.0, 0
        self._traced: set[str] = set()
        self._advised: set[tuple[str, str]] = set()  # machines, and the advice they got
        self._errands = Errands()
        self._count = counting(1)  # of deeds that each count
        self._lock = threading.Lock()

    def inbox(self) -> Inbox:
        """A new queue of messages for this handler."""
        return Inbox(self._thinned, self._others)

    def close(self) -> None:
        """Start nothing more."""
        self._errands.close()

    def look(self, inbox: Inbox) -> float | None:
        """Handle all that arrived, within the allowance; count and refuse the rest. Returns what
        `done` does.
        """
        self._allowance.renew()
        kept, left = inbox.afford(self._allowance, self._cost)
        for versions in kept:
            self._desk.counters.osc_coalesced += len(versions) - self.newest(versions)
        for sender, count in Counter(sender for _, sender, _ in left).items():
            text = f"{sender[0]} sends too much; only the newest messages are used."
            self.refuse("flood", text, sender, count=count)
        return self.done()

    def alone(self, data: bytes, sender: Sender, turn: int = 0) -> None:
        """Handle a datagram with which no other arrived, as `take`; `done` follows."""
        address, spec = self._faders.get(data[: -FLOAT.size], NO_FADER)
        if spec:  # as a rule: nothing waits, so it is stored without being collected first
            (given,) = FLOAT.unpack(data[-FLOAT.size :])
            if spec.within(given):
                self._feedback.received(spec, sender, as_sent=True)
                self._desk.store.put({spec.name: given}, _named_setter(sender, address), turn)
                return
        self.take(unwrapped(data), sender, turn)

    def done(self) -> float | None:
        """End a turn: store its values. Returns the seconds until a turn must follow, in which the
        listeners hear of them; None if they have.
        """
        self.flush()
        if not self._desk.store.untold:
            return None
        wait = self._told_at + HELD - perf_counter()
        if wait > 0:
            return wait
        self.tell()
        return None

    def tell(self) -> None:
        """Tell the store's listeners what was set."""
        self._told_at = perf_counter()
        self._desk.store.tell()

    def newest(self, versions: Iterable[Item]) -> int:
        """Apply the newest valid datagram; returns how many were tried."""
        looked = 0
        for data, sender, turn in reversed([*versions]):
            if looked and not self._allowance.has(sender):
                continue
            looked += 1
            if self.take(data, sender, turn):
                break
            self._allowance.spend(sender, 1)
        return looked

    def take(self, data: bytes, sender: Sender, turn: int = 0) -> bool:
        """Handle one datagram; returns whether all of it was valid. A bundle is stored on its own.
        `turn` is when it arrived, 0 for now: a value set later wins.
        """
        bundle = data.startswith(BUNDLE)
        if bundle or self._then or (sender, turn) != (self._sender, self._turn):
            self.flush()
        self._sender, self._turn, self._bundled = sender, turn, bundle
        self._by_pattern = 0
        if not bundle:
            return self._message(data, sender)
        if faders := self._moved(data):
            self._desk.counters.osc_messages += len(faders) - 1
            for name in faders:
                self._feedback.received(self._desk.store.specs[name], sender, as_sent=True)
            self._changes = faders
            self._put()
            return True
        good = self._bundle(data, sender)
        self.flush(whole=True)
        return good

    def flush(self, *, whole: bool = False) -> None:
        """Store the collected values in one snapshot, then do the rest. If `whole`, nothing is
        stored before everything can be.
        """
        if not self._looks and not self._then:  # as a rule
            self._put()
            return
        looks, self._looks = self._looks, {}
        then, self._then = self._in_turn(self._then), []
        if looks and whole:
            changes, self._changes = self._changes, {}
            held = [(a, deed) for a, deed in then if self._button(a) or a in ON_DISK]
            deeds = {(a, next(self._count) if self._counts(a) else 0): deed for a, deed in held}
            then = [row for row in then if row not in held]
            self._look_aside(looks, changes, deeds)
        else:
            self._put()
            self.tell()
            for place in dict.fromkeys(map(self._place, looks)):
                self._look_aside({n: looks[n] for n in looks if self._place(n) == place})
        for address, deed in then:
            kind = self._errand(address)
            if not kind:
                self._attempt(self._sender, address, deed)
                continue
            turn = self._turn or self._desk.store.turn()
            errand = partial(self._attempt_at, turn, self._sender, address, deed)
            if self._errands.put(kind, errand, each=self._counts(address)):
                self._desk.counters.osc_coalesced += 1

    def _put(self) -> None:
        """Store the collected values."""
        if self._changes:
            changes, self._changes = self._changes, {}
            values = {name: value for name, (_, value) in changes.items()}
            self._desk.store.put(values, _setter(changes, self._sender), self._turn)

    def _in_turn(self, then: list[tuple[str, Errand]]) -> list[tuple[str, Errand]]:
        """Without delayed choices of a pipeline or source that a later choice has overridden."""
        found: list[tuple[str, Errand]] = []
        for address, deed in then:
            kind = self._errand(address)
            if kind in CHOICES:
                turn = self._turn or self._desk.store.turn()
                if turn < self._chosen.get(kind, 0):
                    self._desk.counters.osc_coalesced += 1
                    continue
                self._chosen[kind] = turn
            found.append((address, deed))
        return found

    def _look_aside(
        self,
        looks: dict[str, Asked],
        changes: dict[str, Checked] | None = None,
        deeds: dict[Deed, Errand] | None = None,
    ) -> None:
        """Off this thread, check and store values that need files, together with `changes`; then
        do `deeds`.
        """
        place = " and ".join(sorted({self._place(name) for name in looks}))
        turn = self._turn or self._desk.store.turn()
        group = Group(turn, self._sender, looks, changes or {}, deeds or {})
        self._desk.counters.osc_coalesced += self._groups.put(place, group)
        self._errands.put(f"look for {place}", partial(self._look_for, place))

    def _place(self, name: str) -> str:
        """The folder that a value needs: one disk may be asleep while the other is not."""
        return "pictures" if self._desk.store.specs[name].asset else "models"

    def _look_for(self, place: str) -> None:
        """Process the groups of a place; runs in an errand's thread."""
        while group := self._groups.next(place):
            with self._desk.store.at(group.turn):
                self._attempt(group.sender, "value", self._found, group)
            for (address, _), deed in group.deeds.items():
                self._attempt_at(group.turn, group.sender, address, deed)

    def _found(self, group: Group) -> None:
        """Store a group as a whole, except values whose files do not exist."""
        specs, changes, odd = self._desk.store.specs, {**group.changes}, list[str]()
        for name, (address, given) in group.looks.items():
            try:
                applied = self._desk.store.check({name: given}, lenient=True)[name]
            except ValueError as error:
                odd.append(name)
                self._feedback.received(specs[name], group.sender, as_sent=False)
                self.refuse(address, f"{address}: {error}", group.sender)
                continue
            changes[name] = address, applied
            as_sent = given == applied
            self._feedback.received(specs[name], group.sender, as_sent=as_sent)
            odd += [] if as_sent else [name]
        try:
            if changes:
                self._store(changes, group.sender)
        finally:
            self._hold(odd, group.sender)

    def _attempt_at(self, turn: int, sender: Sender, address: str, deed: Errand) -> None:
        with self._desk.store.at(turn):
            self._attempt(sender, address, deed)

    def _store(self, changes: Mapping[str, Checked], sender: Sender) -> None:
        """Store what can be; for values that do not fit the rest, send the ones kept."""
        update = partial(self._desk.store.update, setter=_setter(changes, sender), lenient=True)
        values = {name: value for name, (_, value) in changes.items()}
        try:
            update(values)
        except ParameterError as error:
            refused = error.problems.keys()
            self._hold(refused, sender)
            if good := {name: value for name, value in values.items() if name not in refused}:
                update(good)
            raise

    def _hold(self, names: Iterable[str], sender: Sender) -> None:
        """Send the current values to controllers; the `sender` tried to set others."""
        values, specs = self._desk.store.snapshot.values, self._desk.store.specs
        self._feedback.tell({ROOT + specs[name].osc: values[name] for name in names}, sender)

    def refuse(
        self, kind: str, text: str, sender: Sender | None, error: Exception | None = None,
        guess: Callable[[], str] = str, count: int = 1,
    ) -> None:  # fmt: skip
        """Count and report a refusal of so many messages; see `_complain`."""
        with self._lock:  # errands are refused too
            self._desk.counters.osc_refused += count
        self._complain(kind, text, sender, error, guess)

    def _complain(
        self, kind: str, text: str, sender: Sender | None, error: Exception | None = None,
        guess: Callable[[], str] = str,
    ) -> None:  # fmt: skip
        """Log and report it, to its `sender` too unless None, at most once a second for each kind.
        The traceback of an unexpected `error` is logged once. `guess` adds what was probably meant;
        it takes a while.
        """
        with self._lock:
            now = perf_counter()
            if now < self._refused_at.get(kind, 0.0) or not self._may_tell(now):
                return
            if len(self._refused_at) >= MOST_KINDS:
                self._refused_at.clear()
            self._refused_at[kind] = now + LOG_EVERY
            trace = error if error and kind not in self._traced else None
            if trace and len(self._traced) < MOST_KINDS:
                self._traced.add(kind)
        text += guess()
        log.warning("OSC: %s", text, exc_info=trace)
        self._feedback.tell({ROOT + "error": text[:1000]}, sender)

    def _advise(self, note: str, sender: Sender, about: str = "") -> None:
        """Advise a sender once what to do differently; also logged. Notes `about` the same count
        as one.
        """
        about = about or note
        if (sender[0], about) in self._advised or not self._may_tell(perf_counter()):
            return
        if len(self._advised) >= MOST_KINDS:
            self._advised.clear()
        self._advised.add((sender[0], about))
        log.warning("OSC from %s:%d: %s", *sender, note)
        with suppress(ValueError):  # too many queries at once: it is in the log
            self._feedback.answer({ROOT + "error": note}, sender)

    def _may_tell(self, now: float) -> bool:
        since, told = self._trouble
        if now - since >= LOG_EVERY:
            since, told = now, 0
        self._trouble = since, told + 1
        return told < MOST_TROUBLE

    def _cost(self, data: bytes) -> int:
        """The cost of a datagram, in messages."""
        if data.startswith(BUNDLE):
            return 1 + len(data) // BYTES
        address = address_of(data)
        if WILD_BYTES.isdisjoint(address):
            return 1
        found = self._patterns.matching(address.decode("ascii", "replace"))
        return 1 + len(found) + len(address) // LETTERS

    def _moved(self, data: bytes) -> dict[str, Checked]:
        """The values of a bundle that moves faders and does nothing else; empty for any other."""
        found: dict[str, Checked] = {}
        place, end = HEAD, len(data)
        while place < end and len(found) < MOST_ROWS:
            start = place + 4
            place = start + int.from_bytes(data[place:start], "big")
            address, spec = self._faders.get(data[start : place - FLOAT.size], NO_FADER)
            if not spec or place > end or spec.name in found:  # the last: only `_bundle` thins
                return {}
            (given,) = FLOAT.unpack_from(data, place - FLOAT.size)
            if not spec.within(given):
                return {}
            found[spec.name] = address, given
        return found if place == end else {}

    def _bundle(self, data: bytes, sender: Sender) -> bool:
        """The messages of a bundle; of very many, thinned like single ones."""
        try:
            messages = split(data)
        except PacketError as error:
            self.refuse("packet", str(error), sender)
            return False
        counters = self._desk.counters
        counters.osc_messages += len(messages) - 1
        rows = [[Item(message, sender)] for message in messages]
        if len(rows) > MOST_ROWS:  # thin it
            inbox = self.inbox()
            for message in messages:
                inbox.add(message, sender)
            rows = inbox.take()
        if len(rows) > MOST_ROWS:
            text = f"A bundle holds {len(rows)} messages; at most {MOST_ROWS} fit."
            self.refuse("bundle", text, sender)
            return False
        bad = 0
        for versions in rows:
            looked = 0
            for message, *_ in reversed(versions):
                looked += 1
                if self._parted_by_a_button(message):
                    self.flush(whole=True)
                good = self._message(message, sender)
                bad += not good
                if good or bad > MOST_ROWS:
                    break
            counters.osc_coalesced += len(versions) - looked
        return not bad

    def _parted_by_a_button(self, message: bytes) -> bool:
        """Whether a value in a bundle comes after a button that may set it: in `defaults, vace 0.3`
        the value wins.
        """
        parted = any(
            self._button(a) and self._errand(a) in ("", DEFAULTS, STEPS) for a, _ in self._then
        )
        return parted and address_of(message) in self._thinned

    def _button(self, address: str) -> Action | None:
        """The action that an address presses; also one with its argument's number behind it."""
        above, _, number = address.rpartition("/")
        return self._buttons.get(address) or (
            self._indexed.get(above) if number.isdecimal() else None
        )

    def _counts(self, address: str) -> bool:
        """Whether each press of the button at an address counts, and not only the newest."""
        action = self._button(address)
        return action is not None and action.each

    def _errand(self, address: str) -> str:
        """The errand kind of a message; empty if it is done at once."""
        if address.startswith(ROOT + "pipeline/"):
            return ROOT + "pipeline"
        if address == ROOT + "redo":
            return STEPS
        if action := self._button(address):
            kind = address if address in self._buttons else address.rpartition("/")[0]
            return kind if action.waits else ""
        spec = self._blind.get(address)
        return address if address in ON_DISK or (spec and spec.looks) else ""

    def _message(self, data: bytes, sender: Sender) -> bool:
        """Handle a message; returns whether it was valid. A pattern is valid if it matches."""
        address, spec = self._faders.get(data[: -FLOAT.size], NO_FADER)
        if spec and not (self._bundled and spec.name in self._changes):
            (given,) = FLOAT.unpack(data[-FLOAT.size :])
            if spec.within(given):
                self._changes[spec.name] = address, given
                self._feedback.received(spec, sender, as_sent=True)
                return True
        try:
            message = parse(data)
        except PacketError as error:
            self.refuse("packet", str(error), sender)
            return False
        except Exception as error:  # noqa: BLE001 - the codec failed: no bytes may stop the listener
            self.refuse("packet", f"A message could not be parsed{logs.see()}.", sender, error)
            return False
        if message.note:
            self._advise(message.note, sender)
        address = message.address
        if not is_pattern(address):
            return self._attempt(sender, address, self._do, address, message.arguments, sender)
        if self._by_pattern >= MOST_BY_PATTERN:
            text = "The patterns in a bundle match too much; some were ignored."
            self.refuse("pattern", text, sender)
            return False
        found = self._matching(address)
        meant = [a for a in found if a in self.specs and self.specs[a].by_pattern]
        self._by_pattern += 1 + len(meant) + len(address) // LETTERS
        if not meant:
            self._refuse_pattern(address, found, sender)
        for each in meant:
            self._attempt(sender, each, self._do, each, message.arguments, sender)
        return bool(meant)

    def _matching(self, pattern: str) -> Sequence[str]:
        """What a pattern matches; former addresses only if it spells them out, or matches no
        other.
        """
        found = self._patterns.matching(pattern)
        spelled = [a for a in found if a not in self._former or a.removeprefix(ROOT) in pattern]
        return spelled or found

    def _refuse_pattern(self, pattern: str, found: Sequence[str], sender: Sender) -> None:
        """Report why a pattern does nothing; `found` are all its matches."""
        if not found:
            self.refuse("address", f"Nothing matches {pattern[:80]!r}.", sender)
            return
        self.refuse(
            "pattern",
            f"The pattern {pattern[:80]!r} matches only addresses that patterns cannot set "
            f"({', '.join(found[:3])}): buttons, controls that hide the output, load parameters; "
            "send to the exact address.",
            sender,
        )

    def _do(self, address: str, arguments: Arguments, sender: Sender) -> None:
        """One message to one address."""
        if arguments == ["?"] and self._feedback.ask(address, sender):
            return
        if address in self._former:
            tell_once(address, self._former[address])
            self._feedback.answer_at(address, self._former[address])
        if address in self.specs:
            self._value(self.specs[address], address, arguments, sender)
        elif action := self._buttons.get(address):
            given = pressed(action, arguments)
            if given is not None:
                self._press(address, address, action, *given)
        elif address in self._commands:
            self._then.append((address, partial(self._commands[address], arguments, sender)))
        elif spec := self._blind.get(address):
            self._then.append((address, partial(self._set_blind, spec, address, arguments, sender)))
        elif address == BLIND_PIPELINE:
            self.refuse("blind", f"{address}: {NO_PIPELINE}", sender)
        elif found := indexed(self._indexed, address):
            of, index = found
            if triggered(arguments):
                self._press(address, of, self._indexed[of], index)
        elif not address.startswith(OURS) or arguments == ["?"]:
            guess = partial(self._guess, address)
            self.refuse("address", f"Unknown address {address[:80]!r}.", sender, guess=guess)

    def _guess(self, address: str) -> str:
        """The known address that is most like an unknown one, as a question."""
        known = {*self.specs, *self._buttons, *self._commands} - self._former.keys()
        names = {each.removeprefix(ROOT).casefold(): each for each in known}
        near = get_close_matches(address[:LONGEST].removeprefix(ROOT).casefold(), names, 1)
        return f" Did you mean {names[near[0]]}?" if near else ""

    def _press(self, address: str, of: str, action: Action, *given: Value) -> None:
        """Press a button of the action at `of`; more presses than a person can make are refused."""
        now = perf_counter()
        since, pressed = self._presses.get(address, (now, 0))
        if now - since >= 1:
            since, pressed = now, 0
        self._presses[address] = since, pressed + 1
        if pressed >= MOST_PRESSES:
            raise ValueError(f"Pressed more than {MOST_PRESSES} times in a second.")
        self._then.append((address, partial(self._run, of, action, *given)))

    def _run(self, address: str, action: Action, *given: Value) -> None:
        """Run an action, and send what it answers."""
        if (answer := action.run(*given)) is not None:
            self._feedback.tell({address: answer})

    def _value(
        self, spec: ParameterSpec, address: str, arguments: Arguments, sender: Sender
    ) -> None:
        try:
            given = value(spec, arguments)
            self._tell_twice(spec, address, sender)
            clamped = "" if spec.draws else spec.clamps(given)
            applied: Value | None = None
            if spec.looks:
                spec.coerce(given)
            else:
                applied = self._desk.store.check({spec.name: given}, lenient=True)[spec.name]
            if clamped:  # and used: what cannot be is refused
                self._advise(f"{address}: {clamped}", sender, address)
            if applied is None:
                self._looks[spec.name] = address, given
                return
        except ValueError:
            self._feedback.received(spec, sender, as_sent=False)
            self._then.append((address, partial(self._hold, [spec.name], sender)))
            raise
        self._changes[spec.name] = address, applied
        self._feedback.received(spec, sender, as_sent=given == applied)
        if given != applied:
            # the adjusted value is sent even if it equals the previous one
            self._then.append((address, partial(self._hold, [spec.name], sender)))
            if spec.draws:  # another seed gives another image, however close
                self._then.append((address, partial(self._other, spec, address, given, sender)))

    def _set_blind(
        self, spec: ParameterSpec, address: str, arguments: Arguments, sender: Sender
    ) -> None:
        """Set a value of the next look; its address is told the value that holds."""
        shadow = self._desk.show.blind
        try:
            setter = _named_setter(sender, address)
            shadow.set({spec.name: value(spec, arguments)}, setter, lenient=True)
        finally:
            holds = {**self._desk.store.snapshot.values, **shadow.values}
            self._feedback.tell({address: holds[spec.name]})

    def _tell_twice(self, spec: ParameterSpec, address: str, sender: Sender) -> None:
        """Advise a sender whose bundle sets one parameter by two of its addresses."""
        before, _ = self._changes.get(spec.name) or self._looks.get(spec.name) or (address, None)
        if self._bundled and not self._by_pattern and before != address:
            note = f"A bundle has {before} and {address}, which are one parameter; the last holds."
            self._advise(note, sender)

    def _other(self, spec: ParameterSpec, address: str, given: object, sender: Sender) -> None:
        """Report that a value was replaced, if the nearest value is not a substitute."""
        try:
            spec.check(given)
        except ValueError as error:
            holds = self._desk.store.snapshot.values[spec.name]
            text = f"{address}: {str(error).rstrip('.')}; using {holds}."
            self._complain(address, text, sender)

    def _pipeline(self, arguments: Arguments, sender: Sender) -> None:
        """A pipeline by id, or by its place in the list."""
        first = arguments[0] if arguments else ""
        rows = self._desk.pipelines()
        place = -1
        if isinstance(first, (int, float)) and not isinstance(first, bool):
            place = round(first) if abs(first) < len(rows) else -1
        try:
            chosen = str(rows[place]["id"]) if 0 <= place < len(rows) else joined(arguments)
            self._desk.switch(chosen)
        except (LookupError, ValueError):
            self._feedback.tell({ROOT + "pipeline": self._desk.status().pipeline}, sender)
            raise

    def _who(self, arguments: Arguments, sender: Sender) -> None:
        """Answer who moved a parameter last: `/bridge/who/NAME` with the hand and the seconds since
        then; empty if nobody has since the start.
        """
        name = joined(arguments).strip().removeprefix(ROOT)
        spec = self.specs.get(ROOT + name)
        if spec is None:
            raise ValueError(f"Give the name of a parameter, not {name[:80]!r}.")
        moved = self._desk.store.moved(spec.name)
        told = f"{moved.setter.hand}, {max(0.0, time() - moved.at):.0f} s ago" if moved else ""
        self._feedback.answer({f"{ROOT}who/{name}": told}, sender)

    def _source(self, role: Role, arguments: Arguments, sender: Sender) -> None:
        """An input by URI. Files are opened only for programs on this machine."""
        if not arguments and role in GUIDES:  # an empty message does not mean `none`
            raise ValueError(f"Give the URI of the {role}, or {NONE}.")
        uri = meant(joined(arguments))
        if uri.startswith("file:") and not ip_address(sender[0]).is_loopback:
            raise ValueError("Only messages from this machine can open files.")
        try:
            self._desk.set_source(uri, role)
        except TransportError:
            self._feedback.tell({ROOT + role: self._desk.status().uri_of(role)}, sender)
            raise

    def _attempt(
        self, sender: Sender, kind: str, deed: Callable[..., object], *arguments: Any
    ) -> bool:
        """Run it; errors are reported, to its `sender` too, and stop nothing."""
        try:
            deed(*arguments)
        except (ValueError, LookupError, TransportError) as error:
            self.refuse(kind, f"{kind}: {error.args[0] if error.args else error}", sender)
            return False
        except Exception as error:  # noqa: BLE001 - an action failed: it must not stop the listener
            self.refuse(kind, f"{kind}: {error}{logs.see()}", sender, error)
            return False
        return True


def _setter(changes: Mapping[str, Asked], sender: Sender) -> Setter:
    shown = [address for address, _ in islice(changes.values(), SHOWN)]
    return _named_setter(sender, *shown, *(["…"] if len(changes) > SHOWN else []))


@lru_cache(MOST_KINDS)  # a fader sends thousands
def _named_setter(sender: Sender, *shown: str) -> Setter:
    return Setter(By.OSC, " ".join([f"{sender[0]}:{sender[1]}", *shown]))
