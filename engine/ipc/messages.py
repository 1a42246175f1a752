"""The messages between bridge and engine worker: frozen dataclasses, whose fields have limits.

The bridge's first message is a `BridgeHello`, the worker's a `WorkerHello`, each with the VERSION
of this module; then the bridge sends a `LoadPipeline`. Once it is loaded, the worker sends a
`PipelineReady`, and then a `FrameRequest` for each block. Each gets one answer: a `FrameGrant`,
which carries everything the block is made of, or a `LoadPipeline`, which swaps in another pipeline.

On the wire a message is a JSON object of its fields, with the name of its class as `type`. Anything
that is not exactly one of these, field by field, is a `ProtocolError` and ends the receiver, a
worker with `Exit.PROTOCOL`. A field's annotation gives its limits as well as its type, and both are
checked on receipt, so nothing that a faulty worker sends gets any further. Increase VERSION with
every change of this module.
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

VERSION = 7

MOST_REQUESTED = 64  # frames that a block may take
MOST_MADE = 1000  # frames that a block may give
LONGEST_LIMIT = 86_400.0  # maximum seconds for a block, however long others took
IMPORTING = "packages"  # the phase of loading in which the pipeline's packages are imported
LONGEST_TEXT = 4000  # characters of a sentence
MOST_BLAMED = 16  # parameters whose files cannot be used
LARGEST_REPORT = 100_000  # characters and values of a pipeline's report
DEEPEST_REPORT = 16  # nesting depth of lists and objects
UNBROKEN = 2**53  # largest integer that every JSON reader keeps exact


class ProtocolError(ValueError):
    """The other end sent something that is not one of these messages; one sentence."""


class Exit(IntEnum):
    """Why a worker process exited by itself."""

    DONE = 0
    BROKE = 1  # an error in a block, or a hang; also Python's own status after an uncaught error
    UNUSABLE = 70
    LOAD = 71
    PROTOCOL = 72
    MEMORY = 75
    CUDA = 76
    FILE = 77
    RUNG = 78
    IMPORT = 79


MEANING = {
    Exit.DONE: "it was asked to stop",
    Exit.BROKE: "it hung or crashed in Python; its stacks are in the log",
    Exit.UNUSABLE: "too many unusable frames in a row",
    Exit.LOAD: "its pipeline could not be loaded",
    Exit.FILE: "one of its files cannot be used",
    Exit.RUNG: "its fastest way to compute failed; the next worker uses a slower one",
    Exit.IMPORT: "a package of its pipeline cannot be imported",
    Exit.PROTOCOL: (
        "it did not understand the bridge; restart the bridge, or reinstall spout-bridge"
    ),
    Exit.MEMORY: "it ran out of memory twice; choose a smaller size",
    Exit.CUDA: "the GPU reported an error that only a new process can clear",
}


# The limits of a field.


class Bound(Protocol):
    """A condition on a field's value; `str` describes it."""

    def holds(self, value: Any) -> bool:
        """Whether a value of the field's type is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class Within:
    """A number from `least` to `most`, not NaN."""

    least: float
    most: float

    def holds(self, value: float) -> bool:
        """See `Bound`."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"{self.least:.16g} to {self.most:.16g}"


@dataclass(frozen=True, slots=True)
class Letters:
    """A text of at most `most` characters."""

    most: int

    def holds(self, value: str) -> bool:
        """See `Bound`."""
        return len(value) <= self.most

    def __str__(self) -> str:
        return f"at most {self.most} characters"


@dataclass(frozen=True, slots=True)
class Few:
    """At most this many texts by name, each of at most this many characters."""

    most: int
    longest: int

    def holds(self, value: Mapping[str, str]) -> bool:
        """See `Bound`."""
        texts = (*value, *value.values())
        return len(value) <= self.most and all(len(text) <= self.longest for text in texts)

    def __str__(self) -> str:
        return f"at most {self.most} texts, each of at most {self.longest} characters"


@dataclass(frozen=True, slots=True)
class Written:
    """A text that matches the regular expression `form`."""

    form: str

    def holds(self, value: str) -> bool:
        """See `Bound`."""
        return bool(re.fullmatch(self.form, value))

    def __str__(self) -> str:
        return "the name of a worker's segment"


class Told:
    """A report that every reader of the state can handle; checked before sending, too."""

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
        return f"at most {LARGEST_REPORT} characters and values, {DEEPEST_REPORT} deep"


def _parts(of: object) -> list[object]:
    """The parts of a JSON value, names included."""
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
    """A text from any source, cut to fit into a `Sentence`."""
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


# Any thread may hold a message, as they are immutable. Times are in seconds.


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSnapshot:
    """All live parameters of a pipeline at one moment. Each is within the pipeline's own range."""

    number: Number  # increases with every change
    values: Mapping[str, Value] = field(default_factory=dict[str, Value])


# From the bridge.


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeHello:
    """The bridge's first message. `worker` is the worker's number, used to name its rings. The
    folders are on the machine where the worker runs; all later messages are values only.
    `dismissed` are the process ids of workers that a user had ended.
    """

    version: int
    worker: Number
    assets: str
    models: str
    more_models: tuple[str, ...]
    cache: str
    dismissed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPipeline:
    """What to load: sent after the hello, or in answer to a request (another pipeline of the
    family, to replace the current one).

    `target`, `load` and `parameters` name classes as `module:Class`; `values` are the load values.
    `packages` are those that the target imports. `size` is the size requested now. A block yields
    at most `block` frames. `hang_s` is the time after which a block without output counts as hung,
    `load_s` the same while loading.
    """

    target: str
    load: str
    values: Mapping[str, Value]
    parameters: str
    size: str
    block: int
    hang_s: Limit
    load_s: Limit
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameGrant:
    """The answer to a `FrameRequest`: the frames `first` to `first + count - 1` of a ring, and the
    parameters of the block. They are followed by as many frames of the `control` video, then of the
    `mask`. Without frames no ring is needed. The bridge overwrites none of them before the next
    request. In answer to a `PipelineReady` it grants no frames.
    """

    snapshot: ParameterSnapshot
    count: Requested = 0
    control: Requested = 0
    mask: Requested = 0
    first: Number = 0
    ring: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetStream:
    """Forget the stream's history, between two blocks: requested by the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareBlock:
    """Have ready what a block of these parameters needs, from now on: they may be requested at any
    time. Only the newest such parameters count. The answers are `BlockPrepared`.
    """

    snapshot: ParameterSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewRing:
    """The ring announced last could not be opened: create another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Exit after the current block."""


# From the worker.


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHello:
    """The worker's first message. `pid` is its process, which may differ from the one started."""

    version: int
    pid: Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """Sent every second by a separate thread: the process is alive and not suspended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimit:
    """From now on, silence of this many seconds means that the worker hangs."""

    seconds: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineLoading:
    """A pipeline is being built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadProgress:
    """Loading progress: `part`, from 0 to 1, of the step that `phase` names."""

    phase: Sentence
    part: Annotated[float, Within(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSwapped:
    """The pipeline of the last `LoadPipeline` has replaced the previous one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineKept:
    """It could not be built, and the previous one is still loaded. `text` is a sentence;
    `unforeseen` means that the log has the details.
    """

    text: Sentence
    unforeseen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineReady:
    """A pipeline is loaded and has made nothing yet. The answer gives its initial values: how many
    frames a block takes may depend on them, and loading may have taken minutes. It computes on
    `device`: the name of a GPU, or CPU.
    """

    device: Sentence = "CPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRequest:
    """Asks for this many frames for the next block, and waits for the answer. It takes one control
    and one mask frame for each granted frame, or `guides` of each if no frames are granted; 0 means
    that it cannot use any.
    """

    count: Requested
    guides: Requested = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RingAttached:
    """The worker has opened the ring of that name, so the name is no longer needed."""

    name: Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class RingLost:
    """The granted ring no longer exists; no block was made, and the next request must be answered
    from another ring.
    """

    name: Segment
    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMade:
    """From now on the worker writes its frames into this ring."""

    name: Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class RingShort:
    """There is no room for a ring of the current frame size, in a sentence; the old one stays in
    use. Empty once there is room.
    """

    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMade:
    """A frame of a block is complete in the ring; sent at once, so that it can be shown at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMade:
    """A block is done. `frames` is how many it wrote into the ring, `seconds` how long it took,
    `number` the snapshot it was made with, `report` the pipeline's report.
    """

    frames: Annotated[int, Within(0, MOST_MADE)]
    seconds: Annotated[float, Within(0, MOST_MADE * LONGEST_LIMIT)]
    snapshot: Number
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPrepared:
    """Whether the next block would be as the `PrepareBlock` with the snapshot of that number says;
    `problem` is why it never would, in a sentence, else empty. Sent when this changes.
    """

    snapshot: Number
    ready: bool
    problem: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockUnusable:
    """A block made with the snapshot of that number is unusable; the reason, in a sentence."""

    text: Sentence
    snapshot: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReduced:
    """From now on blocks are made at half the size; the reason, in a sentence. Empty once they are
    made at the requested size again.
    """

    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class RungTried:
    """What is tried now, in words, and may take the whole process down: it is written down, so that
    the next worker uses a slower way. Empty once it held.
    """

    what: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFailed:
    """The worker's last message if it exits because of an error: a sentence, and its exit status.
    `unforeseen` means that the log has the details. `blames` are the load
    parameters that name unusable files, each with its sentence.
    """

    text: Sentence
    code: Exit
    unforeseen: bool
    blames: Blames


BridgeMessage: TypeAlias = (
    BridgeHello | LoadPipeline | FrameGrant | ResetStream | PrepareBlock | RenewRing | Stop
)  # fmt: skip
WorkerMessage: TypeAlias = (
    WorkerHello | Alive | TimeLimit | PipelineLoading | LoadProgress | PipelineSwapped
    | PipelineKept | PipelineReady | FrameRequest | RingAttached | RingLost | RingMade | RingShort
    | FrameMade | BlockMade | BlockPrepared | BlockUnusable | QualityReduced | RungTried
    | WorkerFailed
)  # fmt: skip
Heard = TypeVar("Heard", BridgeMessage, WorkerMessage)


class Vocabulary(Generic[Heard]):
    """All messages that one of the two may send. Any thread."""

    def __init__(self, speaker: str, listener: str, messages: object) -> None:
        """`speaker` and `listener` are their names in error sentences."""
        self._speaker, self._listener = speaker, listener
        kinds = cast("tuple[type[Heard], ...]", get_args(messages))  # the members of its union
        self._hello = kinds[0]
        self._kinds: dict[str, type[Heard]] = {kind.__name__: kind for kind in kinds}

    def decode(self, data: bytes, *, first: bool = False) -> Heard:
        """One message; ProtocolError for anything else, or if the `first` has another version."""
        try:
            return self._message(data, first=first)
        except (ValueError, RecursionError) as error:
            raise self.not_understood(str(error)) from None

    def not_understood(self, why: str) -> ProtocolError:
        """The error for a sender of something that is not a message."""
        return ProtocolError(f"{self._speaker} sent an invalid message: {why}")

    def _message(self, data: bytes, *, first: bool) -> Heard:
        told: object = json.loads(data.decode())
        if not is_object(told):
            raise ValueError(f"{short(told)} is not a message.")
        given: dict[str, object] = told
        if first:
            self._check_version(given)
        name = given.pop("type", None)
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            both = f"version {VERSION}, which both claim to use"
            raise ValueError(f"{short(name)} is not a message of {both}.")
        if first is not (kind is self._hello):
            raise ValueError(f"{name} came {'first' if first else 'again'}.")
        try:
            return _read(kind, given)
        except ValueError as error:
            raise ValueError(f"{name} is invalid: {error}.") from None

    def _check_version(self, hello: Mapping[str, object]) -> None:
        """First of all: nothing else in another version's hello matters."""
        version = hello.get("version")
        if type(version) is not int or version != VERSION:
            theirs = f"version {short(version)}" if "version" in hello else "no version"
            raise ValueError(
                f"it uses {theirs} of their messages, {self._listener} version {VERSION}; restart "
                "the bridge, or reinstall spout-bridge: both must come from the same release."
            )


FROM_BRIDGE: Vocabulary[BridgeMessage] = Vocabulary(
    "The bridge", "this engine worker", BridgeMessage
)
FROM_WORKER: Vocabulary[WorkerMessage] = Vocabulary(
    "The engine worker", "this bridge", WorkerMessage
)


def encode(message: BridgeMessage | WorkerMessage) -> bytes:
    """One message as sent; ValueError or TypeError for a report that is not JSON."""
    return _ENCODER.encode({"type": type(message).__name__, **_fields_of(message)}).encode()


def _fields_of(thing: object) -> dict[str, Any]:
    """The fields of a message, by name."""
    return {name: getattr(thing, name) for name in _readers(type(thing))}


_ENCODER = json.JSONEncoder(separators=(",", ":"), default=_fields_of)


# The reader of each field, from its annotation.

Kind = TypeVar("Kind")


def _read(kind: type[Kind], given: Mapping[str, object]) -> Kind:
    """An object of a dataclass from its fields: all of them, no others, each of its type."""
    readers = _readers(kind)
    if given.keys() != readers.keys():
        lacks, extra = sorted(readers.keys() - given.keys()), sorted(given.keys() - readers.keys())
        raise ValueError(f"missing fields: {lacks}, unknown fields: {short(extra)}")
    taken = dict[str, object]()
    for name, read in readers.items():
        try:
            taken[name] = read(given[name])
        except (TypeError, OverflowError):
            raise ValueError(f"{name} cannot be {short(given[name])}") from None
        except OutOfBoundsError as error:
            raise ValueError(f"{name} cannot be {short(given[name])}: it must be {error}") from None
    return kind(**taken)


class OutOfBoundsError(Exception):
    """A value has its field's type but is outside its limits; the text gives the limits."""


@cache
def _readers(kind: type) -> dict[str, Callable[[object], object]]:
    hints = get_type_hints(kind, include_extras=True)
    return {each.name: _reader(hints[each.name]) for each in fields(kind)}


def _reader(hint: object) -> Callable[[object], object]:
    """The reader of a field with this annotation."""
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
    if type(value) is int:  # as JSON may write a whole float
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


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(map(_exactly(int), _list(value)))


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
    tuple[int, ...]: _numbers,
    Mapping[str, str]: _texts_by_name,
    Mapping[str, Value]: _values,
    Mapping[str, Any]: _object,
    ParameterSnapshot: _snapshot,
}
