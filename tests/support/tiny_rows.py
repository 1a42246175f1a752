"""The causal pipelines as rows with networks so small that real files of them fit into a test."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from engine.catalog import artifacts as files
from engine.catalog import specs
from engine.catalog.artifacts import Artifact
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import BUILT_IN, Catalog, PipelineRow
from engine.causal.assembly import Sizes
from engine.causal.pipeline import CausalPipeline
from engine.causal.text.encoder import TextSize
from engine.pipeline import Context

TINY = specs.NetworkSize(
    name="1.3B", layers=2, dim=96, ffn=144, heads=3, text_dim=64, text_tokens=24, frequencies=32,
    vace_layers=(0, 1),
)  # fmt: skip


def needed(spec: specs.CausalSpec, load: CausalLoad) -> Mapping[str, Artifact]:
    """The files of a pipeline by name alone: these networks have other sizes than the authors'."""
    found = files.needed(spec, load).items()
    return {role: Artifact(artifact.repository, artifact.file) for role, artifact in found}


SIZES = Sizes(
    text=TextSize(
        name="tiny UMT5", vocabulary=200, width=64, inner=64, ffn=96, heads=4, layers=3,
        buckets=32, farthest=128, tokens=24,
    ),
    vae_width=8,
    needs=needed,
)  # fmt: skip


def of_row(load: CausalLoad, context: Context, row: str) -> CausalPipeline:
    """The same row, small."""
    spec = replace(specs.SPECS[row], network=TINY)
    return CausalPipeline.assembled(spec, SIZES, load, context)


def _small(row: PipelineRow) -> PipelineRow:
    spec = row.spec
    if spec is None:
        return row
    assert row.target == f"engine.causal.pipeline:of_row:{spec.id}", "what is replaced here"
    return replace(
        row,
        target=f"{__name__}:of_row:{spec.id}",
        needs=partial(needed, specs.SPECS[row.id]),
        spec=replace(spec, network=TINY),
    )


CATALOG = Catalog(map(_small, BUILT_IN))
