"""Attention kernels in every way that the engine runs them, against float64."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor

from engine.bench.machine import fastest
from engine.catalog.specs import LONGLIVE
from engine.causal.network.attention import Attention, attention
from engine.causal.network.torch_typed import compile_static
from engine.cost.roofline import frame_tokens
from engine.gpu_check.ground import Ground, error
from engine.gpu_check.report import Figure

EXACT = {torch.float32: 1e-5, torch.bfloat16: 1e-2}  # largest error of an exact kernel
APPROXIMATE = {"sage": 0.1}  # and of those in 8 bits
WARM_UPS = 2
WEIGHT = 0.5  # of earlier frames, in the biased case

Given: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor | None]
Run: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]


class Case(NamedTuple):
    """Tokens that ask, tokens that are seen, and whether some of those count less."""

    name: str
    asks: int
    seen: int
    biased: bool = False


def sdpa(ground: Ground) -> Iterator[Figure]:
    """Torch's own."""
    return _kernel(ground, "sdpa")


def flex(ground: Ground) -> Iterator[Figure]:
    """FlexAttention."""
    return _kernel(ground, "flex")


def flash3(ground: Ground) -> Iterator[Figure]:
    """FlashAttention 3."""
    return _kernel(ground, "flash3")


def sage(ground: Ground) -> Iterator[Figure]:
    """SageAttention."""
    return _kernel(ground, "sage")


def _kernel(ground: Ground, name: str) -> Iterator[Figure]:
    kernel = attention(name, ground.device)
    limit = APPROXIMATE.get(name, EXACT[ground.dtype])
    ways: dict[str, Callable[[Ground, Attention, list[Given]], list[Tensor]]] = {"plain": _plain}
    if ground.compiles:
        ways |= {"compiled": _compiled}
    if not ground.toy:
        ways |= {"graphs": _graphs}
    if ground.compiles and not ground.toy:
        ways |= {"compiled in graphs": _compiled_graphs}
    for case in _cases(ground):
        inputs = [_inputs(ground, case, seed) for seed in range(3)]
        wanted = [exact(*given) for given in inputs]
        for way, run in ways.items():
            at = f"{name}, {way}, {case.name}"
            ground.at(at)
            try:
                found = run(ground, kernel, inputs)
            except Exception as failed:  # noqa: BLE001 - of any kernel package: the next way may work
                first = str(failed).strip().partition("\n")[0]
                yield Figure(at, f"{type(failed).__name__}: {first:.150}", most=limit)
                continue
            worst = max(error(*pair) for pair in zip(found, wanted, strict=True))
            yield Figure(f"{at}: error", worst, most=limit, higher=False)
    yield _speed(ground, kernel, name)


def exact(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """Attention in float64 by its definition; see `engine.causal.network.attention`."""
    found: list[Tensor] = []
    for head in range(queries.shape[2]):
        q, k, v = (part[:, :, head].double() for part in (queries, keys, values))
        scores = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])
        if bias is not None:
            scores = scores + bias[:, None].double()
        found.append(scores.softmax(-1) @ v)
    return torch.stack(found, 2)


def _cases(ground: Ground) -> tuple[Case, ...]:
    spec = ground.spec(LONGLIVE.id)
    tokens = frame_tokens(*ground.sizes[0])
    block, window = spec.block * tokens, spec.window * tokens
    return (
        Case("a block and its window", block, window),
        Case("the text", block, spec.network.text_tokens),
        Case("earlier frames count less", block, window, biased=True),
    )


def _inputs(ground: Ground, case: Case, seed: int) -> Given:
    size = ground.spec(LONGLIVE.id).network
    generator = torch.Generator(ground.device).manual_seed(seed)

    def made(tokens: int) -> Tensor:
        shape = (1, tokens, size.heads, size.head_dim)
        return torch.randn(shape, generator=generator, device=ground.device).to(ground.dtype)

    bias = None
    if case.biased:
        bias = torch.full((1, case.seen), math.log(WEIGHT), device=ground.device)
        bias[:, -case.asks :] = 0
    return made(case.asks), made(case.seen), made(case.seen), bias


def _plain(ground: Ground, kernel: Run, inputs: list[Given]) -> list[Tensor]:
    return [kernel(*given) for given in inputs]


def _compiled(ground: Ground, kernel: Attention, inputs: list[Given]) -> list[Tensor]:
    return _plain(ground, _compile(ground, kernel), inputs)


def _compile(ground: Ground, kernel: Attention) -> Run:
    """As the network's layers are compiled; a toy without a compiler for kernels."""

    def layer(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        return kernel(q, k, v, bias) * 1.0

    return compile_static(layer, backend="aot_eager" if ground.toy else "inductor")


def _compiled_graphs(ground: Ground, kernel: Attention, inputs: list[Given]) -> list[Tensor]:
    return _graphs(ground, _compile(ground, kernel), inputs)


def _graphs(ground: Ground, kernel: Run, inputs: list[Given]) -> list[Tensor]:
    """Captured with the first inputs, replayed with all: a kernel that escapes the capture gives
    the first result again.
    """
    q, k, v, bias = inputs[0]
    held = [part.clone() for part in (q, k, v)]
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            kernel(held[0], held[1], held[2], bias)
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = kernel(held[0], held[1], held[2], bias)
    found: list[Tensor] = []
    for given in inputs:
        for part, new in zip(held, given[:3], strict=True):
            part.copy_(new)
        result.zero_()
        graph.replay()
        found.append(result.clone())
    return found


def _speed(ground: Ground, kernel: Attention, name: str) -> Figure:
    case = _cases(ground)[0]
    given = _inputs(ground, case, 0)
    size = ground.spec(LONGLIVE.id).network
    seconds = fastest(lambda: kernel(*given), ground.device)
    rate = 4 * case.asks * case.seen * size.dim / seconds / 1e12
    return Figure(f"{name}: {case.name}", rate, "TFLOP/s", higher=True)
