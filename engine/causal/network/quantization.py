"""Linear layers in 8 bits: products of float8 numbers, summed in 32 bits.

Weights are cast once, at load; activations at the input of each layer. Both are scaled to the
range of e4m3: a weight for each output and an activation for each token, or each matrix as a whole
if that is all the build of torch supports on this GPU (Windows, GeForce RTX 50).

8 bits are not always faster: at small sizes casting takes longer than it saves. Therefore each
layer shape is measured, and stays unchanged if 8 bits are not faster.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import torch
from torch import Tensor, nn

from engine.causal.network.torch_typed import compile_static, named_modules

FLOAT8 = torch.float8_e4m3fn
LARGEST = 448.0  # largest e4m3 number
SMALLEST = 1e-12  # lower limit for the largest number of a row
OLDEST = (8, 9)  # minimum compute capability for 8 bits: RTX 40, L4, H100
MULTIPLE = 16  # both sides of a matrix must be multiples of this
ROUNDS, RUNS = 3, 20  # a measurement is the best of 3 averages over 20 runs each
GAIN = 0.97  # 8 bits count as faster if they take less than this fraction of the time
CURE = "choose quantization=none"

Layer: TypeAlias = "nn.Linear | Float8Linear"
Faster: TypeAlias = Callable[[Layer, Layer], bool]


class Float8Linear(nn.Module):
    """A linear layer that multiplies in 8 bits; made from an ordinary one."""

    weight: Tensor  # (outputs, inputs), float8
    scale: Tensor  # of each output (1, outputs), or of all (1, 1), float32
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, *, rowwise: bool) -> None:
        """`rowwise` scales each output and each token separately, else each matrix as a whole."""
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.rowwise = rowwise
        weight, scale = cast(linear.weight.detach(), rowwise=rowwise)
        bias = dict(linear.named_parameters()).get("bias")  # None where the layer has none
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("scale", scale.t().contiguous(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs) in the type of `x`, which must be the bias's type."""
        small, scale = cast(x.reshape(-1, self.in_features), rowwise=self.rowwise)
        made = torch._scaled_mm(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # no other in 2.10
            small, self.weight.t(), scale_a=scale, scale_b=self.scale, bias=self.bias,
            out_dtype=x.dtype, use_fast_accum=True,
        )  # fmt: skip
        return made.view(*x.shape[:-1], self.out_features)


def cast(matrix: Tensor, *, rowwise: bool) -> tuple[Tensor, Tensor]:
    """A matrix (rows, columns) in float8, and its float32 scales (rows, 1) or (1, 1): multiplying
    by them restores the original range.
    """
    largest = matrix.abs().amax(1, keepdim=True) if rowwise else matrix.abs().amax().view(1, 1)
    scale = largest.float().clamp(min=SMALLEST) / LARGEST
    # clamped, because float8 becomes NaN outside its range
    return (matrix / scale).clamp(-LARGEST, LARGEST).to(FLOAT8), scale


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many linear layers there are, how many were cast, and whether scaled by row."""

    layers: int
    cast: int
    rowwise: bool

    def __str__(self) -> str:
        how = "each row" if self.rowwise else "each matrix"
        if not self.cast:
            return f"fp8: none of {self.layers} linear layers is faster in 8 bits here"
        told = f"fp8: {self.cast} of {self.layers} linear layers, scaled for {how}"
        rest = self.layers - self.cast
        return f"{told}; the other {rest} are not faster in 8 bits" if rest else told


def scaled_by_row(device: torch.device) -> bool:
    """Whether `device` multiplies float8 matrices with a scale per row, else with one per matrix.

    ValueError, with the cure, if it cannot multiply them at all.
    """
    if device.type != "cuda":
        raise ValueError(
            f"quantization=fp8 needs an NVIDIA GPU, but this engine runs on the CPU; {CURE}."
        )
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        raise ValueError(
            f"quantization=fp8 needs a GPU of compute capability 8.9 (RTX 40, L4, H100) or newer, "
            f"but {torch.cuda.get_device_name(device)} has {'{}.{}'.format(*capability)}; {CURE}."
        )
    return multiplies_by_row(device, torch.bfloat16)


def multiplies_by_row(device: torch.device, dtype: torch.dtype) -> bool:
    """As `scaled_by_row`, determined by trying, with results in `dtype`."""
    if not hasattr(torch, "_scaled_mm"):
        raise ValueError(
            f"This build of torch has no 8-bit products; install a newer one, or {CURE}."
        )
    linear = nn.Linear(128, 128, device=device, dtype=dtype)
    problem: Exception | None = None
    for rowwise in (True, False):
        try:
            with torch.no_grad():
                Float8Linear(linear, rowwise=rowwise)(linear.weight.detach())
        except (RuntimeError, NotImplementedError, ValueError) as error:
            problem = error
        else:
            return rowwise
    first = str(problem).partition("\n")[0]
    raise ValueError(f"This build of torch cannot multiply in 8 bits here ({first}); {CURE}.")


def quantise(
    modules: Iterable[nn.Module], exact: tuple[str, ...], faster: Faster, *, rowwise: bool
) -> Outcome:
    """Cast the linear layers of `modules` where that is `faster`, which is called once for each
    shape, with the original layer and its 8-bit version.

    Layers at or below the paths in `exact`, and layers with a side that is not a multiple of 16,
    stay unchanged. Merge LoRAs before; attach live ones after.
    """
    wins: dict[tuple[int, int], bool] = {}
    count = cast = 0
    for module in modules:
        for path, linear in _linears(module, exact):
            count += 1
            shape = linear.in_features, linear.out_features
            if wins.get(shape) is False or any(side % MULTIPLE for side in shape):
                continue
            small = Float8Linear(linear, rowwise=rowwise)
            if shape not in wins:
                wins[shape] = faster(linear, small)
            if wins[shape]:
                module.set_submodule(path, small)
                cast += 1
    return Outcome(count, cast, rowwise)


def measured(tokens: int, dtype: torch.dtype, device: torch.device, *, compiled: bool) -> Faster:
    """A timed comparison: whether the second of two layers is faster for that many tokens,
    `compiled` like the network's layers or not.
    """

    def faster(plain: Layer, small: Layer) -> bool:
        x = torch.randn(tokens, plain.in_features, dtype=dtype, device=device)
        runs: list[Callable[[Tensor], Tensor]] = [plain, small]
        if compiled:
            runs = [compile_static(run) for run in runs]
        with torch.no_grad():
            times = [min(_seconds(run, x) for _ in range(ROUNDS)) for run in runs]
        return times[1] < GAIN * times[0]

    return faster


def _seconds(run: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Average time of one run, after a warm-up run."""
    run(x)
    if not x.is_cuda:
        began = perf_counter()
        for _ in range(RUNS):
            run(x)
        return (perf_counter() - began) / RUNS
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(RUNS):
        run(x)
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1000 / RUNS


def _linears(module: nn.Module, exact: tuple[str, ...]) -> list[tuple[str, nn.Linear]]:
    return [
        (path, layer)
        for path, layer in named_modules(module)
        if isinstance(layer, nn.Linear) and not f"{path}.".startswith(tuple(f"{e}." for e in exact))
    ]
