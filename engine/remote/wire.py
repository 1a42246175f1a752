"""What a relay and a server say to each other through one WebSocket.

A text message is a number, a space and a message as `engine/ipc/typed.py` writes it. Most messages
of a worker and of its bridge cross as they are (`engine/ipc/messages.py`); those below are the
line's own. The first ones are a `RelayHello` and a `ServerHello`, each with the VERSION of this
module. Fields and messages that one side does not know are ignored, so that VERSION only increases
if an older release could not do without them.

Numbered messages arrive in order and exactly once, whatever the line does: each side keeps what the
other one has not confirmed (`engine/remote/outbox.py`), and says in its hello which one it received
last. Those with number 0 may be lost; a newer one replaces them.

A binary message is a `Header` and its data: a frame as its codec (`engine/remote/codec.py`) makes
it, or a piece of a file. Times are in seconds, by the clock of the bridge's machine for frames that
come from an input, else by the server's.
"""

import struct
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Annotated, Self, TypeAlias

from engine.ipc.messages import (
    BlockMade,
    BlockPrepared,
    BlockUnusable,
    LoadProgress,
    Number,
    ParameterSnapshot,
    PipelineKept,
    PipelineLoading,
    PipelineReady,
    PipelineSwapped,
    PrepareBlock,
    QualityReduced,
    ResetStream,
    RingShort,
    RungTried,
    Sentence,
    Stop,
    TimeLimit,
    WorkerFailed,
)
from engine.ipc.typed import Letters, ProtocolError, Vocabulary, Within, Written, encode
from engine.parameters import Value

VERSION = 1
PATH = "/api/v1/engine"  # of the server's WebSocket
MACHINE = "/api/v1/machine"  # where it is asked what it has
PING = 1.0  # seconds
SILENT = 3.0  # seconds without a message until a line counts as lost
LARGEST_FRAME = 64 << 20  # bytes
LARGEST_FILE = 8 << 30  # bytes
PIECE = 16 << 10  # bytes of a file in a message
MOST_FPS = 1000.0

Hash: TypeAlias = Annotated[str, Written("[0-9a-f]{64}")]
Name: TypeAlias = Annotated[str, Letters(1000)]
Seconds: TypeAlias = Annotated[float, Within(0, 86_400)]
Time: TypeAlias = Annotated[float, Within(-1e12, 1e12)]
Size: TypeAlias = Annotated[int, Within(0, LARGEST_FILE)]


class Stream(IntEnum):
    """What a binary message holds."""

    INPUT = 0
    CONTROL = 1
    MASK = 2
    MADE = 3
    HEARD = 4  # no data: the frame of that number has been received
    FILE = 5  # a piece of a file; none follows an empty one


class FileKind(IntEnum):
    """What a file is for."""

    IMAGE = 0
    LORA = 1


@dataclass(frozen=True, slots=True)
class Header:
    """The first bytes of a binary message; all numbers are little-endian.

    `number` counts the frames of a stream in one connection; of `HEARD`, those of the other side,
    all streams together. `key`: the frame needs none before it. `own_time`: `time` is by the
    server's clock. `tag` is the parameter snapshot with which a frame was made; of `FILE`, the
    number by which the file was wanted.
    """

    stream: int
    key: bool = False
    own_time: bool = False
    width: int = 0
    height: int = 0
    number: int = 0
    tag: int = 0
    time: float = 0.0

    def packed(self, data: bytes | memoryview = b"") -> bytes:
        """The whole message."""
        return _HEADER.pack(*astuple(self)) + data

    @classmethod
    def of(cls, message: bytes) -> tuple[Self, memoryview]:
        """The header of a message and its data; ProtocolError for anything else."""
        if len(message) < _HEADER.size:
            raise ProtocolError("A message is too short.")
        found = cls(*_HEADER.unpack_from(message))
        if found.stream not in {*Stream}:
            raise ProtocolError(f"A message of stream {found.stream} is unknown.")
        if not abs(found.time) < 1e12:  # NaN neither
            raise ProtocolError("A frame has an invalid time.")
        return found, memoryview(message)[_HEADER.size :]


_HEADER = struct.Struct("<B??xHHIQd")


# From the relay.


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayHello:
    """The relay's first message. `session` is the one to resume, or the name of a new one, which is
    a secret; `heard` is the number of the last message received from it. `relay` tells this process
    from others, whose numbers begin anew. The sessions `ends` will not be resumed.
    `coding` is that of frames both ways, one of `CODECS`.
    """

    version: int
    release: Name
    coding: Name
    session: Name
    relay: Name
    heard: Number = 0
    ends: tuple[str, ...] = ()
    alpha: bool = False
    output_fps: Annotated[float, Within(1, 240)] = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPipeline:
    """What to load: first of all, or to replace the current one, as `LoadPipeline`."""

    pipeline: Name
    values: Mapping[str, Value]
    size: Name
    hang_s: Seconds
    load_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """The newest parameters, and how the engine is fed; see `FrameGrant`. Blocks are made once it
    has come, and while they are `shown`.
    """

    snapshot: ParameterSnapshot
    has_input: bool = True
    has_room: bool = True
    max_fps: Annotated[float, Within(0, MOST_FPS)] = 0.0
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFile:
    """A file that parameters name. If the server lacks it, it is sent."""

    kind: FileKind
    name: Name
    sha256: Hash
    size: Size


# From the server.


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHello:
    """The server's first message. `heard` as in `RelayHello`; `resumed` is false if the session is
    new, or new to this relay: then it must be given everything, and numbers begin anew.
    """

    version: int
    release: Name
    session: Name
    resumed: bool
    heard: Number = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeld:
    """The server has the file: it may be named from now on."""

    sha256: Hash


@dataclass(frozen=True, slots=True, kw_only=True)
class FileWanted:
    """Send the file, from this byte on, and no other any more; `number` tells its pieces from those
    of an earlier wish. It may be lost with the line: the next one's wish is another.
    """

    sha256: Hash
    start: Size
    number: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRefused:
    """The server cannot take the file, for this reason: it may be named, and is not there."""

    sha256: Hash
    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidesWanted:
    """Whether the pipeline uses control video and masks now."""

    wanted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The server ends this session in so many seconds; why, in a sentence."""

    text: Sentence
    seconds: Seconds = 0.0


# From both.


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Sent every second; `at` is the sender's clock. `heard` confirms numbered messages."""

    at: Time
    heard: Number = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pong:
    """The answer at once: the ping's `at`, and the sender's own clock."""

    at: Time
    now: Time


RelayMessage: TypeAlias = (
    RelayHello | RunPipeline | Steer | OfferFile | PrepareBlock | ResetStream | Stop | Ping | Pong
)
ServerMessage: TypeAlias = (
    ServerHello | FileHeld | FileWanted | FileRefused | GuidesWanted | Leaving | Ping | Pong
    | PipelineLoading | LoadProgress | PipelineSwapped | PipelineKept | PipelineReady | TimeLimit
    | RingShort | BlockMade | BlockPrepared | BlockUnusable | QualityReduced | RungTried
    | WorkerFailed
)  # fmt: skip
# What may be lost: the next one says it again.
LOSSY = Steer, FileWanted, LoadProgress, BlockMade, Ping, Pong, RelayHello, ServerHello

FROM_RELAY: Vocabulary[RelayMessage] = Vocabulary(
    "The bridge's relay", "this server", RelayMessage, VERSION, lenient=True
)
FROM_SERVER: Vocabulary[ServerMessage] = Vocabulary(
    "The server", "this bridge", ServerMessage, VERSION, lenient=True
)


def written(number: int, message: RelayMessage | ServerMessage) -> str:
    """A text message."""
    return f"{number} {encode(message).decode()}"


def numbered(text: str | bytes) -> tuple[int, bytes]:
    """The number of a text message, and the rest; ProtocolError for anything else."""
    data = text.encode() if isinstance(text, str) else text
    number, space, rest = data.partition(b" ")
    if not space or not number.isdigit() or len(number) > 16:
        raise ProtocolError("A message has no number.")
    return int(number), rest
