"""The messages between bridge and engine worker: frozen dataclasses, whose fields have limits.

The bridge's first message is a `BridgeHello`, the worker's a `WorkerHello`, each with the VERSION
of this module; then the bridge sends a `LoadPipeline`. Once it is loaded, the worker sends a
`PipelineReady`, and then a `FrameRequest` for each block. Each gets one answer: a `FrameGrant`,
which carries everything the block is made of, or a `LoadPipeline`, which swaps in another pipeline.

`engine/ipc/typed.py` writes and reads them. Anything that is not exactly one of these is a
`ProtocolError` and ends the receiver, a worker with `Exit.PROTOCOL`: nothing that a faulty worker
sends gets any further. Increase VERSION with every change of this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated, Any, TypeAlias

from engine.ipc.segments import PRIVATE_NAME
from engine.ipc.typed import Few, Letters, Told, Vocabulary, Within, Written
from engine.parameters import Value

VERSION = 9

MOST_REQUESTED = 64  # frames that a block may take
MOST_MADE = 1000  # frames that a block may give
LONGEST_LIMIT = 86_400.0  # maximum seconds for a block, however long others took
IMPORTING = "packages"  # the phase of loading in which the pipeline's packages are imported
LONGEST_TEXT = 4000  # characters of a sentence
MOST_BLAMED = 16  # parameters whose files cannot be used
UNBROKEN = 2**53  # largest integer that every JSON reader keeps exact


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

    `pipeline` is its id in the catalog. `target`, `load` and `parameters` name classes as
    `module:Class`; `values` are the load values.
    `packages` are those that the target imports. `size` is the size requested now. A block yields
    at most `block` frames. `hang_s` is the time after which a block without output counts as hung,
    `load_s` the same while loading.
    """

    pipeline: str
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

    The rest is for a `streaming` worker: whether frames come from an input at all, whether the next
    block may begin now if they do not, and how many frames a second are wanted, at most; 0 for no
    limit.
    """

    snapshot: ParameterSnapshot
    count: Requested = 0
    control: Requested = 0
    mask: Requested = 0
    first: Number = 0
    ring: str = ""
    has_input: bool = True
    has_room: bool = True
    max_fps: Annotated[float, Within(0, 10_000)] = 0.0


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
    that it cannot use any. A `streaming` worker passes on to another machine what it is granted:
    each new frame as it comes, or none, as soon as anything else in the grant has changed.
    """

    count: Requested
    guides: Requested = 0
    streaming: bool = False


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
class LineLost:
    """There is no line to the machine that computes, in a sentence; until it is back, no frames are
    made. Empty once it is.
    """

    text: Sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNote:
    """What a person should know of the machine that computes while it still does, in a sentence,
    such as that it is being shut down. Empty once that is over.
    """

    text: Sentence


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
    | LineLost | LineNote | WorkerFailed
)  # fmt: skip

FROM_BRIDGE: Vocabulary[BridgeMessage] = Vocabulary(
    "The bridge", "this engine worker", BridgeMessage, VERSION
)
FROM_WORKER: Vocabulary[WorkerMessage] = Vocabulary(
    "The engine worker", "this bridge", WorkerMessage, VERSION
)
