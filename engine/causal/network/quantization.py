"""Linear layers in 8 bits: products of float8 numbers, summed in 32 bits.

Weights are cast once, at load; activations on their way into each layer. Both are scaled to the
range of e4m3: a weight by itself for each output and an activation for each token, or both as a
whole where the GPU's build of torch multiplies no other way (Windows, GeForce RTX 50).

A GPU is not always faster so: at small sizes casting takes longer than it saves. Therefore each
shape of layer is measured, and stays as it was where 8 bits do not win.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

import torch
from torch import Tensor, nn

from engine.causal.network.torch_typed import compile_static, named_modules

FLOAT8 = torch.float8_e4m3fn
LARGEST = 448.0  # number that it holds
SMALLEST = 1e-12  # largest number of a row: below it the row counts as this large
OLDEST = (8, 9)  # compute capability that multiplies in 8 bits: RTX 40, L4, H100
MULTIPLE = 16  # of which both sides of a matrix must be
ROUNDS, RUNS = 3, 20  # of a measurement: the best of so many averages, each over so many runs
GAIN = 0.97  # part of the time that 8 bits may take at most to count as faster
CURE = "choose quantization=none"

Layer: TypeAlias = "nn.Linear | Float8Linear"
Faster: TypeAlias = Callable[[Layer, Layer], bool]


class Float8Linear(nn.Module):
    """A linear layer whose products are of 8-bit numbers; made from one that is not."""

    weight: Tensor  # (outputs, inputs), float8
    scale: Tensor  # of each output (1, outputs), or of all (1, 1), float32
    bias: Tensor | None

    def __init__(self, linear: nn.Linear, *, rowwise: bool) -> None:
        """`rowwise` scales each output and each token by itself, else each matrix as a whole."""
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.rowwise = rowwise
        weight, scale = cast(linear.weight.detach(), rowwise=rowwise)
        bias = dict(linear.named_parameters()).get("bias")  # None where the layer has none
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("scale", scale.t().contiguous(), persistent=False)
        self.register_buffer("bias", None if bias is None else bias.detach(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, inputs) to (…, outputs) in the type of `x`, which is that of the bias."""
        small, scale = cast(x.reshape(-1, self.in_features), rowwise=self.rowwise)
        made = torch._scaled_mm(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # no other in 2.10
            small, self.weight.t(), scale_a=scale, scale_b=self.scale, bias=self.bias,
            out_dtype=x.dtype, use_fast_accum=True,
        )  # fmt: skip
        return made.view(*x.shape[:-1], self.out_features)


def cast(matrix: Tensor, *, rowwise: bool) -> tuple[Tensor, Tensor]:
    """A matrix (rows, columns) in float8, and the float32 scales (rows, 1) or (1, 1) that give it
    back when it is multiplied by them.
    """
    largest = matrix.abs().amax(1, keepdim=True) if rowwise else matrix.abs().amax().view(1, 1)
    scale = largest.float().clamp(min=SMALLEST) / LARGEST
    # clamped: beyond its range a float8 is no number
    return (matrix / scale).clamp(-LARGEST, LARGEST).to(FLOAT8), scale


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of how many linear layers so many were cast, whether row by row, and by how much."""

    layers: int
    cast: int
    rowwise: bool

    def __str__(self) -> str:
        how = "each row" if self.rowwise else "each matrix"
        if not self.cast:
            return f"fp8: none of {self.layers} linear layers is faster in 8 bits here"
        told = f"fp8: {self.cast} of {self.layers} linear layers, scaled for {how}"
        rest = self.layers - self.cast
        return f"{told}; the other {rest} are not faster so" if rest else told


def scaled_by_row(device: torch.device) -> bool:
    """Whether `device` multiplies float8 matrices with a scale for each row, else with one each.

    ValueError, with the cure, where it cannot multiply them at all.
    """
    if device.type != "cuda":
        raise ValueError(
            f"quantization=fp8 needs an NVIDIA GPU, and this engine computes on the CPU; {CURE}."
        )
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        raise ValueError(
            f"quantization=fp8 needs a GPU of compute capability 8.9 (RTX 40, L4, H100) or newer, "
            f"and {torch.cuda.get_device_name(device)} has {'{}.{}'.format(*capability)}; {CURE}."
        )
    return multiplies_by_row(device, torch.bfloat16)


def multiplies_by_row(device: torch.device, dtype: torch.dtype) -> bool:
    """As `scaled_by_row`, found by trying, with results in `dtype`."""
    if not hasattr(torch, "_scaled_mm"):
        raise ValueError(f"This build of torch has no 8-bit products; install a newer, or {CURE}.")
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
    """Cast the linear layers of `modules` where that is `faster`, a question asked once for each
    shape: of the layer as it is, then in 8 bits.

    Layers at or below the paths `exact` stay as they are, and those with a side that is no
    multiple of 16. LoRAs that become part of the weights must be so before; those beside them
    may be attached after.
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
    """Ask a clock: whether the second of two layers is faster over that many tokens, `compiled` as
    the network's layers are, or plainly.
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
    """Time of one run, after one that does not count."""
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
