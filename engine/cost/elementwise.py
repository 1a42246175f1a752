"""What a layer moves between its products: norms, modulations, rotations, residuals, activations.

A product hides its own traffic behind its arithmetic; these operations have none to hide behind, so
their time adds to it. How many bytes they move depends on how many of them share a kernel:

graphs    one kernel for each operation of torch, as `transformer.layer` is written
compiled  fused by torch's compiler: a norm with what follows it, never into a product
best      every fusion that some engine has: norm and rotation of queries and keys in one kernel
          that also writes the window; residual, norm and modulation in one; the activation and
          the window's values written by the product before

The casts of 8-bit products are not counted: at best the kernel before writes 8 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from engine.catalog.specs import NetworkSize
from engine.cost.gpus import Precision

Way: TypeAlias = Literal["graphs", "compiled", "best"]
WAYS: dict[Way, str] = {
    "graphs": "plain kernels",
    "compiled": "compiled layers",
    "best": "every known fusion",
}
Rotate: TypeAlias = Literal["write", "read"]
FLOAT = 4  # bytes; rotations are computed in 32 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One group of operations: how often each way reads or writes what a token has `of`

    values    its `dim` values
    inner     its `ffn` values
    floats    its `dim` values in 32 bits
    angles    cosines or sines of one head, in 32 bits

    `rotate`: only if keys are rotated then. `visible`: for each visible token, not each new one.
    `narrow`: only if values have fewer than 32 bits.
    """

    what: str
    graphs: float
    compiled: float
    best: float
    of: Literal["values", "inner", "floats", "angles"] = "values"
    rotate: Rotate | None = None
    visible: bool = False
    narrow: bool = False


def _rotation(what: str, rotate: Rotate | None = None, *, visible: bool = False) -> Iterator[Part]:
    """A value times its cosine, plus the one beside it times its sine; the compiled kernel reads
    both.
    """
    only: Any = {"rotate": rotate, "visible": visible}
    yield Part(what=f"{what}: rotated", graphs=4, compiled=3, best=2, **only)
    yield Part(what=f"{what}: in 32 bits", graphs=3, compiled=0, best=0, of="floats", **only)
    yield Part(what=f"{what}: angles", graphs=2, compiled=2, best=2, of="angles", **only)
    cast: Any = {"what": f"{what}: cast back", "graphs": 1, "compiled": 0, "best": 0, **only}
    yield Part(**cast, narrow=True)
    yield Part(**cast, narrow=True, of="floats")


LAYER: tuple[Part, ...] = (
    Part(what="first norm, its modulation", graphs=2 + 2, compiled=2, best=2),
    Part(what="queries: norm", graphs=2, compiled=0, best=0),  # in one kernel with the rotation
    *_rotation("queries"),
    # Written into the window: the compiled kernel of the norm only reads, the next one does all.
    Part(what="keys: norm", graphs=2, compiled=1, best=0, rotate="write"),
    *_rotation("keys", "write"),
    Part(what="keys: norm", graphs=2, compiled=1 + 2, best=2, rotate="read"),
    *_rotation("visible keys", "read", visible=True),
    Part(what="keys: into the window", graphs=2, compiled=0, best=0),
    Part(what="values: into the window", graphs=2, compiled=2, best=0),
    # The compiled layer does not write the sum but adds again where it is needed: 3, 4, 5.
    Part(what="gate, residual; norm before the text", graphs=3 + 2, compiled=3, best=4),
    Part(what="queries of the text: norm", graphs=2, compiled=2, best=2),
    Part(what="residual; norm, modulation", graphs=3 + 2 + 2, compiled=4, best=4),
    Part(what="activation", graphs=2, compiled=2, best=0, of="inner"),
    Part(what="gate, residual", graphs=3, compiled=5, best=3),
)
HEAD = Part(what="last norm, its modulation", graphs=2 + 2, compiled=2 + 2, best=2)


def layer_traffic(
    size: NetworkSize, new: int, visible: int, *, precision: Precision, rotate: Rotate, way: Way
) -> float:
    """Bytes that one layer moves between its products, for `new` tokens that see `visible` ones."""
    return sum(
        part_traffic(part, size, new, visible, precision=precision, way=way)
        for part in LAYER
        if part.rotate in (None, rotate)
    )


def part_traffic(
    part: Part, size: NetworkSize, new: int, visible: int, *, precision: Precision, way: Way
) -> float:
    """Bytes that one part moves."""
    if part.narrow and precision.value_bytes >= FLOAT:
        return 0.0
    token = {
        "values": size.dim * precision.value_bytes,
        "inner": size.ffn * precision.value_bytes,
        "floats": size.dim * FLOAT,
        "angles": size.head_dim * FLOAT,
    }[part.of]
    times: float = getattr(part, way)
    return times * token * (visible if part.visible else new)
