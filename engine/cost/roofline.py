"""The minimum cost of a block, and the maximum speed of a machine.

A benchmark divides the measured frame rate by the possible one, which is

spec      the data sheet's peak, compute and the products' traffic overlapped: cannot be exceeded
series    the best rates of real kernels, one after another: products, attention, convolutions, and
          between them norms, rotations, residuals and activations, which only move memory, fused
          in one of three ways (`elementwise.py`)

Counts a stream in its steady state, with a full window. One multiply-add is 2 FLOP.
"""

from dataclasses import astuple, dataclass
from operator import add
from typing import Any

from engine.catalog.specs import TOKEN_SIDE, CausalSpec, NetworkSize
from engine.cost.elementwise import HEAD, WAYS, Rotate, Way, layer_traffic, part_traffic
from engine.cost.gpus import BF16, Gpu, Precision, Rates

PATCH = 2 * 2  # latent pixels of one token
PICTURES = 4  # of one latent frame


@dataclass(frozen=True, slots=True)
class Cost:
    """FLOP of weight products, of attention and of convolutions; `bytes` that these read and write,
    and bytes `between` them.
    """

    linear: float = 0
    attention: float = 0
    conv: float = 0
    bytes: float = 0
    between: float = 0

    @property
    def flops(self) -> float:
        """FLOP of every kind."""
        return self.linear + self.attention + self.conv

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*map(add, astuple(self), astuple(other)))

    def __mul__(self, factor: float) -> "Cost":
        return Cost(*(factor * part for part in astuple(self)))


# Decoding and encoding one pixel of one image: counted on the real modules, 2 bytes per value.
VAES = {
    "none": (Cost(), Cost()),
    "wan": (Cost(conv=8.47e6, bytes=5150), Cost(conv=5.03e6, bytes=3440)),
    "lightvae": (Cost(conv=5.38e5, bytes=1270), Cost(conv=3.2e5, bytes=850)),
    "tae": (Cost(conv=3.406e5, bytes=1176), Cost(conv=1.514e5, bytes=836)),
}


def floor_size(width: int, height: int) -> tuple[int, int]:
    """The largest size within `width` by `height` in whole tokens."""
    if width < TOKEN_SIDE or height < TOKEN_SIDE:
        raise ValueError(f"A side needs at least {TOKEN_SIDE} pixels, not {width}x{height}.")
    return width // TOKEN_SIDE * TOKEN_SIDE, height // TOKEN_SIDE * TOKEN_SIDE


def frame_tokens(width: int, height: int) -> int:
    """Tokens of one latent frame."""
    width, height = floor_size(width, height)
    return (width // TOKEN_SIDE) * (height // TOKEN_SIDE)


def blocks_cost(
    size: NetworkSize,
    new: int,
    visible: int,
    *,
    precision: Precision = BF16,
    rows: int = 1,
    rotate: Rotate = "write",
    way: Way = "best",
) -> Cost:
    """The transformer's blocks only: `new` tokens that see `visible` ones, including themselves.

    The keys and values of the text already exist. Each of `rows` in a batch has that many tokens
    and keys of its own; the weights are read once. `rotate` and `way`: see `elementwise.py`.
    """
    dim, ffn, text = size.dim, size.ffn, size.text_tokens
    weights = 6 * dim**2 + 2 * dim * ffn  # q k v o, q and o of the text's attention, feed-forward
    values = 2 * (visible + text) * dim  # keys and values
    # Inputs and outputs: 6 of q k v, 2 of each other product of that width, 2 of each attention.
    values += new * ((6 + 3 * 2 + 2 * 2) * dim + 2 * (dim + ffn))
    how: Any = {"precision": precision, "rotate": rotate, "way": way}
    layer = Cost(
        linear=rows * 2 * new * weights,
        attention=rows * 4 * new * (visible + text) * dim,
        bytes=weights * precision.weight_bytes + rows * values * precision.value_bytes,
        between=rows * layer_traffic(size, new, visible, **how),
    )
    return layer * size.layers


def ends_cost(
    size: NetworkSize, new: int, *, precision: Precision = BF16, way: Way = "best"
) -> Cost:
    """Patch embedding and head, before and after the blocks."""
    return Cost(
        linear=2 * 2 * new * PATCH * size.channels * size.dim,
        between=part_traffic(HEAD, size, new, new, precision=precision, way=way),
    )


def pass_cost(
    size: NetworkSize,
    new: int,
    visible: int,
    *,
    precision: Precision = BF16,
    rows: int = 1,
    rotate: Rotate = "write",
    way: Way = "best",
) -> Cost:
    """One pass of the whole network; see `blocks_cost`. Without the step's embedding."""
    how: Any = {"precision": precision, "way": way}
    blocks = blocks_cost(size, new, visible, rows=rows, rotate=rotate, **how)
    return blocks + ends_cost(size, rows * new, **how)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A workload: a pipeline at a size, its denoising steps, VAEs and precision.

    `decoder` and `encoder` are keys of VAES; the encoder is `none` without a video input.
    """

    spec: CausalSpec
    width: int
    height: int
    steps: int
    decoder: str
    encoder: str = "none"
    precision: Precision = BF16

    @property
    def tokens(self) -> int:
        """Tokens of one latent frame."""
        return frame_tokens(self.width, self.height)

    @property
    def pictures(self) -> int:
        """Images per block."""
        return PICTURES * self.spec.block

    @property
    def rows(self) -> int:
        """Number of key and value streams."""
        return self.steps if self.spec.batch_steps else 1

    def frames_cost(self, new: int, visible: int, rows: int = 1, way: Way = "best") -> Cost:
        """One pass over `new` latent frames that see `visible` ones."""
        new, visible = new * self.tokens, visible * self.tokens
        how: Any = {"precision": self.precision, "rotate": self.spec.rotate, "way": way}
        return pass_cost(self.spec.network, new, visible, rows=rows, **how)

    def vae_cost(self, pixel: Cost) -> Cost:
        """One block's images at a cost of `pixel` per pixel."""
        cost = pixel * (self.pictures * self.tokens * TOKEN_SIDE**2)
        return Cost(conv=cost.conv, bytes=cost.bytes * self.precision.value_bytes / 2)


def block_cost(work: Work, way: Way = "best") -> dict[str, Cost]:
    """The cost of one finished block by stage, in order, fused in that way.

    With batched steps one pass over all rows finishes one block. A recompute only sees its
    context; the one image encoded again for it is not counted.
    """
    spec = work.spec
    denoise = work.frames_cost(spec.block, spec.window, work.rows, way)
    stages = {
        "encode": work.vae_cost(VAES[work.encoder][1]),
        "recompute": Cost(),
        "denoise": denoise if spec.batch_steps else denoise * work.steps,
        "clean": Cost(),
        "decode": work.vae_cost(VAES[work.decoder][0]),
    }
    if spec.refresh == "recompute":
        stages["recompute"] = work.frames_cost(spec.context, spec.context, way=way)
    elif spec.refresh == "clean":
        stages["clean"] = work.frames_cost(spec.block, spec.window, way=way)
    return {stage: cost for stage, cost in stages.items() if cost != Cost()}


def parameters(size: NetworkSize) -> int:
    """Parameters in the network's checkpoint, including biases and norms."""
    dim, ffn = size.dim, size.ffn
    layer = 8 * dim**2 + 2 * dim * ffn + 21 * dim + ffn
    text = size.text_dim * dim + dim**2 + 2 * dim
    time = size.frequencies * dim + 7 * dim**2 + 8 * dim
    ends = 2 * PATCH * size.channels * dim + PATCH * size.channels + 3 * dim
    return size.layers * layer + text + time + ends


def memory_floor(work: Work) -> dict[str, float]:
    """Minimum bytes of the network: weights, keys and values of window and text, and an averaged
    sink in 32 bits. Activations, VAE and text encoder are extra.
    """
    size, spec = work.spec.network, work.spec
    token = 2 * size.layers * size.dim  # its key and value in every layer
    averaged = spec.sink if spec.sink_decay < 1 else 0
    return {
        "weights": parameters(size) * work.precision.weight_bytes,
        "window": work.rows * spec.window * work.tokens * token * work.precision.value_bytes,
        "sink": work.rows * averaged * work.tokens * token * 4,
        "text": size.text_tokens * token * work.precision.value_bytes,
    }


def seconds(cost: Cost, rates: Rates) -> float:
    """Time for `cost`: compute or its traffic, whichever takes longer, and what is between."""
    return _overlapped(cost, rates) + cost.between / rates.bandwidth


def _overlapped(cost: Cost, rates: Rates) -> float:
    """The same without what is between, which perfect kernels would never write to memory."""
    computing = cost.linear / rates.linear + cost.attention / rates.attention
    computing += cost.conv / (rates.conv or rates.linear)
    return max(computing, cost.bytes / rates.bandwidth)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The minimum time for one block of `pictures`, and for each stage."""

    pictures: int
    seconds: float
    stages: dict[str, float]

    @property
    def fps(self) -> float:
        """Frames per second at that speed."""
        return self.pictures / self.seconds


def ceiling(work: Work, rates: Rates, way: Way = "best") -> Ceiling:
    """The limit on a machine with these rates: one kernel after another, fused in that way.

    For a machine without a row in `GPUS`, such as a CPU, pass measured rates.
    """
    stages = {stage: seconds(cost, rates) for stage, cost in block_cost(work, way).items()}
    return Ceiling(work.pictures, sum(stages.values()), stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of a workload on a GPU: by the data sheet, and in series for each way of fusing;
    `assumed` names the unpublished kernel rates.
    """

    spec: Ceiling
    series: dict[Way, Ceiling]
    assumed: tuple[str, ...]


def limits(work: Work, gpu: Gpu) -> Limits | None:
    """The limits of `gpu`, or None if it has no rates for this precision."""
    precision, stages = work.precision, block_cost(work)
    peak, reached = gpu.spec_rates(precision), gpu.kernel_rates(precision)
    if peak is None or reached is None:
        return None
    whole = sum(stages.values(), Cost())
    kinds = (precision.linear, precision.attention, "conv" if whole.conv else precision.linear)
    apart = {stage: _overlapped(cost, peak) for stage, cost in stages.items()}
    return Limits(
        spec=Ceiling(work.pictures, _overlapped(whole, peak), apart),
        series={way: ceiling(work, reached, way) for way in WAYS},
        assumed=tuple(kind for kind in dict.fromkeys(kinds) if kind not in gpu.published),
    )
