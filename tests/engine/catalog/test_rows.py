"""A pipeline is a row: another causal one needs no code."""

from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

from engine.catalog import artifacts, specs
from engine.catalog.rows import BUILT_IN, _causal
from engine.pipeline import Context, build


def test_a_sixth_causal_pipeline_is_a_spec_a_file_and_a_row(monkeypatch, tmp_path):
    spec = replace(specs.LONGLIVE, id="sixth", block=2, first_block=2)
    monkeypatch.setitem(specs.SPECS, spec.id, spec)
    monkeypatch.setitem(artifacts.NETWORKS, spec.id, artifacts.Artifact("someone/Sixth", "it.pt"))
    row = _causal(spec, "Sixth: a test")
    assert row.needs(row.load())["network"].name == "Sixth/it.pt"
    load = row.load(weights="demo", vae="tae", passes="plain")
    pipeline = build(row.target, load, Context(tmp_path, tmp_path, lambda *_: None))
    images = list(pipeline([], row.parameters(prompt="a red fox", size="32x32", fade=0)))
    assert len(images) == 4 * spec.first_block - 3
    pipeline.close()


def test_every_causal_row_is_built_from_the_spec_that_it_carries():
    causal = [row for row in BUILT_IN if row.spec]
    assert [row.id for row in causal] == [*specs.SPECS]
    for row in causal:
        assert row.spec is specs.SPECS[row.target.split(":")[2]]


def test_a_first_block_is_longer_and_memory_is_made_for_the_longest():
    spec = specs.STREAMDIFFUSIONV2
    assert [spec.frames(begins=begins, video=video)
            for begins in (True, False) for video in (True, False)] == [
        spec.block + 1, spec.first_block, spec.block, spec.block,
    ]  # fmt: skip
    long = replace(spec, block=1, first_block=5)
    assert (replace(long, first_block=1).most_frames, long.most_frames) == (2, 5)
