"""A pipeline whose packages are not installed: refused with the cure, replaced at start."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.downloads.weights import MissingWeights
from engine.catalog.rows import BUILT_IN, Catalog
from tests.support.rig import running_session

MODULE = "a_package_that_nobody_has"
PLAIN = next(row for row in BUILT_IN if row.id == "passthrough")
NEEDS_MORE = replace(PLAIN, id="more", packages=("numpy", MODULE), extra="engine")
SENTENCE = f"more needs {MODULE} (extra `engine`): "


def test_the_asked_pipeline_is_awaited_and_loaded_when_its_packages_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.state.awaited.GLANCE", 0.1)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    catalog = Catalog((*BUILT_IN, NEEDS_MORE))
    with running_session(tmp_path, catalog, pipeline="more", fallback="passthrough") as rig:
        stop = rig.steady_input()
        rig.running("passthrough")
        status = rig.session.status()
        assert status.pipeline_asked == "more"
        assert status.error.startswith(SENTENCE)
        assert status.error.endswith("Until then passthrough is shown.")
        (tmp_path / f"{MODULE}.py").touch()
        rig.running("more")
        assert rig.session.status().error == ""
        stop()


def test_a_live_switch_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    catalog = Catalog((*BUILT_IN, NEEDS_MORE))
    with running_session(tmp_path, catalog, pipeline="passthrough") as rig:
        stop = rig.steady_input()
        rig.running("passthrough")
        worker = rig.session.status().worker
        with pytest.raises(MissingWeights) as refused:
            rig.session.switch("more")
        assert str(refused.value).startswith(SENTENCE)
        assert (rig.session.status().pipeline, rig.session.status().worker) == (
            "passthrough", worker
        )  # fmt: skip
        with pytest.raises(ValueError, match=MODULE):
            rig.session.weights.download("more")
        stop()


def test_the_generating_pipelines_say_what_they_import() -> None:
    """What the first install lacks: without it no worker is started, three times in a row."""
    for row in BUILT_IN:
        assert bool(row.packages) == (row.spec is not None), row.id
        assert bool(row.extra) == bool(row.packages)
