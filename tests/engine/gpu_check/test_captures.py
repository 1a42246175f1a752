"""A kernel that escapes the capture of a CUDA graph gives an old result without an error: the step
that replays it notices. A stand-in records what is dispatched, as a capture records what is
launched, so this needs no card.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves

from engine.causal.network.attention import sdpa
from engine.gpu_check.checks import attention
from engine.gpu_check.ground import Ground, error


class Recorded(TorchDispatchMode):
    """Operations, in order, each with its result."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Any] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        for func, args, kwargs, result in self.operations:
            again = tree_leaves(func(*args, **kwargs))
            for old, new in zip(tree_leaves(result), again, strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class Stream:
    """Nothing runs aside."""

    def wait_stream(self, other: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def recording(graph: Recorded) -> Iterator[None]:
    with graph:
        yield


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of torch.cuda as a capture needs."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recorded)
    monkeypatch.setattr(torch.cuda, "graph", recording)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", contextlib.nullcontext)


def escaping(*given: Any) -> Any:
    """Attention that no capture sees."""
    with _disable_current_modes():
        return sdpa(*given)


def reading_once(*given: Any) -> Any:
    """Attention that keeps its first keys."""
    KEPT.setdefault("keys", given[1].clone())
    return sdpa(given[0], KEPT["keys"], *given[2:])


KEPT: dict[str, Any] = {}


def worst(kernel: Any) -> float:
    ground = Ground.of("cpu", 600, lambda what: None)
    case = attention._cases(ground)[0]
    inputs = [attention._inputs(ground, case, seed) for seed in range(3)]
    found = attention._graphs(ground, kernel, inputs)
    wanted = [attention.exact(*given) for given in inputs]
    return max(error(*pair) for pair in zip(found, wanted, strict=True))


def test_a_kernel_that_is_captured_is_right() -> None:
    assert worst(sdpa) < attention.EXACT[torch.float32]


@pytest.mark.parametrize("kernel", [escaping, reading_once])
def test_a_kernel_that_escapes_the_capture_is_found(kernel: Any) -> None:
    KEPT.clear()
    assert worst(kernel) > 0.5
