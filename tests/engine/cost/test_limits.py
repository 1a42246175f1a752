"""The limits of speed: figures counted or published elsewhere."""

from dataclasses import replace

import pytest

from engine.catalog.specs import (
    KREA,
    LONGLIVE,
    REWARD_FORCING,
    STREAMDIFFUSIONV2,
    WAN_1_3B,
    WAN_14B,
)
from engine.cost.elementwise import WAYS, layer_traffic
from engine.cost.gpus import B200, BF16, GPUS, H100, PRECISIONS, RTX_4090, RTX_5090, Rates, find_gpu
from engine.cost.roofline import (
    Cost,
    Work,
    block_cost,
    blocks_cost,
    ceiling,
    ends_cost,
    floor_size,
    frame_tokens,
    limits,
    memory_floor,
    parameters,
    pass_cost,
    seconds,
)
from tests.support.scope_rows import STREAMDIFFUSIONV2_SEQUENTIAL

WAN_CLEAN_14B = replace(KREA, refresh="clean")
LONGLIVE_21 = replace(LONGLIVE, window=21)


def work(spec, size="832x480", steps=4, decoder="tae", precision="bf16", **more):
    width, height = map(int, size.split("x"))
    more["precision"] = PRECISIONS[precision]
    return Work(spec=spec, width=width, height=height, steps=steps, decoder=decoder, **more)


def same(value, printed):
    """Whether `value` rounds to the figure that is printed."""
    decimals = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5001 * 10**-decimals


@pytest.mark.parametrize(
    ("size", "tokens", "small", "large"),
    [
        ("512x288", 576, "5.59 6.14 6.69 8.34", "46.9 51.8"),
        ("576x320", 720, "7.33 8.19 9.05 11.6", "60.2 67.8"),
        ("640x360", 880, "9.42 10.7 12.0 15.8", "75.65 87.1"),
        ("512x512", 1024, "11.5 13.2 14.9 20.15", "90.2 105.7"),
        ("832x480", 1560, "20.2 24.3 28.3 40.4", "149.7 185.6"),
    ],
)
def test_a_pass_over_one_block_costs_the_teraflops_of_the_table(size, tokens, small, large):
    assert frame_tokens(*map(int, size.split("x"))) == tokens
    columns = [(WAN_1_3B, w) for w in (6, 9, 12, 21)] + [(WAN_14B, w) for w in (6, 12)]
    for (network, window), printed in zip(columns, (small + " " + large).split(), strict=True):
        cost = pass_cost(network, 3 * tokens, window * tokens)
        assert same(cost.flops / 1e12, printed), (network.name, window)


def test_one_layer_has_the_products_that_were_counted_on_the_authors_model():
    two, one = (blocks_cost(replace(WAN_1_3B, layers=n), 48, 48) for n in (2, 1))
    assert two.linear - one.linear == 4_001_366_016


def test_a_pass_is_its_blocks_and_its_ends():
    blocks, ends = blocks_cost(WAN_1_3B, 30, 90), ends_cost(WAN_1_3B, 30)
    assert pass_cost(WAN_1_3B, 30, 90) == blocks + ends
    assert ends.linear == 2 * (2 * 30 * 64 * 1536)
    assert blocks.attention == 30 * 4 * 30 * (90 + 512) * 1536


def test_a_shorter_text_is_less_attention():
    short = replace(WAN_1_3B, text_tokens=12)
    less = blocks_cost(WAN_1_3B, 30, 90).attention - blocks_cost(short, 30, 90).attention
    assert less == 30 * 4 * 30 * 500 * 1536


def test_a_pass_moves_its_weights_once_and_keys_and_values_of_every_row():
    tokens = 1560
    one = pass_cost(WAN_1_3B, 3 * tokens, 12 * tokens)
    assert same(one.bytes / 1e9, "18.84")
    lighter = pass_cost(WAN_1_3B, 3 * tokens, 12 * tokens, precision=PRECISIONS["fp8"])
    assert same((one.bytes - lighter.bytes) / 1e9, "1.25")
    two = pass_cost(WAN_1_3B, 3 * tokens, 12 * tokens, rows=2)
    assert two.flops == 2 * one.flops
    assert same((2 * one.bytes - two.bytes) / 1e9, "2.50")


@pytest.mark.parametrize(
    ("size", "figures"),
    [
        ("512x288", "15.0 8.9 0.60 0.27"),
        ("640x360", "22.9 13.6 0.92 0.41"),
        ("832x480", "40.6 24.1 1.63 0.73"),
    ],
)
def test_the_vaes_cost_what_was_counted(size, figures):
    costs = []
    for vae in ("wan", "tae"):
        stages = block_cost(work(LONGLIVE, size, decoder=vae, encoder=vae))
        costs += [stages["decode"], stages["encode"]]
    for cost, printed in zip(costs, figures.split(), strict=True):
        assert same(cost.conv / 1e12, printed)
        assert cost.flops == cost.conv


@pytest.mark.parametrize(
    ("vae", "figures"), [("wan", "24.68 16.49"), ("lightvae", "6.09 4.07"), ("tae", "5.64 4.01")]
)
def test_the_vaes_move_what_was_counted(vae, figures):
    stages = block_cost(work(LONGLIVE, decoder=vae, encoder=vae))
    for stage, printed in zip(("decode", "encode"), figures.split(), strict=True):
        assert same(stages[stage].bytes / 1e9, printed)


def test_the_pruned_vae_lies_between_the_two_and_wider_values_are_more_traffic():
    light = block_cost(work(LONGLIVE, decoder="lightvae", encoder="lightvae"))
    assert same(light["decode"].conv / 1e12, "2.58")
    assert same(light["encode"].conv / 1e12, "1.53")
    wide = block_cost(work(LONGLIVE, decoder="lightvae", precision="fp32"))
    assert wide["decode"].bytes == 2 * light["decode"].bytes
    assert wide["decode"].conv == light["decode"].conv


TABLE = [  # for an H100, an RTX 4090, an RTX 5090 and a B200: data sheet/products and VAE alone
    (LONGLIVE, "832x480", "wan", "bf16", "65/42 16.5/9.4 21/12 148/95"),
    (LONGLIVE, "832x480", "tae", "bf16", "83/59 20/13.5 25/17 189/137"),
    (LONGLIVE, "832x480", "tae", "fp8", "104/71 35/17 44/22 237/168"),
    (LONGLIVE, "832x480", "tae", "fp8+sage", "164/105 55/35 69.5/40 373/197"),
    (LONGLIVE, "832x480", "tae", "fp4+sage3", "- - 136/86 730/229"),
    (REWARD_FORCING, "832x480", "tae", "fp8+sage", "191/124 64/39 81/45 434/235"),
    (LONGLIVE_21, "832x480", "tae", "fp8+sage", "116/72 39/27 49/30 263/132"),
    (LONGLIVE, "512x512", "tae", "fp8+sage", "309/202 103/62 131/72 703/387"),
    (LONGLIVE, "640x360", "tae", "fp8+sage", "384/253 128/75 163/88 874/488"),
    (LONGLIVE, "576x320", "tae", "fp8+sage", "508/339 170/96 215/114 1155/659"),
    (LONGLIVE, "512x288", "tae", "fp8+sage", "686/463 229/126 290/150 1559/908"),
    (WAN_CLEAN_14B, "832x480", "wan", "bf16", "15/11 2.9/2.4 3.7/3.0 34/25"),
    (WAN_CLEAN_14B, "832x480", "tae", "fp8+sage", "32/22 10.5/5.6 13/6.8 72/44"),
]


@pytest.mark.parametrize(("spec", "size", "vae", "precision", "figures"), TABLE)
def test_the_limits_are_those_of_the_table(spec, size, vae, precision, figures):
    for gpu, printed in zip((H100, RTX_4090, RTX_5090, B200), figures.split(), strict=True):
        found = limits(work(spec, size, decoder=vae, precision=precision), gpu)
        if printed == "-":
            assert found is None, gpu.name
        else:
            peak, kernel = printed.split("/")
            assert found
            assert same(found.spec.fps, peak), gpu.name
            alone = products(work(spec, size, decoder=vae, precision=precision), gpu)
            assert same(1 / sum(alone.values()), kernel), gpu.name
            assert all(ceiling.fps < 1 / sum(alone.values()) for ceiling in found.series.values())


def products(work, gpu):
    """Seconds per image of each stage, without what lies between the products."""
    rates = gpu.kernel_rates(work.precision)
    stages = block_cost(work).items()
    return {n: seconds(replace(c, between=0), rates) / work.pictures for n, c in stages}


def test_the_stages_of_a_block_are_those_of_the_table():
    milliseconds = {n: 12e3 * s for n, s in products(work(LONGLIVE, decoder="wan"), H100).items()}
    for stage, printed in {"denoise": "160.6", "clean": "40.2", "decode": "84.6"}.items():
        assert same(milliseconds.pop(stage), printed)
    assert not milliseconds


@pytest.mark.parametrize(
    ("gpu", "size", "precision", "graphs", "compiled", "best"),
    [
        (H100, "832x480", "bf16", 47, 52, 55),
        (H100, "576x320", "fp8+sage", 204, 247, 283),
        (RTX_4090, "576x320", "fp8+sage", 59, 71, 81),
    ],
)
def test_in_series_the_limits_are_those_worked_out_by_hand(
    gpu, size, precision, graphs, compiled, best
):
    found = limits(work(LONGLIVE, size, precision=precision), gpu)
    assert found
    for way, fps in {"graphs": graphs, "compiled": compiled, "best": best}.items():
        assert found.series[way].fps == pytest.approx(fps, rel=0.01), way


def test_each_stage_is_its_products_and_then_what_lies_between():
    for way in WAYS:
        cost, rates = block_cost(work(LONGLIVE), way)["denoise"], H100.kernel_rates(BF16)
        assert rates
        assert cost.between > 0
        alone = seconds(replace(cost, between=0), rates)
        assert seconds(cost, rates) == alone + cost.between / rates.bandwidth
    assert block_cost(work(LONGLIVE))["decode"].between == 0, "a VAE hides its own"


@pytest.mark.parametrize(
    ("way", "values", "inner"), [("graphs", 55, 2), ("compiled", 25, 2), ("best", 19, 0)]
)
def test_a_layer_reads_and_writes_each_value_so_often(way, values, inner):
    """Beside the angles of queries and keys: of one head in 32 bits, cosine and sine."""
    size, how = WAN_1_3B, {"precision": BF16, "rotate": "write", "way": way}
    angles = 2 * 2 * size.head_dim * 4
    token = 2 * (values * size.dim + inner * size.ffn) + angles
    assert layer_traffic(size, 10, 40, **how) == 10 * token
    assert layer_traffic(size, 10, 99, **how) == 10 * token, "keys are rotated once, when written"


def test_keys_that_are_rotated_when_read_are_moved_in_every_pass():
    for way in WAYS:
        how = {"precision": BF16, "way": way}
        write, once, twice = (
            layer_traffic(WAN_1_3B, 10, visible, rotate=rotate, **how)
            for rotate, visible in (("write", 40), ("read", 40), ("read", 80))
        )
        assert twice - once > 40 * 2 * 2 * WAN_1_3B.dim
        assert once > write


def test_each_row_moves_as_much_as_the_first():
    one, two = (pass_cost(WAN_1_3B, 30, 90, rows=rows) for rows in (1, 2))
    assert two.between == 2 * one.between


def test_more_fusion_is_never_slower_anywhere():
    for gpu in GPUS:
        for spec in (LONGLIVE, STREAMDIFFUSIONV2, REWARD_FORCING, KREA):
            found = limits(work(spec, "576x320"), gpu)
            assert found
            graphs, compiled, best = (found.series[way].fps for way in WAYS)
            assert graphs < compiled < best < found.spec.fps, (gpu.name, spec.id)


def test_computing_and_traffic_overlap_in_the_data_sheets_limit_alone():
    found = limits(work(LONGLIVE), H100)
    assert found
    stages = block_cost(work(LONGLIVE))
    assert stages["decode"].bytes / H100.bandwidth > stages["decode"].conv / 989e12
    assert found.spec.seconds < sum(found.spec.stages.values())
    best = found.series["best"]
    assert best.seconds == sum(best.stages.values())


@pytest.mark.parametrize(
    ("steps", "refresh", "fps"),
    [(4, "none", "73.2"), (2, "clean", "96.9"), (2, "none", "143.4"), (1, "none", "275.5")],
)
def test_fewer_passes_are_more_pictures(steps, refresh, fps):
    alone = products(work(replace(LONGLIVE, refresh=refresh), steps=steps), H100)
    assert same(1 / sum(alone.values()), fps)


def test_a_batch_of_steps_computes_what_as_many_passes_do():
    batch = block_cost(work(STREAMDIFFUSIONV2, steps=2, encoder="tae"))
    apart = replace(STREAMDIFFUSIONV2, batch_steps=False)
    passes = block_cost(work(apart, steps=2, encoder="tae"))
    assert list(batch) == list(passes) == ["encode", "denoise", "decode"]
    assert batch["denoise"].flops == passes["denoise"].flops
    weights = passes["denoise"].bytes - batch["denoise"].bytes
    assert same(weights / 1e9, "2.50")
    assert batch["denoise"].between == passes["denoise"].between
    alone = products(work(apart, steps=2, encoder="tae"), H100)
    assert same(1 / sum(alone.values()), "198.7")
    found = limits(work(apart, steps=2, encoder="tae"), H100)
    assert found
    assert found.series["best"].pictures == 4


def test_a_recompute_sees_its_context_alone():
    stages = block_cost(work(KREA, "832x480"))
    assert list(stages) == ["recompute", "denoise", "decode"]
    assert stages["recompute"] == pass_cost(WAN_14B, 3 * 1560, 3 * 1560)
    full = block_cost(work(WAN_CLEAN_14B, "832x480"))
    assert stages["recompute"].linear == full["clean"].linear
    assert stages["recompute"].attention < 0.6 * full["clean"].attention
    assert stages["denoise"] == full["denoise"]
    short = block_cost(work(replace(KREA, context=1), "832x480"))
    assert short["recompute"] == pass_cost(WAN_14B, 1560, 1560)


def test_without_a_vae_no_convolution_is_priced_or_assumed():
    bare = work(LONGLIVE, decoder="none")
    assert list(block_cost(bare)) == ["denoise", "clean"]
    found = limits(bare, H100)
    assert found
    assert found.assumed == ("bf16",)
    assert same(1 / sum(products(bare, H100).values()), "59.8")


def test_a_size_is_floored_to_whole_tokens():
    assert floor_size(640, 360) == (640, 352)
    assert floor_size(655, 367) == (640, 352)
    assert floor_size(16, 16) == (16, 16)
    with pytest.raises(ValueError, match="at least 16 pixels"):
        floor_size(640, 15)
    assert block_cost(work(LONGLIVE, "640x360")) == block_cost(work(LONGLIVE, "640x352"))


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 5090", "RTX 5090"),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "RTX PRO 6000"),
        ("NVIDIA B200", "B200"),
    ],
)
def test_a_gpu_is_known_by_the_name_that_its_driver_gives(device, name):
    found = find_gpu(device)
    assert found
    assert found.name == name


@pytest.mark.parametrize(
    "device",
    [
        "",
        "NVIDIA A100-SXM4-80GB",
        "NVIDIA H100 PCIe",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
    ],
)
def test_against_an_unknown_gpu_no_ratio_is_claimed(device):
    assert find_gpu(device) is None


def test_an_h200_is_an_h100_with_more_bandwidth():
    h200 = find_gpu("NVIDIA H200")
    assert h200
    assert h200.bandwidth == 4.8e12
    assert (h200.spec, h200.kernel) == (H100.spec, H100.kernel)


def test_no_kernel_beats_its_data_sheet():
    for gpu in GPUS:
        for peak, kernel in zip(gpu.spec, gpu.kernel, strict=True):
            assert 0 < kernel <= peak or kernel == peak == 0, gpu.name


def test_rates_that_nobody_published_are_named():
    found = limits(work(LONGLIVE), H100)
    assert found
    assert found.assumed == ("bf16", "conv")
    found = limits(work(LONGLIVE, precision="fp8+sage"), B200)
    assert found
    assert found.assumed == ("fp8", "attn8", "conv")


def test_a_kernel_gets_less_bandwidth_than_the_data_sheet_says():
    peak, kernel = H100.spec_rates(BF16), H100.kernel_rates(BF16)
    assert peak
    assert kernel
    assert kernel.bandwidth == 0.85 * peak.bandwidth == 0.85 * 3.35e12


def test_a_precision_without_a_rate_has_no_limit():
    assert limits(work(LONGLIVE, precision="fp32"), H100) is None
    assert limits(work(LONGLIVE, precision="fp4+sage3"), RTX_4090) is None


def test_measured_rates_give_a_ceiling_of_the_same_kind():
    measured = Rates(linear=800e12, attention=650e12, conv=480e12, bandwidth=0.85 * 3.35e12)
    found = limits(work(LONGLIVE), H100)
    assert found
    for way in WAYS:
        assert ceiling(work(LONGLIVE), measured, way) == found.series[way]

    slow = Rates(linear=1e11, attention=0.5e11, bandwidth=1e10)
    tiny = work(LONGLIVE, "64x64", precision="fp32")
    cost = block_cost(tiny)["decode"]
    assert ceiling(tiny, slow).stages["decode"] == cost.conv / 1e11
    assert seconds(Cost(linear=1e11, attention=1e11, bytes=2e10), slow) == 3
    assert seconds(Cost(linear=1e11, attention=1e11, bytes=4e10), slow) == 4


def test_the_checkpoints_have_as_many_numbers_as_the_models():
    assert parameters(WAN_1_3B) == 1_418_996_800
    assert parameters(WAN_14B) == 14_288_491_584


@pytest.mark.parametrize(
    ("spec", "steps", "small", "large"),
    [
        (LONGLIVE, 4, "1.6", "3.5"),
        (REWARD_FORCING, 4, "1.2", "2.6"),
        (STREAMDIFFUSIONV2_SEQUENTIAL, 2, "0.8", "1.7"),
        (KREA, 4, "3.5", "7.7"),
    ],
)
def test_the_window_takes_the_memory_that_was_worked_out(spec, steps, small, large):
    for size, printed in (("576x320", small), ("832x480", large)):
        assert same(memory_floor(work(spec, size, steps))["window"] / 1e9, printed)


@pytest.mark.parametrize(("spec", "token"), [(LONGLIVE, 184_320), (KREA, 819_200)])
def test_one_token_takes_a_key_and_a_value_in_every_layer(spec, token):
    one = work(replace(spec, window=1), "16x16")
    memory = memory_floor(one)
    assert memory["window"] == token
    assert memory["text"] == 512 * token
    wide = memory_floor(replace(one, precision=PRECISIONS["fp32"]))
    assert wide["window"] == 2 * token


def test_every_row_has_a_window_of_its_own():
    two, three = (memory_floor(work(STREAMDIFFUSIONV2, steps=n)) for n in (2, 3))
    one = memory_floor(work(STREAMDIFFUSIONV2_SEQUENTIAL, steps=2))
    assert two["window"] == 2 * one["window"]
    assert three["window"] == 3 * one["window"]
    assert two["weights"] == one["weights"]


def test_an_averaged_sink_is_kept_in_full_precision_beside_the_window():
    memory = memory_floor(work(REWARD_FORCING, "16x16"))
    assert memory["sink"] == 3 * 184_320 * 2
    assert memory["window"] == 9 * 184_320
    assert memory_floor(work(LONGLIVE, "16x16"))["sink"] == 0


def test_weights_take_what_their_precision_says():
    assert same(memory_floor(work(LONGLIVE))["weights"] / 1e9, "2.84")
    assert same(memory_floor(work(KREA))["weights"] / 1e9, "28.6")
    assert same(memory_floor(work(KREA, precision="fp4+sage3"))["weights"] / 1e9, "8.00")
    odd = replace(work(KREA), precision=replace(BF16, weight_bytes=1.125))
    assert memory_floor(odd)["weights"] == 1.125 * parameters(WAN_14B)
