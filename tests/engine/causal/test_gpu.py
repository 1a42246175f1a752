"""Only on a GPU: CUDA graphs equal plain passes, never wait, and stay in place."""

import pytest

torch = pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog.specs import SPECS, CausalSpec
from engine.causal.cuda_graphs import accelerate
from tests.support.tiny import blocks, run, tiny_stream

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]
ROWS = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
BLOCKS = 12


@ROWS
@pytest.mark.parametrize("how", ["graphs", "compiled"])
def test_graphs_make_what_plain_passes_make(spec: CausalSpec, how: str) -> None:
    if how == "compiled":
        pytest.importorskip("triton")
    plain, fast = (tiny_stream(spec, device="cuda") for _ in range(2))
    assert accelerate(fast, how) == how
    for one, other in zip(run(plain, BLOCKS), run(fast, BLOCKS), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


@ROWS
def test_a_block_of_graphs_waits_for_nothing(spec: CausalSpec) -> None:
    stream = tiny_stream(spec, device="cuda")
    accelerate(stream, "graphs")
    run(stream, BLOCKS)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run(stream, 3)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@ROWS
def test_ten_times_the_blocks_need_no_more_memory(spec: CausalSpec) -> None:
    stream = tiny_stream(spec, device="cuda")
    accelerate(stream, "graphs")
    peaks = []
    for count in (BLOCKS, 10 * BLOCKS):
        for latents in blocks(stream, count):
            del latents
        peaks.append(torch.cuda.max_memory_allocated())
    assert peaks[0] == peaks[1]
