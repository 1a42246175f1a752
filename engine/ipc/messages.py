"""Every message between bridge and engine worker: a frozen dataclass each, its fields with bounds.

The bridge's first message is a `BridgeHello`, the worker's a `WorkerHello`, each with the VERSION
of what stands here; then the bridge sends a `LoadPipeline`. Once that is there, with a
`PipelineReady`, and then block by block, with a `FrameRequest`, the worker asks, and is answered
once: by a `FrameGrant`, which carries all that the block is made of, or by a `LoadPipeline`, which
puts another pipeline in place.

On the wire a message is a JSON object of its fields, and `type` is the name of its class. What is
not exactly one of these, field by field, is a `ProtocolError`: whoever receives it ends, a worker
with `Exit.PROTOCOL`. What a field may hold beyond its type stands in its annotation, and is asked
for where it is read: no word of a worker gone mad gets further. To change what stands here is to
count VERSION up.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cache
from reprlib import repr as short
from typing import (
    Annotated,
    Any,
    Generic,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from engine.ipc.segments import PRIVATE_NAME
from engine.parameters import Value
from engine.system.json_values import is_list, is_object

VERSION = 4

MOST_REQUESTED = 64  # frames that a block may take
MOST_MADE = 1000  # frames that a block may give
LONGEST_LIMIT = 86_400.0  # seconds that a block may take, however long others took
LONGEST_TEXT = 4000  # letters of a sentence
MOST_BLAMED = 16  # parameters whose files cannot be used
LARGEST_REPORT = 100_000  # letters and values of a pipeline's report
DEEPEST_REPORT = 16  # lists and objects in one another
UNBROKEN = 2**53  # up to which JSON's readers know whole numbers apart


class ProtocolError(ValueError):
    """The other end says what is none of these messages; one sentence."""


class Exit(IntEnum):
    """Why a worker process ended by itself."""

    DONE = 0
    BROKE = 1  # an error in a block, or a hang; Python's own after an error that nobody caught
    UNUSABLE = 70
    LOAD = 71
    PROTOCOL = 72
    MEMORY = 75
    CUDA = 76
    FILE = 77


MEANING = {
    Exit.DONE: "it was told to stop",
    Exit.BROKE: "it hung or crashed in Python; its stacks are in the log",
    Exit.UNUSABLE: "its pictures were unusable too often in a row",
    Exit.LOAD: "it could not be loaded",
    Exit.FILE: "one of its files cannot be used",
    Exit.PROTOCOL: "it did not understand the bridge; restart that, or install spout-bridge anew",
    Exit.MEMORY: "it ran out of memory twice; choose a smaller size",
    Exit.CUDA: "the GPU reported an error that only a new process can clear",
}


# What a field may hold.


class Bound(Protocol):
    """What is asked of a field's value; `str` of it says what that is."""

    def holds(self, value: Any) -> bool:
        """Whether a value, which is of the field's type, may be there."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """A number from `least` to `most`, which NaN is not."""

    least: float
    most: float

    def holds(self, value: float) -> bool:
        """See `Bound`."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"{self.least:.16g} to {self.most:.16g}"


@dataclass(frozen=True, slots=True)
class Letters:
    """A text of so many letters at most."""

    most: int

    def holds(self, value: str) -> bool:
        """See `Bound`."""
        return len(value) <= self.most

    def __str__(self) -> str:
        return f"{self.most} letters at most"


@dataclass(frozen=True, slots=True)
class Few:
    """At most so many texts by name, each of so many letters."""

    most: int
    longest: int

    def holds(self, value: Mapping[str, str]) -> bool:
        """See `Bound`."""
        texts = (*value, *value.values())
        return len(value) <= self.most and all(len(text) <= self.longest for text in texts)

    def __str__(self) -> str:
        return f"{self.most} texts at most, each of {self.longest} letters"


@dataclass(frozen=True, slots=True)
class Written:
    """A text of a `form`, which is a regular expression."""

    form: str

    def holds(self, value: str) -> bool:
        """See `Bound`."""
        return bool(re.fullmatch(self.form, value))

    def __str__(self) -> str:
        return "the name of a worker's segment"


class Told:
    """A report that a reader of the state can take; the worker asks it too, before it is sent."""

    def holds(self, value: Mapping[str, object]) -> bool:
        """See `Bound`."""
        layer, told = list[object]([value]), 0
        for _ in range(DEEPEST_REPORT + 1):
            told += sum(len(each) if isinstance(each, str) else 1 for each in layer)
            if told > LARGEST_REPORT or not layer:
                break
            layer = [part for each in layer for part in _parts(each)]
        return told <= LARGEST_REPORT and not layer

    def __str__(self) -> str:
        return f"{LARGEST_REPORT} letters and values at most, {DEEPEST_REPORT} deep"


def _parts(of: object) -> list[object]:
    """What a value of JSON is made of, names too."""
    if isinstance(of, dict):
        named = cast("dict[object, object]", of)  # isinstance leaves its parts unknown
        return [*named, *named.values()]
    # cast: isinstance leaves its parts unknown
    return [*cast("list[object]", of)] if isinstance(of, list | tuple) else []


REPORT = Told()
Number: TypeAlias = Annotated[int, Within(0, UNBROKEN)]
Requested: TypeAlias = Annotated[int, Within(0, MOST_REQUESTED)]
Process: TypeAlias = Annotated[int, Within(1, 2**32 - 1)]
Limit: TypeAlias = Annotated[float, Within(0, LONGEST_LIMIT)]
Sentence: TypeAlias = Annotated[str, Letters(LONGEST_TEXT)]
Blames: TypeAlias = Annotated[Mapping[str, str], Few(MOST_BLAMED, LONGEST_TEXT)]
Segment: TypeAlias = Annotated[str, Written(PRIVATE_NAME)]
Report: TypeAlias = Annotated[Mapping[str, Any], REPORT]


def brief(text: str) -> str:
    """As much of a text, which may be anybody's, as a `Sentence` holds."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


# Any thread may hold a message, for none can be changed. Times are in seconds.


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSnapshot:
    """All live parameters of a pipeline at one moment. Each is within the pipeline's own range."""

    number: Number  # goes up with every change
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])


# From the bridge.


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeHello:
    """The bridge's first message. `worker` is this worker's number, for the names of its rings."""

    version: int
    worker: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPipeline:
    """What to load: after the hello, or in answer to what the worker asks (another pipeline of the
    family, in place of the one there is).

    `target`, `load` and `parameters` name classes as `module:Class`, `values` are those of the
    `load`. `size` is the one asked for now. A block gives at most `block` frames. `hang_s` is how
    long a block may give nothing, `load_s` the same while loading. The folders are those of the
    machine that the worker runs on.
    """

    target: str
    load: str
    values: Mapping[str, Value]
    parameters: str
    size: str
    block: int
    assets: str
    models: str
    more_models: tuple[str, ...]
    hang_s: Limit
    load_s: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGrant:
    """The answer to a `FrameRequest`: the frames `first` to `first + count - 1` of a ring, and what
    the block is to be made with. After them stand as many frames of the `control` video, then of
    the `mask`. Without any there need be no ring. The bridge writes over none of them until the
    next request. To a `PipelineReady` it grants no frames.
    """

    snapshot: ParameterSnapshot
    count: Requested = 0
    control: Requested = 0
    mask: Requested = 0
    first: Number = 0
    ring: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetStream:
    """Forget the past of the stream, between two blocks: an action of the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRing:
    """The ring that was told of last could not be opened: make another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End after the block that is being made."""


# From the worker.


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHello:
    """The worker's first message. `pid` is its process, which need not be the one started."""

    version: int
    pid: Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """Said each second, by a thread of its own: the process has not died and is not stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimit:
    """From now on silence of so many seconds means that nothing works here any more."""

    seconds: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLoading:
    """A pipeline is being built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """How far loading has come: `part` of what `phase` names."""

    phase: Sentence
    part: Annotated[float, Within(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSwapped:
    """The pipeline of the last `LoadPipeline` has taken the place of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineKept:
    """It could not be built, and the one before is there still. `text` is a sentence; `unforeseen`
    says that more of it is in the log.
    """

    text: Sentence
    unforeseen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineReady:
    """A pipeline is there, and has made nothing yet. Which values it begins with is to be answered:
    how many frames a block takes may depend on them, and loading may have taken minutes.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRequest:
    """So many frames are wanted for the next block; the worker waits for the answer. Of control
    and mask it takes one for each frame that it is granted, or without frames `guides` of each; 0
    says that it can use none.
    """

    count: Requested
    guides: Requested = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAttached:
    """The worker has opened the ring of that name, which needs its name no longer."""

    name: Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class RingLost:
    """The ring that was granted from was not there any more; no block was made, and the next
    request is to be answered from another ring.
    """

    name: Segment
    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMade:
    """The worker's frames come in this ring from now on."""

    name: Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class RingShort:
    """There is no room for a ring of the size that frames have now, in a sentence; the old one
    goes on. Empty once there is.
    """

    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMade:
    """A block is done. `frames` of it went into the ring within so many `seconds`, made with the
    snapshot of that number; `report` is what the pipeline says of it.
    """

    frames: Annotated[int, Within(0, MOST_MADE)]
    seconds: Annotated[float, Within(0, MOST_MADE * LONGEST_LIMIT)]
    snapshot: Number
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockUnusable:
    """A block, made with the snapshot of that number, cannot be shown; why, in a sentence."""

    text: Sentence
    snapshot: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReduced:
    """Blocks are made at half the size from now on; why, in a sentence."""

    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFailed:
    """The worker's last message, where it ends for an error: a sentence, and its exit status.
    `unforeseen` says that more of it is in the log. `blames` are the load parameters that name
    files which cannot be used, each with its sentence.
    """

    text: Sentence
    code: Exit
    unforeseen: bool
    blames: Blames


BridgeMessage: TypeAlias = (
    BridgeHello | LoadPipeline | FrameGrant | ResetStream | RenewRing | Stop
)  # fmt: skip
WorkerMessage: TypeAlias = (
    WorkerHello | Alive | TimeLimit | PipelineLoading | LoadProgress | PipelineSwapped
    | PipelineKept | PipelineReady | FrameRequest | RingAttached | RingLost | RingMade | RingShort
    | BlockMade | BlockUnusable | QualityReduced | WorkerFailed
)  # fmt: skip
Heard = TypeVar("Heard", BridgeMessage, WorkerMessage)


class Vocabulary(Generic[Heard]):
    """All that one of the two may say. Any thread."""

    def __init__(self, speaker: str, listener: str, messages: object) -> None:
        """`speaker` and `listener` are what sentences about them call them."""
        self._speaker, self._listener = speaker, listener
        kinds = cast("tuple[type[Heard], ...]", get_args(messages))  # the members of its union
        self._hello = kinds[0]
        self._kinds: dict[str, type[Heard]] = {kind.__name__: kind for kind in kinds}

    def decode(self, data: bytes, *, first: bool = False) -> Heard:
        """One message; ProtocolError for anything else, and where the `first` one tells of another
        version.
        """
        try:
            return self._message(data, first=first)
        except (ValueError, RecursionError) as error:
            raise self.not_understood(str(error)) from None

    def not_understood(self, why: str) -> ProtocolError:
        """What is said of a speaker who says what is no message."""
        return ProtocolError(f"{self._speaker} sent an invalid message: {why}")

    def _message(self, data: bytes, *, first: bool) -> Heard:
        told: object = json.loads(data.decode())
        if not is_object(told):
            raise ValueError(f"it says {short(told)}, which is no message.")
        given: dict[str, object] = told
        if first:
            self._check_version(given)
        name = given.pop("type", None)
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            both = f"version {VERSION}, which both say that they speak"
            raise ValueError(f"it says {short(name)}, which is no message of {both}.")
        if first is not (kind is self._hello):
            raise ValueError(f"it says {name} {'at first' if first else 'again'}.")
        try:
            return _read(kind, given)
        except ValueError as error:
            raise ValueError(f"it says {name}, but {error}.") from None

    def _check_version(self, hello: Mapping[str, object]) -> None:
        """Before all else: of another version's hello nothing else need be known."""
        version = hello.get("version")
        if type(version) is not int or version != VERSION:
            theirs = f"version {short(version)}" if "version" in hello else "no version"
            raise ValueError(
                f"it speaks {theirs} of their messages, {self._listener} version {VERSION}; "
                "restart the bridge, or install spout-bridge anew: both must be of one release."
            )


FROM_BRIDGE: Vocabulary[BridgeMessage] = Vocabulary(
    "The bridge", "this engine worker", BridgeMessage
)
FROM_WORKER: Vocabulary[WorkerMessage] = Vocabulary(
    "The engine worker", "this bridge", WorkerMessage
)


def encode(message: BridgeMessage | WorkerMessage) -> bytes:
    """One message as it goes out; ValueError or TypeError for a report that is no JSON."""
    return _ENCODER.encode({"type": type(message).__name__, **_fields_of(message)}).encode()


def _fields_of(thing: object) -> dict[str, Any]:
    """What a message holds, by name."""
    return {name: getattr(thing, name) for name in _readers(type(thing))}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_fields_of)


# What each field may be, by its annotation.

Kind = TypeVar("Kind")


def _read(kind: type[Kind], given: Mapping[str, object]) -> Kind:
    """An object of a dataclass from its fields: all of them, no other, each of its own type."""
    readers = _readers(kind)
    if given.keys() != readers.keys():
        lacks, extra = sorted(readers.keys() - given.keys()), sorted(given.keys() - readers.keys())
        raise ValueError(f"it lacks {lacks} and has {short(extra)} beside its fields")
    taken = dict[str, object]()
    for name, read in readers.items():
        try:
            taken[name] = read(given[name])
        except (TypeError, OverflowError):
            raise ValueError(f"{name} cannot be {short(given[name])}") from None
        except OutOfBoundsError as error:
            raise ValueError(f"{name} cannot be {short(given[name])}: it is {error}") from None
    return kind(**taken)


class OutOfBoundsError(Exception):
    """A value is of its field's type, and none that the field may hold; what it may."""


@cache
def _readers(kind: type) -> dict[str, Callable[[object], object]]:
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: _reader(hints[each.name]) for each in fields(kind)}


def _reader(hint: object) -> Callable[[object], object]:
    """What reads a field of this annotation."""
    if get_origin(hint) is not Annotated:
        return READERS[hint]
    base, *bounds = get_args(hint)
    return _within(READERS[base], bounds)


def _within(
    read: Callable[[object], object], bounds: Sequence[Bound]
) -> Callable[[object], object]:
    def checked(value: object) -> object:
        found = read(value)
        for bound in bounds:
            if not bound.holds(found):
                raise OutOfBoundsError(str(bound))
        return found

    return checked


def _exactly(kind: type[Kind]) -> Callable[[object], Kind]:
    def read(value: object) -> Kind:
        if type(value) is not kind:
            raise TypeError
        return value

    return read


def _float(value: object) -> float:
    if type(value) is int:  # as JSON may write a float that is whole
        return float(value)
    if type(value) is not float:
        raise TypeError
    return value


def _object(value: object) -> dict[str, Any]:
    if not is_object(value):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not is_list(value):
        raise TypeError
    return value


def _exit(value: object) -> Exit:
    code = _exactly(int)(value)
    if code not in {*Exit}:
        raise OutOfBoundsError(f"one of {', '.join(map(str, map(int, Exit)))}")
    return Exit(code)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_exactly(str), _list(value)))


def _texts_by_name(value: object) -> Mapping[str, str]:
    values = _object(value)
    if not {*map(type, values.values())} <= {str}:
        raise TypeError
    return values


def _values(value: object) -> Mapping[str, Value]:
    values = _object(value)
    if not {*map(type, values.values())} <= VALUE_TYPES:
        raise TypeError
    return values


def _snapshot(value: object) -> ParameterSnapshot:
    return _read(ParameterSnapshot, _object(value))


VALUE_TYPES = {*get_args(Value)}
READERS: dict[object, Callable[[object], object]] = {
    int: _exactly(int),
    float: _float,
    bool: _exactly(bool),
    str: _exactly(str),
    Exit: _exit,
    tuple[str, ...]: _texts,
    Mapping[str, str]: _texts_by_name,
    Mapping[str, Value]: _values,
    Mapping[str, Any]: _object,
    ParameterSnapshot: _snapshot,
}
