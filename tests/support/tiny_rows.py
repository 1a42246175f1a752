"""The causal pipelines as rows over networks so small that real files of them fit into a test."""

from dataclasses import replace
from functools import partial

from engine.catalog import artifacts as files
from engine.catalog import specs
from engine.catalog.rows import BUILT_IN, Catalog
from engine.causal import pipeline as causal
from engine.causal.assembly import Sizes
from engine.causal.text.encoder import TextSize

TINY = specs.NetworkSize(
    name="1.3B", layers=2, dim=96, ffn=144, heads=3, text_dim=64, text_tokens=24, frequencies=32,
    vace_layers=(0, 1),
)  # fmt: skip
SIZES = Sizes(
    text=TextSize(
        name="tiny UMT5", vocabulary=200, width=64, inner=64, ffn=96, heads=4, layers=3,
        buckets=32, farthest=128, tokens=24,
    ),
    vae_width=8,
    needs=files.needed_undeclared,
)  # fmt: skip


class LongLive(causal.CausalPipeline):
    """Small."""

    spec, sizes = replace(specs.LONGLIVE, network=TINY), SIZES


class StreamDiffusionV2(causal.CausalPipeline):
    """Small."""

    spec, sizes = replace(specs.STREAMDIFFUSIONV2, network=TINY), SIZES


class RewardForcing(causal.CausalPipeline):
    """Small."""

    spec, sizes = replace(specs.REWARD_FORCING, network=TINY), SIZES


class KreaRealtimeVideo(causal.CausalPipeline):
    """Small."""

    spec, sizes = replace(specs.KREA, network=TINY), SIZES


CATALOG = Catalog(
    replace(
        row,
        target=row.target.replace("engine.causal.pipeline", __name__),
        needs=partial(files.needed_undeclared, specs.SPECS[row.id]),
    )
    if row.id in specs.SPECS
    else row
    for row in BUILT_IN
)
