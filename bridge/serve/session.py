"""One relay's engine on this machine: its worker, its feeder, and its frames there and back.

The relay's bridge decides what runs, as it does for a worker of its own; here it is only carried
out. The session outlives its connections: without one it makes no frames, and waits.

Threads: the server's loop leaves messages; "session" acts on them and decodes frames; "made" codes
what the engine makes; the worker's reading thread passes its news on.
"""

import json
import logging
import queue
import shutil
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Protocol

from pydantic import ValidationError

from bridge.frames.frame import Frame
from bridge.frames.history import History
from bridge.serve.files import Incoming, Store
from bridge.state.status import EngineState
from bridge.system.timing import Rate
from bridge.workers.client import (
    Guided,
    News,
    SwapDone,
    SwapFailed,
    WorkerClient,
    WorkerConfig,
    WorkerGone,
)
from bridge.workers.feeder import Feeder
from bridge.workers.machine import LocalMachine
from engine.catalog.rows import Catalog
from engine.ipc.messages import (
    BlockMade,
    BlockPrepared,
    BlockUnusable,
    Exit,
    FrameMade,
    FrameRequest,
    LoadProgress,
    PipelineKept,
    PipelineLoading,
    PipelineReady,
    PipelineSwapped,
    PrepareBlock,
    QualityReduced,
    ResetStream,
    RingShort,
    RungTried,
    Stop,
    TimeLimit,
    WorkerFailed,
    brief,
)
from engine.ipc.segments import RingError
from engine.ipc.typed import ProtocolError, UnknownKindError
from engine.remote import wire
from engine.remote.codec import codec_of, decoder_of
from engine.remote.outbox import Inbox, Outbox
from engine.remote.packet import CodecError, Decoder
from engine.remote.sending import FrameSender
from engine.remote.wire import (
    FROM_RELAY,
    LOSSY,
    GuidesWanted,
    Header,
    Leaving,
    OfferFile,
    Ping,
    Pong,
    RelayHello,
    RelayMessage,
    RunPipeline,
    ServerHello,
    ServerMessage,
    Steer,
    Stream,
    written,
)

log = logging.getLogger(__name__)

NUMBERS = 512  # snapshots whose numbers are remembered
LATE = 0.1  # seconds by which a guide may be newer than its frame
FAR = 1e9  # seconds: a time after all frames
AHEAD = 1.25  # times as many frames as are shown, at most, are made of nothing
WAIT = 1.0  # seconds
GONE = 5.0  # seconds for a worker to end
INPUTS = (Stream.INPUT, Stream.CONTROL, Stream.MASK)
# Of a worker's news, what its bridge hears as it is
PASSED_ON = (
    PipelineLoading, LoadProgress, PipelineReady, TimeLimit, RingShort, QualityReduced, RungTried
)  # fmt: skip


class Connection(Protocol):
    """A connection to the relay; any thread may call any method, and none waits."""

    def send(self, message: str | bytes) -> None:
        """Send a message; nothing happens if it is gone."""
        ...

    def close(self, why: str) -> None:
        """Close it; the relay is told why, in a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class _Binary:
    """A binary message and where it came from; None: the connection is new."""

    connection: Connection
    message: bytes | None


@dataclass(frozen=True, slots=True)
class Ground:
    """What all sessions share. `make_room` ends one that nobody uses, and returns it. `died` hears
    of an engine's death.
    """

    machine: LocalMachine
    catalog: Catalog
    store: Store
    folder: Path
    release: str
    make_room: "Callable[[], EngineSession | None]" = lambda: None
    died: "Callable[[EngineSession, str], None]" = lambda session, why: None


class EngineSession:
    """Unless noted, methods may be called from any thread, and never wait."""

    def __init__(self, name: str, ground: Ground, hello: RelayHello) -> None:
        """`name` is the relay's secret: never logged or shown."""
        self.name = name
        self.number = 0  # by which it is shown
        self.holder = ""  # of the token it came with; empty for the server's own
        self.sent = 0  # bytes of frames
        self.pipeline = ""
        self.seen = self.began = perf_counter()  # when its relay was last heard
        self.ended = ""  # why, in a sentence
        self.gone = threading.Event()  # it has ended, and what it used is free again
        self.made = Rate()
        self.link: WorkerClient | None = None
        self._codec = codec_of(hello.coding)
        self._relay = ""  # the process that was connected last
        self.frames = FrameSender(self._pass_on, self._codec, alpha=hello.alpha)
        self._ground, self._hello = ground, hello
        self._folder = ground.folder / f"{id(self):x}"
        self._incoming = Incoming(ground.store, self._folder)
        self._connection: Connection | None = None
        self._talk = threading.RLock()  # of what is said, and to whom
        self._outbox, self._inbox = Outbox(), Inbox()
        self._work: queue.SimpleQueue[RelayMessage | _Binary | None] = queue.SimpleQueue()
        self._came = self._taken = 0  # bytes of binary messages
        self._feeder: Feeder | None = None
        self._steer: Steer | None = None
        self._number = 0
        self._numbers: OrderedDict[int, int] = OrderedDict()  # the relay's, by ours
        self._prepared = 0  # the number of what the relay wants prepared
        self._guided = False
        self._is_fresh = False  # a frame has come since the line is there
        self._decoders: dict[int, Decoder] = {}
        self._guides = {Stream.CONTROL: History(), Stream.MASK: History()}
        self._size = "auto"
        self._input = Rate()
        self._count = 0
        self._arrived = threading.Event()
        threading.Thread(target=self._run, name="session", daemon=True).start()
        threading.Thread(target=self._send_made, name="made", daemon=True).start()

    @property
    def attached(self) -> bool:
        """Whether a relay is connected."""
        return self._connection is not None

    @property
    def held(self) -> int:
        """Bytes of binary messages that wait to be acted on."""
        return self._came - self._taken

    @property
    def backlog(self) -> int:
        """How many messages wait to be acted on."""
        return self._work.qsize()

    def attach(self, connection: Connection, hello: RelayHello) -> None:
        """Continue with a new connection; one that is still there is closed. ProtocolError if the
        relay has heard what was never said: then all stays as it is.
        """
        with self._talk:
            resumed = hello.relay == self._relay
            if resumed:
                self._outbox.confirm(hello.heard)
            old, self._connection = self._connection, None
            if old:
                old.close("The bridge has connected again.")
            if not resumed:
                self._outbox, self._inbox = Outbox(), Inbox()
                self._relay, self._guided = hello.relay, False
            greeting = ServerHello(
                version=wire.VERSION, release=self._ground.release, session=self.name,
                resumed=resumed, heard=self._inbox.heard,
            )  # fmt: skip
            self._hello = hello
            connection.send(written(0, greeting))
            for text in self._outbox.unconfirmed:
                connection.send(text)
            self.frames.restart()
            self._connection, self.seen = connection, perf_counter()
            self._work.put(_Binary(connection, None))

    def detach(self, connection: Connection) -> None:
        """A connection is gone."""
        with self._talk:
            if self._connection is not connection:
                return
            self._connection, self.seen = None, perf_counter()
        if feeder := self._feeder:
            feeder.hold()

    def hear(self, connection: Connection, text: str) -> None:
        """A text message has come; ProtocolError if it is none. The server's loop."""
        number, data = wire.numbered(text)
        with self._talk:
            if connection is not self._connection or not self._inbox.takes(number):
                return
        self.seen = perf_counter()
        try:
            message = FROM_RELAY.decode(data)
        except UnknownKindError:
            return  # a newer relay's
        match message:
            case Ping(at=at, heard=heard):
                with self._talk:
                    self._outbox.confirm(heard)
                self._say(Pong(at=at, now=perf_counter()))
            case Pong():
                pass
            case _:
                self._work.put(message)

    def hear_frame(self, connection: Connection, message: bytes) -> None:
        """A binary message has come. The server's loop."""
        self._came += len(message)
        self._work.put(_Binary(connection, message))

    def ping(self) -> None:
        """Say that this end is alive."""
        self._say(Ping(at=perf_counter(), heard=self._inbox.heard))

    def leave(self, text: str, seconds: float) -> None:
        """Tell the relay that the session ends soon."""
        self._say(Leaving(text=text, seconds=seconds))

    def end(self, why: str) -> None:
        """End the session: its worker, its threads, its files."""
        if self.ended:
            return
        self.ended = why
        self._work.put(None)
        self._arrived.set()

    def mind(self) -> None:
        """End a worker that has been silent for too long; called now and then."""
        if (link := self.link) and link.silent():
            link.error = "The engine worker stopped responding and was killed."
            link.kill()

    # The thread "session".

    def _run(self) -> None:
        while not self.ended and (work := self._work.get()) is not None:
            try:
                if isinstance(work, _Binary):
                    self._taken += len(work.message or b"")
                    self._take_binary(work)
                else:
                    self._take(work)
            except (ProtocolError, CodecError, OSError) as error:
                self._break_off(str(error))
            except Exception as error:  # whatever a pipeline's values do: this session alone ends
                log.exception("an engine session failed")
                self._break_off(f"{type(error).__name__}: {error}")
        self._finish()

    def _take(self, message: RelayMessage) -> None:
        match message:
            case RunPipeline():
                self._load(message)
            case Steer():
                self._steered(message)
            case OfferFile():
                if answer := self._incoming.offered(message):
                    self._say(answer)
            case PrepareBlock(snapshot=snapshot):
                self._prepared = snapshot.number
                if self.link:
                    self.link.prepare(snapshot.values)
            case ResetStream():
                if self.link:
                    self.link.reset()
            case Stop():
                self.end("Its bridge has ended it.")
            case _:
                pass

    def _load(self, run: RunPipeline) -> None:
        ground = self._ground
        try:
            row = ground.catalog[run.pipeline]
            load = row.load.model_validate(run.values)
            ground.machine.weights.require(row, load)
        except ValidationError as error:
            self._failed(f"{run.pipeline} cannot be loaded: {error.errors()[0]['msg']}.")
            return
        except (LookupError, ValueError) as error:
            self._failed(str(error.args[0]))
            return
        config = WorkerConfig(row=row, load=load, hang_s=run.hang_s, load_s=run.load_s)
        self.pipeline = row.id
        link = self.link
        if link and link.orders == config and not link.gone:  # its relay alone has died
            if link.loaded:
                self._say(PipelineReady(device=link.device))
            return
        if link and row.family and row.family == link.row.family and link.loaded:
            link.swap(config)
            return
        self._end_worker()
        while not (fit := ground.machine.fit_beside(row, load, run.size)).fits:
            if not (other := ground.make_room()):
                self._failed(f"The server has no room: {fit.told(row.id)}.")
                return
            other.gone.wait(GONE)
        try:
            link = ground.machine.start(
                config, self._heard, self._next_number(0), {"size": run.size}, self._folder
            )
        except (OSError, RingError) as error:
            self._failed(f"The engine worker could not be started: {error}")
            return
        self.link = link
        self._feeder = Feeder(
            link, lambda: self._size, "stretch", lambda: self._input.value, self._has_input,
            self._most_fps, self._beside, self._hello.output_fps, has_room=self._has_room,
        )  # fmt: skip
        self._feeder.hold()
        if link.gone:  # before it was this session's
            self._died(link)
        elif self._steer:
            self._steered(self._steer)

    def _steered(self, steer: Steer) -> None:
        self._steer = steer
        if (link := self.link) is None or (feeder := self._feeder) is None:
            return
        number = self._next_number(steer.snapshot.number)
        link.set_parameters(number, steer.snapshot.values)
        if steer.shown and self.attached and (self._is_fresh or not steer.has_input):
            feeder.release()
        else:
            feeder.hold()

    def _next_number(self, theirs: int) -> int:
        """The number of a snapshot here; a bridge that starts again begins with 1."""
        self._number += 1
        self._numbers[self._number] = theirs
        while len(self._numbers) > NUMBERS:
            self._numbers.popitem(last=False)
        return self._number

    def _take_binary(self, binary: _Binary) -> None:
        if binary.connection is not self._connection:
            return  # of one before
        if binary.message is None:
            self._decoders.clear()
            self._is_fresh = False
            if wanted := self._incoming.again():
                self._say(wanted)
            return
        header, data = Header.of(binary.message)
        if header.stream == Stream.HEARD:
            if data:
                raise ProtocolError("A confirmation has data.")
            self.frames.heard(header.number)
            return
        self._answer(Header(Stream.HEARD, number=header.number))
        if header.stream == Stream.FILE:
            for answer in self._incoming.piece(header.tag, data):
                self._say(answer)
            return
        if header.stream not in INPUTS:
            raise ProtocolError(f"The bridge sent stream {header.stream}.")
        decoder = self._decoders.get(header.stream)
        if decoder is None:
            decoder = decoder_of(self._codec, alpha=self._hello.alpha)
            self._decoders[header.stream] = decoder
        image = decoder.decode(bytes(data), (header.width, header.height))
        self._count += 1
        frame = Frame(image, header.time, self._count)
        if header.stream == Stream.INPUT:
            self._input.tick()
            self._size = f"{header.width}x{header.height}"
            if self.link:
                self.link.inbox.put(frame)
            if not self._is_fresh:  # what came before the line was lost is stale
                self._is_fresh = True
                if self._steer:
                    self._steered(self._steer)
        else:
            self._guides[Stream(header.stream)].put(frame)

    def _end_worker(self) -> None:
        link, feeder, self.link, self._feeder = self.link, self._feeder, None, None
        if feeder:
            feeder.stop()
        if link:
            link.stop()
            link.join(GONE)

    def _finish(self) -> None:
        self._end_worker()
        with self._talk:
            connection, self._connection = self._connection, None
        if connection:
            connection.close(self.ended)
        with suppress(OSError):
            shutil.rmtree(self._folder, ignore_errors=True)
        self.gone.set()

    def _break_off(self, why: str) -> None:
        """The connection cannot be used any more; the relay may open another."""
        log.warning("a bridge's connection is closed: %s", why)
        with self._talk:
            connection = self._connection
        if connection:
            connection.close(brief(why))
            self.detach(connection)

    # The feeder's thread.

    def _has_input(self) -> bool:
        return self._steer is None or self._steer.has_input

    def _has_room(self) -> bool:
        return self._steer is not None and self._steer.has_room

    def _most_fps(self) -> float:
        """What is made of nothing is at most a little more than is shown: that frames wait is heard
        of too late.
        """
        wanted, link = self._steer.max_fps if self._steer else 0.0, self.link
        if link is None or not link.invents:
            return wanted
        most = AHEAD * self._hello.output_fps
        return min(wanted, most) if wanted else most

    def _beside(self, times: Sequence[float], fed: bool) -> Guided:
        """The guides of a block; without frames, the newest ones."""
        control, mask = (
            self._guides[stream].at(times if fed else [FAR] * len(times), LATE)
            for stream in (Stream.CONTROL, Stream.MASK)
        )
        return Guided(control, mask)

    # The worker's reading thread.

    def _heard(self, link: WorkerClient, news: News) -> None:
        if link is not self.link and self.link is not None:
            return  # one that is ending
        match news:
            case FrameMade():
                self._arrived.set()
            case FrameRequest(guides=guides):
                if bool(guides) != self._guided:
                    self._guided = bool(guides)
                    self._say(GuidesWanted(wanted=self._guided))
            case SwapDone():
                self._say(PipelineSwapped())
            case SwapFailed(why=why):
                self._say(PipelineKept(text=why, unforeseen=False))
            case BlockMade(snapshot=number, report=report):
                self._say(replace(news, snapshot=self._theirs(number), report=_finite(report)))
            case BlockUnusable(snapshot=number):
                self._say(replace(news, snapshot=self._theirs(number)))
            case BlockPrepared():
                if news is link.prepared:
                    self._say(replace(news, snapshot=self._prepared))
            case WorkerGone():
                self._died(link)
            case _ if isinstance(news, PASSED_ON):
                self._say(news)
            case _:
                pass

    def _theirs(self, number: int) -> int:
        return self._numbers.get(number, 0)

    def _died(self, link: WorkerClient) -> None:
        if link is not self.link or self.ended:
            return  # on purpose
        self._end_worker()
        self._ground.died(self, link.why())
        code = Exit(link.code) if link.code in {*Exit} else Exit.BROKE
        self._failed(link.why(), code, link.blames)

    def _failed(
        self, text: str, code: Exit = Exit.LOAD, blames: Mapping[str, str] | None = None
    ) -> None:
        self._say(WorkerFailed(text=brief(text), code=code, unforeseen=False, blames=blames or {}))

    # The thread "made".

    def _send_made(self) -> None:
        while not self.ended:
            if not self._arrived.wait(WAIT):
                continue
            self._arrived.clear()
            link = self.link
            ring = link.ring if link else None
            while link and ring and (slot := ring.next()) is not None:
                self.made.tick()
                if self.attached:
                    self.frames.send(
                        Stream.MADE, slot.image, slot.time, self._theirs(slot.tag),
                        own_time=link.invents,
                    )  # fmt: skip

    # Any thread.

    def _say(self, message: ServerMessage) -> None:
        with self._talk:
            number = 0 if isinstance(message, LOSSY) else self._outbox.next_number
            text = written(number, message)
            if number:
                self._outbox.keep(text)
            if self._connection:
                self._connection.send(text)

    def _answer(self, header: Header) -> None:
        if connection := self._connection:
            connection.send(header.packed())

    def _pass_on(self, header: Header, data: bytes | memoryview) -> bool:
        connection = self._connection
        if connection:
            connection.send(header.packed(data))
            self.sent += len(data)
        return connection is not None

    @property
    def state(self) -> str:
        """What the page shows of it."""
        link = self.link
        return link.state if link else EngineState.IDLE


def _finite(report: Mapping[str, object]) -> Mapping[str, object]:
    """A report without NaN and infinities, which JSON lacks."""
    return json.loads(json.dumps(report), parse_constant=lambda _: None)
