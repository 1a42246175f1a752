"""What a WebRTC source or sink and its process say to each other; see `engine/ipc/typed.py`."""

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from engine.ipc.typed import Letters, Vocabulary, Within, Written

VERSION = 1
LARGEST_SDP = 64 << 10  # characters
MOST_VIEWERS = 64
MOST_MBIT = 200.0

Sdp: TypeAlias = Annotated[str, Letters(LARGEST_SDP)]
Peer: TypeAlias = Annotated[str, Letters(64)]
Ring: TypeAlias = Annotated[str, Written(r"[\w-]{1,80}")]
Sentence: TypeAlias = Annotated[str, Letters(500)]
Number: TypeAlias = Annotated[int, Within(0, 1 << 62)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message. With `viewers`, frames are sent to at most this many, at this bitrate;
    with 0 they are received, from one sender. `ice` are servers as `bridge/system/ice.py` reads
    them.
    """

    version: int = VERSION
    viewers: Annotated[int, Within(0, MOST_VIEWERS)] = 0
    mbit: Annotated[float, Within(0.1, MOST_MBIT)] = 6.0
    ice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A peer's offer; answered by an `Answer` or a `Refusal` of the same number."""

    number: Number
    peer: Peer
    sdp: Sdp


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Close this peer's connection."""

    peer: Peer


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMade:
    """Frames are in this segment from now on."""

    name: Ring


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMade:
    """There is another frame in the segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The first message back."""

    version: int = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to an offer."""

    number: Number
    sdp: Sdp


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an offer was not answered: one sentence. `full` if it would be another time."""

    number: Number
    text: Sentence
    full: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """How many peers are connected now."""

    count: Annotated[int, Within(0, MOST_VIEWERS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why frames do not get through; empty once they do."""

    text: Sentence


ToProcess: TypeAlias = Start | Offer | Leave | RingMade | FrameMade
FromProcess: TypeAlias = Started | Answer | Refusal | Connected | Trouble | RingMade | FrameMade

TO_PROCESS: Vocabulary[ToProcess] = Vocabulary(
    "The bridge", "the WebRTC process", ToProcess, VERSION
)
FROM_PROCESS: Vocabulary[FromProcess] = Vocabulary(
    "The WebRTC process", "the bridge", FromProcess, VERSION
)
