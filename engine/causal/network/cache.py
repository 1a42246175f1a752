"""The memory of a stream: keys and values of earlier frames, and of the text.

Everything is allocated once and written in place, so that a captured graph finds it at the same
address. What changes from block to block is computed here on the host, from frame numbers alone,
and uploaded as small tensors; a pass reads nothing back.
"""

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from engine.catalog.specs import CausalSpec
from engine.causal.network.rope import Rotation
from engine.causal.network.upload import to_device


class PassShape(NamedTuple):
    """The shape of one pass; passes of the same shape use the same graph.

    The first `skipped` frames are queried but not stored; `visible` slots of the window are read,
    with a bias if `biased`. If `hinted`, the latents begin with `references` frames, which only
    VACE uses.
    """

    rows: int
    frames: int
    skipped: int
    visible: int
    biased: bool
    hinted: bool = False
    references: int = 0


Angles: TypeAlias = tuple[Tensor, Tensor]  # cosines, sines: (rows, tokens, 1, head width)


class PassView(NamedTuple):
    """A pass as every layer sees it.

    `slots` are the slots written, over all rows; `asked` rotates queries, and keys if they are
    rotated when written; `read` rotates all visible keys, if they are rotated when read; `bias`
    (rows, visible * tokens) is added to the scores of each key.
    """

    plan: PassShape
    window: int
    slots: Tensor
    asked: Angles
    read: Angles | None
    bias: Tensor | None

    def store(self, cache: Tensor, new: Tensor) -> None:
        """Write (rows, frames * tokens, heads, width) into one layer's keys or values."""
        frames = torch.unflatten(new, 1, (self.plan.frames, -1))[:, self.plan.skipped :]
        cache.index_copy_(0, self.slots, frames.flatten(0, 1))

    def seen(self, cache: Tensor) -> Tensor:
        """One layer's visible keys or values: (rows, visible * tokens, heads, width), a view."""
        rows = torch.unflatten(cache, 0, (-1, self.window))
        return rows[: self.plan.rows, : self.plan.visible].flatten(1, 2)


class KVCache:
    """The window: a ring of frames in every layer and row.

    A frame's slot follows from its number: the sink keeps the first slots, the others are used in
    turn, so that a new frame overwrites the oldest and nothing is ever moved. The order in the
    ring does not matter to attention, because keys carry their position. `keys` and `values` are
    (layers, rows * window, tokens, heads, head width).
    """

    def __init__(
        self,
        spec: CausalSpec,
        height: int,
        width: int,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """`height` and `width` in tokens, `rows` of the batch."""
        network, self.spec, self.rows = spec.network, spec, rows
        self._tokens = height * width
        held = (rows * spec.window, self._tokens, network.heads, network.head_dim)
        self.keys = torch.zeros(network.layers, *held, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)
        self._device = device
        self._rotation = Rotation(network.head_dim, height, width, device)
        angles = (rows, spec.window, self._tokens, network.head_dim)
        self._query_angles = [torch.empty(angles, device=device) for _ in range(2)]
        reads = spec.rotate == "read"
        self._key_angles = [torch.empty(angles, device=device) for _ in range(2 if reads else 0)]
        self._slots = torch.zeros(rows, spec.window, dtype=torch.long, device=device)
        self._bias = torch.zeros(rows, spec.window, self._tokens, device=device)
        self._sinks: list[Tensor] = []
        self.ends = [0] * rows

    def clear(self) -> None:
        """Clear all frames."""
        self.ends = [0] * self.rows
        self._sinks = []

    def begin(
        self,
        starts: Sequence[int],
        frames: int,
        places: Sequence[int] | None = None,
        context_weight: float = 1.0,
    ) -> PassShape:
        """Make room for `frames` frames, the first with the number `starts[row]`, and return the
        shape of their pass.

        Frames written before are overwritten in place. `places` are the positions at which the
        frames of a row begin, if they differ from the frame numbers. `context_weight` (above 0, to
        1) is the attention weight of earlier frames, except the first and the block's own.
        """
        for row, start in enumerate(starts):
            self._make_room(row, start + frames)
        held = [min(end, self.spec.window) for end in self.ends[: len(starts)]]
        self._place(starts, frames, places, held)
        biased = self._weigh(frames, held, context_weight)
        skipped = max(0, self._oldest(0) - starts[0])
        return PassShape(len(starts), frames, skipped, max(held), biased)

    def sight(self, plan: PassShape) -> PassView:
        """What all layers of a pass share: views, always at the same addresses."""
        own = slice(plan.rows), slice(plan.frames)
        seen = slice(plan.rows), slice(plan.visible)
        return PassView(
            plan=plan,
            window=self.spec.window,
            slots=self._slots[: plan.rows, plan.skipped : plan.frames].flatten(),
            asked=per_token(self._query_angles, own),
            read=per_token(self._key_angles, seen) if self._key_angles else None,
            bias=self._bias[seen].flatten(1, 2) if plan.biased else None,
        )

    @contextmanager
    def rehearsing(self, plan: PassShape) -> Generator[None]:
        """Lay out a pass of that shape that is not of this stream; afterwards all is as before."""
        frames = range(plan.skipped, plan.frames)
        slots = [row * self.spec.window + n for row in range(plan.rows) for n in frames]
        written = to_device(slots, self._device, torch.long)
        small = [self._slots, self._bias, *self._query_angles, *self._key_angles]
        kept = [tensor.clone() for tensor in small]
        caches = (self.keys, self.values) if any(self.ends) else ()  # else they hold nothing
        held = [cache[:, written] for cache in caches]
        try:
            own = written.view(plan.rows, -1)
            self._slots[: plan.rows, plan.skipped : plan.frames].copy_(own)
            self._bias.zero_()
            for angles in (self._query_angles, self._key_angles):
                for table, value in zip(angles, (1, 0), strict=False):
                    table.fill_(value)
            yield
        finally:
            for tensor, before in zip(small, kept, strict=True):
                tensor.copy_(before)
            for cache, before in zip(caches, held, strict=True):
                cache[:, written] = before

    def spread(self) -> None:
        """Copy the frames of row 0 to every row."""
        window = self.spec.window
        for cache in (self.keys, self.values):
            for row in range(1, self.rows):
                cache[:, row * window : (row + 1) * window].copy_(cache[:, :window])
        self.ends = [self.ends[0]] * self.rows

    def _slot(self, frame: int) -> int:
        sink, window = self.spec.sink, self.spec.window
        return frame if frame < window else sink + (frame - sink) % (window - sink)

    def _oldest(self, row: int) -> int:
        """The oldest frame outside the sink that is still held; 0 while none has left."""
        end, window = self.ends[row], self.spec.window
        return end - (window - self.spec.sink) if end > window else 0

    def _make_room(self, row: int, end: int) -> None:
        leaving = [self._slot(frame) for frame in range(self.ends[row], end)]
        leaving = leaving[max(0, self.spec.window - self.ends[row]) :]
        if leaving and self.spec.sink_decay < 1:
            self._average(leaving)
        self.ends[row] = max(self.ends[row], end)

    def _average(self, leaving: Sequence[int]) -> None:
        """Average the frames that leave the window into the sink. The average is kept in float32:
        in bfloat16 a thousandth would mostly be lost to rounding.
        """
        sink = self.spec.sink
        if len(leaving) != sink:
            raise ValueError(f"{len(leaving)} frames leave at once; an averaged sink needs {sink}.")
        caches = (self.keys, self.values)
        self._sinks = self._sinks or [cache[:, :sink].float() for cache in caches]
        for average, cache in zip(self._sinks, caches, strict=True):
            for place, slot in enumerate(leaving):
                average[:, place].mul_(self.spec.sink_decay)
                average[:, place].add_(cache[:, slot], alpha=1 - self.spec.sink_decay)
            cache[:, :sink].copy_(average)

    def _place(
        self, starts: Sequence[int], frames: int, places: Sequence[int] | None, held: Sequence[int]
    ) -> None:
        """Set the slots to write, and the angles of queries and keys."""
        rows = len(starts)
        numbers = [[start + i for i in range(frames)] for start in starts]
        slots = [
            [row * self.spec.window + self._slot(n) for n in numbers[row]] for row in range(rows)
        ]
        self._slots[:rows, :frames].copy_(to_device(slots, self._device))
        if self._key_angles:
            seats = [self._seats(row) for row in range(rows)]
            self._turn(self._key_angles, seats)
            asked = [[held[row] - self.ends[row] + n for n in numbers[row]] for row in range(rows)]
        else:
            begins = starts if places is None else places
            asked = [[begin + i for i in range(frames)] for begin in begins]
        self._turn(self._query_angles, asked)

    def _seats(self, row: int) -> list[int]:
        """The position of each used slot in frame order, the sink first."""
        end, window, sink = self.ends[row], self.spec.window, self.spec.sink
        if end <= window:
            return list(range(end))
        recent = range(end - (window - sink), end)
        seats = {self._slot(frame): sink + place for place, frame in enumerate(recent)}
        return [seats.get(slot, slot) for slot in range(window)]

    def _turn(self, angles: Sequence[Tensor], places: Sequence[Sequence[int]]) -> None:
        seen = self._rotation.at(to_device(places, self._device))
        for buffer, new in zip(angles, seen, strict=True):
            buffer[: new.shape[0], : new.shape[1]].copy_(new)

    def _weigh(self, frames: int, held: Sequence[int], weight: float) -> bool:
        """Set the bias, if one is needed: for context frames with less weight, and for rows that
        hold fewer frames than others.
        """
        if weight == 1 and len(set(held)) == 1:
            return False
        most = max(held)
        context = range(1, most - frames)
        rows = [
            [-math.inf if slot >= count else math.log(weight) * (slot in context)
             for slot in range(most)]
            for count in held
        ]  # fmt: skip
        bias = to_device(rows, self._device)[..., None].expand(-1, -1, self._tokens)
        self._bias[: len(held), :most].copy_(bias)
        return True


def per_token(angles: Sequence[Tensor], part: tuple[slice, slice]) -> Angles:
    """Angles (rows, frames, tokens, width) of some rows and frames, shaped for all heads."""
    cosines, sines = (table[part].flatten(1, 2)[:, :, None] for table in angles)
    return cosines, sines


class TextCache:
    """Keys and values of the prompt in every layer: (layers, rows, text tokens, heads, width)."""

    def __init__(
        self,
        spec: CausalSpec,
        rows: int,
        dtype: torch.dtype,
        device: torch.device,
        layers: int | None = None,
    ) -> None:
        """`layers` is their number if it differs from the network's."""
        network = spec.network
        tokens = (network.text_tokens, network.heads, network.head_dim)
        shape = (network.layers if layers is None else layers, rows, *tokens)
        self.keys = torch.zeros(shape, dtype=dtype, device=device)
        self.values = torch.zeros_like(self.keys)

    def words(self, layer: int, plan: PassShape) -> tuple[Tensor, Tensor]:
        """One layer's keys and values of the prompt in a pass."""
        return self.keys[layer, : plan.rows], self.values[layer, : plan.rows]
