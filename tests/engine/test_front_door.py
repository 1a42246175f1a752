"""The engine's front door has all that a pipeline's author needs, and loads nothing before."""

import subprocess
import sys

import pytest

import engine

HEAVY = {"numpy", "pydantic", "torch", "onnxruntime", "cv2", "diffusers", "transformers"}


def loaded(code: str) -> set[str]:
    """The packages that a piece of code imports, in a process of its own."""
    tell = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True
    )
    return {*done.stdout.split()}


def test_to_import_the_engine_imports_nothing_more() -> None:
    assert not loaded("import engine; dir(engine)") & HEAVY


def test_no_name_of_the_door_needs_a_tensor_library() -> None:
    found = loaded("import engine; [getattr(engine, name) for name in engine.__all__]")
    assert "pydantic" in found, "a name is there once it is asked for"
    assert not found & {"torch", "onnxruntime", "diffusers", "transformers"}


def test_every_name_is_the_one_of_its_module() -> None:
    assert {*engine.__all__} == {*engine._HOMES}
    for name, home in engine._HOMES.items():
        assert getattr(engine, name) is getattr(sys.modules[home], name)
        assert name in dir(engine)


def test_another_name_is_no_name_of_it_and_modules_are_found_all_the_same() -> None:
    with pytest.raises(AttributeError, match="module 'engine' has no attribute 'Engine'"):
        engine.Engine  # noqa: B018
    from engine import sizes

    assert sizes.__name__ == "engine.sizes"


def test_a_pipeline_is_written_against_the_door_alone() -> None:
    code = """
from engine import Catalog, Load, Parameters, PipelineRow, control, describe
class Mine(Parameters):
    strength: float = control(1.0, "How much.", minimum=0, maximum=2)
row = PipelineRow(id="mine", title="Mine", target="mine:Mine", load=Load, parameters=Mine)
assert Catalog([row])["mine"] is row
assert [spec.name for spec in describe(Mine)] == ["strength"]
"""
    assert not loaded(code) & {"torch", "onnxruntime"}
