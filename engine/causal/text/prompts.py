"""Turn up to three weighted prompts into one embedding per block.

Texts are encoded in a separate thread and lane. The old prompts stay until all new ones are
encoded; then the embedding fades from its current value to the new one.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import NamedTuple, TypeAlias

import torch.nn.functional as F
from torch import Tensor

from engine.causal.lanes import Inline, Lane, Point
from engine.causal.text.blending import Method, between, blend, norm
from engine.causal.text.tokens import clean, named
from engine.system.background import BackgroundCache
from engine.weights.finite import all_finite

Wish: TypeAlias = Sequence[tuple[str, float]]  # texts with weights
KEPT = 64  # texts whose embeddings are kept
UNSEEN = 0.01  # norm of a change too small to fade
# errors of an encoder that do not stop the stream; running out of memory is a RuntimeError
FAILURES = (RuntimeError, ValueError, OSError)


class Shown(NamedTuple):
    """The embedding (1, text tokens, width) in float32 for the next block, None before the first
    is known; and whether it differs from the last block's, so that cached results are stale.
    """

    embedding: Tensor | None
    changed: bool


class Prompts:
    """The requested prompts, and the transition to them. All calls come from the frames' thread,
    and none of them waits for the encoder.

    `encode` returns the embedding (1, text tokens, width) of a text, zero beyond its own tokens,
    and `note` a sentence on that text for the user, or "". Both run in a separate thread, and what
    they compute in `lane`: in the lane of the frames, frames would queue up behind it. `measures`
    is the lane in which the size of a change is copied to the host.
    """

    def __init__(
        self,
        encode: Callable[[str], Tensor],
        note: Callable[[str], str] = lambda text: "",
        lane: Lane | None = None,
        measures: Lane | None = None,
    ) -> None:
        self._texts = EmbeddingCache(encode, note, lane or Inline())
        self._way = PromptTransition(measures or Inline())
        self._asked: tuple[object, ...] | None = None
        self._wish = self._reached = PromptMix(
            (), (), "linear"
        )  # the newest; the last one whose transition has begun
        self._pace = Pace("linear", 0.0, None)
        self._shown: Tensor | None = None

    def wish(
        self, texts: Wish, method: Method = "linear", *, fade: float = 0, blocks: int | None = None
    ) -> None:
        """Request texts, mixed by weight (0 or more; if all are 0, equally).

        Empty texts are ignored, unless all are empty, which is a valid prompt. A text of weight 0
        is encoded in advance. `slerp` mixes two texts; any other number is mixed linearly.

        A change takes `fade` seconds, by the same method, or `blocks` blocks if given: the first
        still shows the old prompts, the last the new ones; below 2 the change is immediate.
        """
        self._pace = Pace(method, fade, blocks)
        asked = (*texts, method)
        if asked == self._asked:
            return
        self._asked = asked
        written = {clean(text): text for text, _ in texts}
        self._wish = _mix([(clean(text), weight) for text, weight in texts], method)
        needed_first = (*self._wish.texts, *filter(None, written))
        self._texts.want({text: written.get(text, "") for text in needed_first})

    def prepare(self, texts: Wish) -> int:
        """Encode texts that may be requested later; returns how many are still coming. ValueError,
        in a sentence, for one that cannot be encoded.
        """
        self._texts.collect()
        written = {clean(text): text for text, _ in texts}
        needed = _mix([(clean(text), weight) for text, weight in texts], "linear").texts
        return self._texts.prepare({text: written.get(text, "") for text in needed})

    def now(self, time: float | None = None) -> Shown:
        """The embedding of the next block; call once per block.

        `time` defaults to `perf_counter`.
        """
        time = perf_counter() if time is None else time
        self._texts.collect()
        target = self._target()
        if target is not None:
            self._way.begin(target, time, self._pace)
        last, self._shown = self._shown, self._way.at(time)
        return Shown(self._shown, self._shown is not last)

    @property
    def arriving(self) -> int:
        """Number of requested texts that are not encoded yet."""
        return sum(map(self._texts.is_coming, self._wish.texts))

    @property
    def problems(self) -> list[str]:
        """Sentences for the user: texts that could not be encoded, and notes."""
        return [said for text in self._wish.texts if (said := self._texts.said(text))]

    def fade_left(self, time: float | None = None) -> float:
        """The rest of a fade: seconds, or blocks if it is counted in blocks."""
        return self._way.left(perf_counter() if time is None else time)

    def close(self) -> None:
        """Stop the thread after the text being encoded."""
        self._texts.close()

    def _target(self) -> Tensor | None:
        """The requested embedding if it is new and all its texts are encoded."""
        texts, parts, method = self._wish
        embeddings = self._texts.all(texts) if self._wish != self._reached else []
        if not embeddings:
            return None
        self._reached = self._wish
        return embeddings[0] if len(embeddings) == 1 else blend(embeddings, parts, method)


class PromptMix(NamedTuple):
    """Cleaned texts, their shares (above 0, in total 1), and the mixing method."""

    texts: tuple[str, ...]
    parts: tuple[float, ...]
    method: Method


def _mix(texts: Wish, method: Method) -> PromptMix:
    """The texts that have an effect; equal mixes have the same embedding."""
    given = [(text, weight) for text, weight in texts if text] or [("", 1.0)]
    whole = sum(weight for _, weight in given)
    parts = [(text, weight / whole if whole else 1 / len(given)) for text, weight in given]
    counted, shares = zip(*(pair for pair in parts if pair[1]), strict=True)
    return PromptMix(counted, shares, method if len(counted) == 2 else "linear")


class Pace(NamedTuple):
    """The method and duration of a change; see `Prompts.wish`."""

    method: Method
    fade: float
    blocks: int | None


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a change goes, while it is copied to the host."""

    copy: Tensor  # on the host, complete once `done` is reached
    made: Tensor  # on the device, kept until then
    done: Point


class PromptTransition:
    """The transition from embedding to embedding; it reaches each exactly.

    How far a change goes is known one block after it begins, when that is on the host without a
    wait: one too small to see ends then.
    """

    def __init__(self, lane: Lane) -> None:
        """The distances are copied in `lane`."""
        self._lane = lane
        self._source: Tensor | None = None  # is the target once that is reached
        self._target: Tensor | None = None
        self._distance: Distance | None = None  # of a change that has just begun
        self._pace = Pace("linear", 0.0, None)
        self._began, self._blocks = 0.0, 0  # when; blocks since then

    def begin(self, target: Tensor, time: float, pace: Pace) -> None:
        """Begin a transition to another target, from the current value."""
        here = self.at(time)
        at_once = pace.fade <= 0 if pace.blocks is None else pace.blocks < 2
        if here is None or at_once:
            here = target
        self._source, self._target, self._pace = here, target, pace
        self._distance = None if here is target else self._measured(target - here)
        self._began, self._blocks = time, 0

    def at(self, time: float) -> Tensor | None:
        """The current value, for one more block."""
        if self._source is None or self._target is None or self._source is self._target:
            return self._source
        method, fade, blocks = self._pace
        part = (time - self._began) / fade if blocks is None else self._blocks / (blocks - 1)
        ends = part >= 1 or (self._blocks and self._is_unseen())
        self._blocks += 1
        if ends:
            self._source = self._target
        if ends or part <= 0:
            return self._source
        return between(self._source, self._target, part, method)

    def _measured(self, change: Tensor) -> Distance:
        """Queue the copy of a change's norm to the host."""
        lane, size = self._lane, norm(change)
        copy = lane.buffer((), size.dtype)
        lane.follow()
        with lane.queued():
            copy.copy_(size, non_blocking=True)
        return Distance(copy, size, lane.point())

    def _is_unseen(self) -> bool:
        """Whether the change is too small to see; asked after its first block, whose images were
        queued after the copy and are on the host.
        """
        distance, self._distance = self._distance, None
        if distance is None:
            return False
        distance.done.wait()
        return float(distance.copy) < UNSEEN

    def left(self, time: float) -> float:
        """The rest of the transition: seconds, or blocks if it is counted in blocks."""
        _, fade, blocks = self._pace
        left = self._began + fade - time if blocks is None else blocks - self._blocks
        return 0.0 if self._source is self._target else max(0.0, left)


class Known(NamedTuple):
    """An embedding without its zero padding, its length with padding, and a note; `ready` is the
    point in the lane after which it is complete.
    """

    own: Tensor
    length: int
    note: str
    ready: Point


class EmbeddingCache:
    """Embeddings by cleaned text: encoded in a separate thread and lane, the last `KEPT` are
    kept.
    """

    def __init__(
        self, encode: Callable[[str], Tensor], note: Callable[[str], str], lane: Lane
    ) -> None:
        self._encode, self._note, self._lane = encode, note, lane
        self._known = BackgroundCache[Known]("prompts", KEPT, _full)
        self._wanted: set[str] = set()

    def want(self, texts: Mapping[str, str]) -> None:
        """Encode these next, as written, by cleaned text; drop earlier requests not yet begun."""
        self._known.forget_failures(but=self._wanted & texts.keys())
        self._known.leave()
        self._wanted = set(texts)
        for text, written in texts.items():
            self._known.ask(text, partial(self._encoded, written))
            self._known.known(text)  # marks it as used, so it stays cached

    def prepare(self, texts: Mapping[str, str]) -> int:
        """Encode these too, after what is wanted; returns how many are not collected yet.
        ValueError for one that failed.
        """
        for text, written in texts.items():
            self._known.ask(text, partial(self._encoded, written))
        found = [self._known.known(text) for text in texts]
        for known in found:
            if isinstance(known, str):
                raise ValueError(known)
        return found.count(None)

    def collect(self) -> None:
        """Collect what the thread has finished."""
        self._known.collect()

    def is_coming(self, text: str) -> bool:
        """Whether it is requested, and not collected yet."""
        return self._known.is_coming(text)

    def all(self, texts: Sequence[str]) -> list[Tensor]:
        """The embeddings in float32 if all of them are known; else an empty list. What the caller
        queues next waits for them on the device.
        """
        known = [known for text in texts if isinstance(known := self._known.known(text), Known)]
        return [_padded(each) for each in known] if len(known) == len(texts) else []

    def said(self, text: str) -> str:
        """The note or error of a text; empty if none."""
        known = self._known.known(text)
        return known.note if isinstance(known, Known) else known or ""

    def close(self) -> None:
        """See `Prompts.close`."""
        self._known.close()

    def _encoded(self, text: str) -> Known:
        """The embedding and note of a text; ValueError, as one sentence, if that fails."""
        try:
            with self._lane.queued():
                embedding, note = self._encode(text), self._note(text)
                if not all_finite([embedding]):  # waits, in this thread and for this lane only
                    raise ValueError("its embedding contains NaN or infinity")
                own = _without_padding(embedding)
            return Known(own, embedding.shape[1], note, self._lane.point())
        except FAILURES as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
        # raised outside `except`, because the first error keeps the failed call's memory alive
        what = f"The prompt {named(clean(text))} could not be encoded ({reason})"
        raise ValueError(f"{what}; the previous prompt stays.")


def _without_padding(embedding: Tensor) -> Tensor:
    rows = embedding[0].any(-1).nonzero()
    return embedding[:, : int(rows[-1]) + 1 if len(rows) else 0].clone()


def _padded(known: Known) -> Tensor:
    own = known.own
    known.ready.precede(own)
    return F.pad(own.float(), (0, 0, 0, known.length - own.shape[1]))


def _full(known: Mapping[Hashable, Known | str]) -> bool:
    return len(known) > KEPT
