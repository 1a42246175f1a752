"""`python -m engine.remote.relay`: an engine worker whose engine is on another machine.

To its bridge it is a worker like any other: the same messages, the same rings. It passes on what it
is granted and what comes back, and has no engine of its own. A line that is cut is no death: the
session continues on the server (`line.py`), and the bridge is told (`LineLost`). With a second
server, whose engine is loaded too, that one takes over; the first becomes its standby. So it does
at once if the first says that it is leaving.

The main thread reads the bridge's messages and sends frames; each line has a thread, which decodes
what comes back; "heartbeat" shows that the process is alive; "files" reads the files that are sent.
"""

import json
import os
import secrets
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from operator import attrgetter
from time import perf_counter
from typing import Any, TypeAlias, cast

import cv2

from engine.images.scaling import resize_into
from engine.ipc.channel import WorkerChannel, worker_end
from engine.ipc.made_ring import MadeRing
from engine.ipc.messages import (
    VERSION,
    Alive,
    BridgeHello,
    BridgeMessage,
    Exit,
    FrameGrant,
    FrameRequest,
    LineLost,
    LineNote,
    LoadPipeline,
    ParameterSnapshot,
    PipelineKept,
    PipelineLoading,
    PipelineReady,
    PipelineSwapped,
    PrepareBlock,
    RenewRing,
    ResetStream,
    RingAttached,
    RingLost,
    Stop,
    WorkerFailed,
    WorkerHello,
    WorkerMessage,
    brief,
)
from engine.ipc.ring import TIME, RingReader
from engine.ipc.typed import ProtocolError
from engine.parameters import Load, Parameters, Value
from engine.remote import wire
from engine.remote.address import VARIABLE, Server
from engine.remote.codec import DEFAULT, codec_of, decoder_of
from engine.remote.files import Sharer
from engine.remote.line import Line
from engine.remote.packet import CodecError, Decoder
from engine.remote.sending import FrameSender
from engine.remote.wire import (
    FileHeld,
    FileRefused,
    FileWanted,
    GuidesWanted,
    Header,
    Leaving,
    OfferFile,
    Pong,
    RelayHello,
    RunPipeline,
    ServerHello,
    ServerMessage,
    Steer,
    Stream,
)
from engine.system import by_hand
from engine.system.parent import die_with_parent
from engine.system.waking import wake_in_time

HEARTBEAT = 0.5  # seconds; also between checks of the lines
TAKE_OVER = 2.0  # seconds from the loss of a line until the standby takes over
FIRST = 1.0  # seconds for the first connection until its lack is told
AGAIN = 5.0  # seconds until a standby whose engine died loads again
GOODBYE = 0.6  # seconds for the last message to be sent and read
NO_STANDBY = 5.0  # seconds without a line until a standby counts as none

News: TypeAlias = WorkerMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the bridge starts a relay with, in `VARIABLE`."""

    servers: tuple[Server, ...]  # the one to use, then its standby
    session: str  # its name, a secret; the same as before to resume
    ends: tuple[str, ...] = ()  # sessions that nobody will resume
    coding: str = DEFAULT
    alpha: bool = False
    output_fps: float = 60.0
    release: str = ""

    @classmethod
    def of(cls, text: str) -> "Settings":
        """From the environment."""
        told: dict[str, Any] = json.loads(text)
        told["servers"] = tuple(Server(**each) for each in told["servers"])
        told["ends"] = tuple(told["ends"])
        return cls(**told)


@dataclass(slots=True)
class Given:
    """What the session at the other end of a line has been given."""

    run: RunPipeline | None = None
    steer: Steer | None = None
    values: Mapping[str, Value] | None = None  # of the newest `Steer`
    prepare: PrepareBlock | None = None
    resets: int = 0
    ready: bool = False  # its pipeline is loaded
    guided: bool = False  # it uses guides
    device: str = ""  # what it computes on
    retry_at: float = 0.0
    offered: dict[str, OfferFile] = field(default_factory=dict[str, OfferFile])  # by name
    settled: set[str] = field(default_factory=set[str])  # files that it has or refuses, by hash
    refused: dict[str, str] = field(default_factory=dict[str, str])  # why, by hash


@dataclass(frozen=True, slots=True)
class Order:
    """A pipeline that the bridge wants to run."""

    run: RunPipeline
    models: tuple[type[Load], type[Parameters]]
    slots: int  # of the ring

    @classmethod
    def of(cls, order: LoadPipeline) -> "Order":
        """From the bridge's message."""
        run = RunPipeline(
            pipeline=order.pipeline, values=order.values, size=order.size,
            hang_s=order.hang_s, load_s=order.load_s,
        )  # fmt: skip
        # cast: the bridge names no other kinds
        load = cast(type[Load], _named(order.load))
        # cast: likewise
        parameters = cast(type[Parameters], _named(order.parameters))
        return cls(run, (load, parameters), 2 * order.block + 2)


class Other:
    """One server as the relay sees it: its line, what it was given, frames there and back."""

    def __init__(self, relay: "Relay", server: Server, settings: Settings) -> None:
        hello = RelayHello(
            version=wire.VERSION, release=settings.release, session=settings.session,
            relay=relay.name, ends=settings.ends, coding=settings.coding, alpha=settings.alpha,
            output_fps=settings.output_fps,
        )  # fmt: skip
        self.line = Line(server, hello, relay.heard, relay.came, relay.changed, relay.wanted)
        self.given = Given()
        codec = codec_of(settings.coding)
        self.frames = FrameSender(self.line.send, codec, alpha=settings.alpha)
        self.decoder: Decoder | None = None
        self.leaving = ""  # that the server will end, in a sentence


class Relay:
    """`run` is the main thread's; each callback names its thread."""

    def __init__(self, channel: WorkerChannel, settings: Settings) -> None:
        self._channel = channel
        self.name = secrets.token_hex(8)
        self._codec, self._alpha = codec_of(settings.coding), settings.alpha
        self._lock = threading.RLock()  # of what the session is given
        self._stopped = threading.Event()
        self._made = MadeRing(self._tell)
        self._count = 0  # frames that came back
        self._input: RingReader | None = None
        self._making = threading.Lock()  # a frame in it
        self._order: Order | None = None
        self._before: Order | None = None  # what it replaces in the same worker, until that is told
        self._resets = 0
        self._steer: Steer | None = None
        self._prepare: PrepareBlock | None = None
        self._told_line = self._told_note = ""
        self._began = perf_counter()
        self._failure: WorkerFailed | None = None
        self._sharer = Sharer(self._shared)
        self._others = [Other(self, server, settings) for server in settings.servers]
        self._active = self._others[0]

    def run(self) -> Exit:
        """The whole life of a relay; returns its exit status."""
        self._tell(WorkerHello(version=VERSION, pid=os.getpid()))
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        for other in self._others:
            other.line.start()
        code = Exit.DONE
        try:
            while (message := self._channel.receive()) is not None and not self._stopped.is_set():
                if isinstance(message, Stop):
                    break
                self._take(message)
        except ProtocolError as error:
            sys.stderr.write(f"{error}\n")
            code = Exit.PROTOCOL
        self._end()
        return self._failure.code if self._failure else code

    def _end(self) -> None:
        """Say goodbye: a session that nobody will resume must not be kept."""
        self._stopped.set()
        until = perf_counter() + GOODBYE
        for other in self._others:
            other.line.say(Stop())
        for other in self._others:
            other.line.end(max(0.0, until - perf_counter()))
        with self._making:
            self._made.close()

    # The main thread.

    def _take(self, message: BridgeMessage) -> None:
        match message:
            case BridgeHello() as hello:
                self._made.worker = hello.worker
                self._sharer.look_in(hello)
            case LoadPipeline() as order:
                self._ordered(order)
            case FrameGrant() as grant:
                self._granted(grant)
            case PrepareBlock():
                with self._lock:
                    self._prepare = message
                self._give()
            case ResetStream():
                with self._lock:
                    self._resets += 1
                self._give()
            case RenewRing():
                with self._making:
                    self._made.renew()
            case Stop():
                pass

    def _ordered(self, order: LoadPipeline) -> None:
        wanted = Order.of(order)
        with self._lock:
            self._before = self._order
            self._use(wanted)
        self._tell(PipelineLoading())
        self._give()

    def _use(self, order: Order) -> None:
        self._order, self._made.slots = order, order.slots

    def _granted(self, grant: FrameGrant) -> None:
        steer = Steer(
            snapshot=grant.snapshot, has_input=grant.has_input, has_room=grant.has_room,
            max_fps=min(grant.max_fps, wire.MOST_FPS),
        )  # fmt: skip
        with self._lock:
            changed, self._steer = steer != self._steer, steer
        if changed:
            self._give()
        if grant.count + grant.control + grant.mask:
            self._send(grant)
        guides = int(self._active.given.guided)
        self._tell(FrameRequest(count=1, guides=guides, streaming=True))

    def _send(self, grant: FrameGrant) -> None:
        """Send the granted images: what guides a frame before it."""
        if self._input is None or self._input.name != grant.ring:
            try:
                self._input = RingReader(grant.ring)
            except OSError as error:
                self._tell(RingLost(name=grant.ring, text=brief(str(error))))
                return
            self._tell(RingAttached(name=grant.ring))
        ring, frames = self._input, self._active.frames
        counts = (
            (Stream.INPUT, grant.count),
            (Stream.CONTROL, grant.control),
            (Stream.MASK, grant.mask),
        )
        streams = [stream for stream, count in counts for _ in range(count)]
        numbered = [*enumerate(streams, grant.first)]
        for number, stream in (*numbered[grant.count :], *numbered[: grant.count]):
            time = ring.slot_words(number)[1][TIME]
            frames.send(stream, ring.slot_image(number), time)

    # Any thread.

    def _give(self) -> None:
        """Give both sessions what they lack of what is wanted now."""
        with self._lock:
            for other in self._others:
                if other.line.connected:
                    self._give_one(other)

    def _give_one(self, other: Other) -> None:
        given, line, order, steer = other.given, other.line, self._order, self._steer
        if order is None or perf_counter() < given.retry_at:
            return
        there = None
        if given.run is not order.run:
            there = self._there(order, other, order.run.values)
        if there is not None:
            given.run, given.ready, given.resets = order.run, False, self._resets
            line.say(replace(order.run, values=there))
        if given.run is not order.run:
            return
        if given.resets != self._resets:
            given.resets = self._resets
            line.say(ResetStream())
        prepare = self._prepare
        if prepare and given.prepare is not prepare:
            snapshot = self._named_there(order, other, prepare.snapshot)
            if snapshot:
                given.prepare = prepare
                line.say(PrepareBlock(snapshot=snapshot))
        if steer and (snapshot := self._named_there(order, other, steer.snapshot, given.values)):
            wanted = replace(steer, snapshot=snapshot, shown=other is self._active)
            if wanted != given.steer:
                given.steer, given.values = wanted, snapshot.values
                line.say(wanted)

    def _named_there(
        self, order: Order, other: Other, snapshot: ParameterSnapshot,
        before: Mapping[str, Value] | None = None,
    ) -> ParameterSnapshot | None:  # fmt: skip
        there = self._there(order, other, snapshot.values, before)
        return None if there is None else replace(snapshot, values=there)

    def _there(
        self, order: Order, other: Other, values: Mapping[str, Value],
        before: Mapping[str, Value] | None = None,
    ) -> Mapping[str, Value] | None:  # fmt: skip
        """The values with the names that files have on the server. Those that it lacks are offered;
        meanwhile the values name the files of `before`, if there are such, else None is returned.
        """
        given, there, waits = other.given, {**values}, False
        for name, file in self._sharer.files(order.models, values).items():
            if file and given.offered.get(file.offer.name) != file.offer:
                given.offered[file.offer.name] = file.offer
                given.settled.discard(file.sha256)
                other.line.say(file.offer)
            if file and file.sha256 in given.settled:
                there[name] = file.offer.name
            elif before and name in before:
                there[name] = before[name]
            else:
                waits = True
        return None if waits else there

    def _refusal(self, other: Other) -> str:
        """Why the server lacks a file that values name now; empty if it lacks none."""
        with self._lock:
            order, steer, refused = self._order, self._steer, other.given.refused
            if not (order and steer and refused):
                return ""
            named = {**order.run.values, **steer.snapshot.values}
            files = self._sharer.files(order.models, named).values()
            return next((refused[f.sha256] for f in files if f and f.sha256 in refused), "")

    def _no_standby(self) -> str:
        """Why the standby could not take over, in a sentence, once that lasts; else empty."""
        now = perf_counter()
        for other in self._others:
            line = other.line
            if other is not self._active and line.trouble and now - line.lost_at > NO_STANDBY:
                return f"There is no standby: {line.trouble}"
        return ""

    def _shared(self) -> None:
        """The thread "files": a file has been read, or one could not be."""
        self._give()

    def _tell(self, message: News) -> None:
        try:
            self._channel.send(message)
        except (OSError, ValueError):
            self._stopped.set()  # the bridge is gone; the main thread sees it too

    # The threads of the lines.

    def wanted(self) -> RunPipeline | None:
        """What is to run."""
        order = self._order
        return order.run if order else None

    def changed(self, line: Line) -> None:
        """A line is there, or lost."""
        other = self._of(line)
        with self._lock:
            if line.connected:
                if not line.resumed:
                    if other is self._active and other.given.ready:
                        self._tell(PipelineLoading())  # anew, in another session
                    other.given, other.leaving = Given(), ""
                other.decoder = None
                other.frames.restart()
                other.given.steer = None  # the newest may have been lost
                self._give()
        self._tell_line()

    def heard(self, line: Line, message: ServerMessage) -> None:
        """A message has come."""
        other = self._of(line)
        match message:
            case FileHeld(sha256=name):
                with self._lock:
                    other.given.settled.add(name)
                    other.given.refused.pop(name, None)
                self._give()
            case FileRefused(sha256=name, text=text):
                with self._lock:
                    other.given.settled.add(name)
                    other.given.refused[name] = text
                self._give()
                self._tell_line()
            case FileWanted():
                self._sharer.send(message, other.frames)
            case GuidesWanted(wanted=wanted):
                other.given.guided = wanted
            case Leaving(text=text, seconds=seconds):
                with self._lock:
                    why = text.rstrip(".")
                    name = line.server.name
                    other.leaving = f"{why}: the engine on {name} ends within {seconds:g} s."
                    self._change_over()
                    self._give()
                self._tell_line()
            case WorkerFailed(text=text):
                told = f"On {line.server.name}: {text}"
                with self._lock:
                    other.given = Given(retry_at=perf_counter() + AGAIN)
                    ends = other is self._active and not self._take_over(told)
                if ends:
                    self._failed(replace(message, text=brief(told)))
                else:
                    sys.stderr.write(f"{told}\n")
            case PipelineReady(device=device):
                with self._lock:
                    other.given.ready = True
                    other.given.device = brief(f"{device} on {line.server.name}")
                    if other is self._active:
                        self._tell_ready()
            case PipelineSwapped():
                pass  # it is told once that is ready
            case PipelineKept() if other is self._active:
                with self._lock:
                    before, self._before = self._before, None
                    if before:
                        self._use(before)
                        other.given.run = before.run
                        self._tell(message)
                self._give()
            case ServerHello() | Pong() | wire.Ping() | PipelineKept():
                pass  # the line's own, or the standby's
            case _:
                if other is self._active:
                    self._tell(message)

    def _tell_ready(self) -> None:
        """The pipeline is loaded: in a worker that ran another one, or in a new one."""
        order, given = self._order, self._active.given
        if self._before and order and given.run is order.run:
            self._before = None
            self._tell(PipelineSwapped())
        self._tell(PipelineReady(device=given.device))

    def came(self, line: Line, header: Header, data: memoryview) -> None:
        """A binary message has come."""
        other = self._of(line)
        if header.stream == Stream.HEARD:
            other.frames.heard(header.number)
            return
        if header.stream != Stream.MADE:
            raise ProtocolError(f"The server sent stream {header.stream}.")
        if other.decoder is None:
            other.decoder = decoder_of(self._codec, alpha=self._alpha)
        try:
            image = other.decoder.decode(bytes(data), (header.width, header.height))
        except CodecError as error:
            raise ProtocolError(str(error)) from None
        line.send(Header(Stream.HEARD, number=header.number), b"")
        if other is not self._active:
            return
        time = line.here(header.time) if header.own_time else header.time
        with self._making:
            if self._stopped.is_set():
                return
            self._count += 1
            self._made.put(
                header.width, header.height, lambda place: resize_into(place, image), time,
                self._count, header.tag,
            )  # fmt: skip

    def _of(self, line: Line) -> Other:
        return next(other for other in self._others if other.line is line)

    def _failed(self, failure: WorkerFailed) -> None:
        """The engine has ended there: so does this process, as a worker would."""
        self._failure = failure
        self._tell(failure)
        self._end()
        os._exit(failure.code)

    # The thread "heartbeat".

    def _beat(self) -> None:
        while not self._stopped.wait(HEARTBEAT):
            self._tell(Alive())
            with self._lock:
                self._change_over()
                self._give()
            self._tell_line()

    def _change_over(self) -> None:
        """Let the standby take over from a line that has been lost for a while, or a server that is
        leaving, which then need not wait for this relay.
        """
        now, active = perf_counter(), self._active
        lost = not active.line.connected and now - active.line.lost_at >= TAKE_OVER
        why = active.leaving or (active.line.trouble if lost else "")
        if why and self._take_over(why) and active.leaving:
            active.line.say(Stop())
            active.given = Given(retry_at=now + AGAIN)

    def _take_over(self, why: str) -> bool:
        """Use the other server from now on, for this reason, if its engine is loaded."""
        for other in self._others:
            ready = other.line.connected and other.given.ready and not other.leaving
            if ready and other is not self._active:
                sys.stderr.write(f"{other.line.server.name} takes over: {why}\n")
                self._active = other
                other.frames.restart()
                other.given.prepare = None
                self._tell_ready()
                return True
        return False

    def _tell_line(self) -> None:
        """Tell the bridge of a line that is lost, and back, of a server that is leaving, of a file
        that it does not take, and of a standby that is none.
        """
        active = self._active
        line, note = active.line, active.leaving or self._refusal(active) or self._no_standby()
        if note != self._told_note:
            self._told_note = note
            self._tell(LineNote(text=brief(note)))
        text = "" if line.connected else line.trouble
        if not line.connected and not text and perf_counter() - self._began > FIRST:
            text = f"Connecting to the engine on {line.server.name}."
        if text != self._told_line:
            self._told_line = text
            self._tell(LineLost(text=brief(text)))


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return attrgetter(name)(import_module(module))


def _broke(failed: threading.ExceptHookArgs) -> None:
    """End with any thread: the bridge starts another relay, which resumes the session."""
    traceback.print_exception(failed.exc_type, failed.exc_value, failed.exc_traceback)
    os._exit(Exit.BROKE)


def main() -> None:
    """Run as the relay of the bridge that started this process."""
    by_hand.refuse("the relay of a bridge", "spout-bridge run --engine URL")
    die_with_parent()
    wake_in_time()
    cv2.setNumThreads(1)  # its pool costs more than it saves on frames of an engine's size
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not end up among the messages
    settings = Settings.of(os.environ.pop(VARIABLE))
    threading.excepthook = _broke
    try:
        code = Relay(worker_end(incoming, outgoing), settings).run()
    except Exception as error:  # noqa: BLE001 - whatever it is, the bridge starts another
        traceback.print_exception(error)
        code = Exit.BROKE
    os._exit(code)


if __name__ == "__main__":
    main()
