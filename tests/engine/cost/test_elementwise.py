"""What a layer moves between its products, counted on the layer itself."""

from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from engine.bench.op_counts import LAUNCH_NOTHING
from engine.catalog.specs import KREA, LONGLIVE, REWARD_FORCING, STREAMDIFFUSIONV2
from engine.causal.network.transformer import CausalTransformer
from engine.causal.network.wan_weights import empty_transformer
from engine.causal.stream import LatentStream
from engine.cost.elementwise import layer_traffic
from engine.cost.gpus import BF16, PRECISIONS
from tests.support.slow_cases import rest_slow

SIZE = 832, 480
PRODUCTS = {"addmm", "mm"}


class Traffic(TorchDispatchMode):
    """While entered: bytes that each kernel but the products reads and writes."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name == "index_copy_":  # of the window it touches only the slots
            self.bytes += 2 * args[3].nbytes
        elif name not in LAUNCH_NOTHING | PRODUCTS:
            tensors = tree_leaves((args, kwargs, result))
            self.bytes += sum(t.nbytes for t in tensors if isinstance(t, torch.Tensor))
        return result


def passes(spec, layers, dtype):
    """Bytes of one pass with a full window, of so many layers; attention itself is not counted."""
    spec = replace(spec, network=replace(spec.network, layers=layers, vace_layers=()))
    wan = empty_transformer(spec.network).to(dtype)
    width, height = SIZE

    def attend(queries, keys, values, bias):
        return torch.empty_like(queries)

    network = CausalTransformer(wan, attend)
    stream = LatentStream(spec, network, height // 8, width // 8)
    stream.window.ends = [spec.window] * stream.rows
    plan = stream.window.begin([spec.window] * stream.rows, spec.block)
    latents = torch.zeros(
        stream.rows, stream.shape[0], spec.block, *stream.shape[1:], device=network.device
    )
    with Traffic() as traffic:
        stream.run(plan, latents, torch.zeros(stream.rows, spec.block, device=network.device))
    return traffic.bytes


@pytest.fixture
def one_kernel_norms(monkeypatch):
    """On a GPU torch has one kernel for these norms; on `meta` it shows their parts."""

    def norm(x, shape, weight=None, eps=None):
        return torch.neg(x)  # it reads and writes each value once, too

    monkeypatch.setattr(F, "rms_norm", norm)


@pytest.mark.parametrize(
    ("spec", "precision"),
    rest_slow(
        [
            (LONGLIVE, BF16),
            (LONGLIVE, PRECISIONS["fp32"]),
            (STREAMDIFFUSIONV2, BF16),
            (REWARD_FORCING, BF16),
            (REWARD_FORCING, PRECISIONS["fp32"]),
            (KREA, BF16),
        ]
    ),
)
def test_plain_kernels_move_what_is_counted(one_kernel_norms, spec, precision):
    dtype = torch.bfloat16 if precision is BF16 else torch.float32
    counted = passes(spec, 2, dtype) - passes(spec, 1, dtype)
    tokens = SIZE[0] // 16 * (SIZE[1] // 16)
    new, visible = spec.block * tokens, spec.window * tokens
    how = {"precision": precision, "rotate": spec.rotate, "way": "graphs"}
    said = spec.rows * layer_traffic(spec.network, new, visible, **how)
    assert said == pytest.approx(counted, rel=0.005)
