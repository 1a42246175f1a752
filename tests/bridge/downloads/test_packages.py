"""A pipeline whose packages are not installed: refused with the cure, replaced at start."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.downloads.weights import MissingWeights, Weights
from engine.catalog.artifacts import Artifact
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import BUILT_IN, Catalog
from engine.files.library import Library
from tests.bridge.downloads.files import NEEDY, NET, ROWS, put
from tests.support.bridge import running
from tests.support.doubles import PAINTER
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

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


@pytest.mark.slow
def test_without_onnxruntime_passthrough_is_shown_until_it_is_there(tmp_path: Path) -> None:
    gone, folder = tmp_path / "gone", tmp_path / "data"
    gone.touch()
    hide = (  # a Python in which the package is not installed while that file exists
        "import os, sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: (\n"
        f"    None if name == 'onnxruntime' and os.path.exists({str(gone)!r})\n"
        "    else find(name, *rest))\n"
        "from bridge.cli import main; main()"
    )
    command = [sys.executable, "-c", hide]
    told = "stylize needs onnxruntime, which is not installed: run `"
    with running(folder, "--source", "demo:", "--sink", "null:", command=command) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert state["pipeline"] == "passthrough"
        assert (state["pipeline_asked"], state["restarts"]) == ("stylize", 0)
        assert state["error"].startswith(told)
        assert "--reinstall-package onnxruntime onnxruntime`." in state["error"]
        assert state["error"].endswith("Until then passthrough is shown.")
        status, sentence = bridge.refused("pipeline", {"pipeline": "stylize"})
        assert status >= 400
        assert sentence.startswith(told)
        gone.unlink()
        state = bridge.until(lambda state: state["pipeline"] == "stylize")
        assert state["error"] == ""
        gone.touch()
        for asked in (["list", "pipelines"], ["bench", "stylize"]):
            done = subprocess.run([*command, *asked], capture_output=True, text=True, timeout=60)
            assert told in done.stderr, done


@pytest.mark.parametrize("there", [False, True])
def test_a_card_that_cannot_be_used_hides_no_missing_file(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setattr("bridge.downloads.weights.find_spec", lambda name: object())
    row = replace(NEEDY, packages=("torch",))
    weights = Weights(ROWS, Library(tmp_path), lambda row: row.load(), unusable=lambda: "T4: why")
    if there:
        put(tmp_path / NET.name)
    told = str(weights.lack(row, row.load()))
    assert told.startswith("needy cannot run on T4: why.")
    assert (" needy is missing 1 file of about 5 MB (" in told) is not there


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


def test_the_pipelines_with_a_worker_say_what_they_import() -> None:
    """Without it no worker is started, three times in a row."""
    for row in BUILT_IN:
        assert bool(row.packages) == (not row.direct), row.id
        assert bool(row.extra) == (row.spec is not None), "what the first install lacks"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "why"),
    rest_slow(
        [
            ("from numpy import Tensor", "cannot import name 'Tensor' from 'numpy'"),
            ("import os; os._exit(3)", "the process that imports it ended with status 3"),
            ("raise SystemExit(3)", "(3): run "),
            (
                "import ctypes; ctypes.string_at(0)",
                "the process that imports it was killed by SIGSEGV",
            ),
            ("def half(", "was never closed"),
        ]
    ),
)
@pytest.mark.skipif(sys.platform == "win32", reason="its statuses are others")
def test_a_package_that_cannot_be_imported_counts_as_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, why: str
) -> None:
    """It is tried once, not three times, and again after it has been installed again."""
    monkeypatch.setattr("bridge.state.awaited.GLANCE", 0.1)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("PYTHONPATH", path)
    code = "import brushes\nfrom tests.support.doubles import Painter\n"
    (tmp_path / "painter_with_brushes.py").write_text(code)
    (tmp_path / "brushes.py").write_text(body)
    row = replace(
        PAINTER, id="brushed", target="painter_with_brushes:Painter",
        packages=("brushes", "numpy"), extra="engine",
    )  # fmt: skip
    catalog = Catalog((*BUILT_IN, row))
    with running_session(tmp_path, catalog, pipeline="brushed", fallback="passthrough") as rig:
        stop = rig.steady_input()
        rig.running("passthrough")
        status = rig.session.status()
        assert (status.pipeline_asked, status.restarts) == ("brushed", 0)
        assert status.error.startswith("brushed needs ")
        assert "which is installed but cannot be imported (" in status.error
        assert why in status.error
        assert " --reinstall-package " in status.error
        with pytest.raises(MissingWeights, match="cannot be imported"):
            rig.session.switch("brushed")
        (tmp_path / "brushes.py").unlink()
        (tmp_path / "brushes.py").write_text("")
        rig.running("brushed")
        assert rig.session.status().error == ""
        stop()


def test_a_package_installed_again_within_the_same_tick_of_the_clock_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    package = tmp_path / f"{MODULE}.py"
    row = replace(PLAIN, id="more", packages=(MODULE,))
    weights = Weights(Catalog((row,)), Library(tmp_path), lambda row: row.load())
    package.write_text("broken")
    os.utime(package, ns=(1, 1))
    weights.found_broken(row, {MODULE: "why"})
    assert not weights.installed(row)
    package.write_text("mended")
    os.utime(package, ns=(1, 1))
    assert not weights.installed(row), "what looks the same is the same"
    package.write_text("longer now")
    os.utime(package, ns=(1, 1))
    assert weights.installed(row)


def test_only_a_pipeline_with_demo_weights_advises_them(tmp_path: Path) -> None:
    file = Artifact("authors/model", "net.pt")
    own = replace(PLAIN, id="own", needs=lambda load: {"network": file})
    demo = replace(own, load=CausalLoad)
    weights = Weights(Catalog((own,)), Library(tmp_path), lambda row: row.load())
    told, with_demo = (str(weights.lack(row, row.load())) for row in (own, demo))
    assert told.startswith("own is missing 1 file")
    assert told.endswith("or /bridge/download own.")
    assert with_demo.endswith("or /bridge/download own; or use weights=demo.")


@pytest.mark.parametrize("gone", ["version.py", "__init__.py"])
def test_an_installation_of_torch_that_was_cut_short_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    folder = tmp_path / "torch"
    folder.mkdir()
    for name in {"version.py", "__init__.py"} - {gone}:
        (folder / name).write_text("")
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    row = replace(PLAIN, id="paints", packages=("torch",), extra="engine")
    weights = Weights(Catalog((row,)), Library(tmp_path), lambda row: row.load())
    told = str(weights.lack(row, row.load()))
    assert told.startswith(
        f"paints needs torch, which is installed but cannot be imported (it has no {gone}): run `"
    )
    assert "uv pip install" in told
    assert "--reinstall-package torch" in told
