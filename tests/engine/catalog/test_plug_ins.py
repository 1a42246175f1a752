"""Plug-ins that clash or have a mistake are reported by name."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal, Optional

import pytest
from pydantic import Field

from bridge.cli.models import job
from engine.catalog.rows import ENTRY_POINTS, Catalog, PipelineRow
from engine.files.library import Library
from engine.parameters import Load, Parameters, Size, control, describe
from engine.pipeline import Context, build


class _Soft(Parameters):
    mood: Literal["soft", "hard"] = control("soft", "A name that another plug-in has too.")


class _Loud(Parameters):
    mood: Literal["quiet", "loud"] = control("quiet", "A name that another plug-in has too.")


class _Turned(Parameters):
    mood: Literal["hard", "soft"] = control("hard", "The same choices: an index means another.")


class _Few(Load):
    backend: Literal["onnx", "best"] = control("onnx", "A name that stylize has, with others.")


def row(name: str, parameters: type[Parameters], load: type[Load] = Load) -> PipelineRow:
    return PipelineRow(id=name, title=name, target="", load=load, parameters=parameters)


SOFT, ALIKE, LOUD = row("soft", _Soft), row("alike", _Soft), row("loud", _Loud)
TURNED, FEW, CALM = row("turned", _Turned), row("few", Parameters, _Few), row("calm", Parameters)


def installed(monkeypatch: pytest.MonkeyPatch, *values: str) -> Catalog:
    """The catalog where plug-ins of these values are installed, each called by its row's name."""
    points = [EntryPoint(v.rpartition(":")[2].lower(), v, ENTRY_POINTS) for v in values]
    monkeypatch.setattr("engine.catalog.rows.entry_points", lambda group: points)
    return Catalog.installed(taken={"reset", "state"})


@pytest.mark.parametrize("other", ["LOUD", "TURNED"])
def test_two_plug_ins_with_different_choices_of_one_name_are_told_apart(monkeypatch, other):
    catalog = installed(monkeypatch, f"{__name__}:SOFT", f"{__name__}:{other}", f"{__name__}:CALM")
    with pytest.raises(LookupError) as told:
        catalog[other.lower()]
    assert (
        f"The plug-ins {__name__}:SOFT and {__name__}:{other} both have a parameter mood, one with "
        "the choices soft, hard, the other with "
    ) in str(told.value)
    assert catalog["soft"] is SOFT, "the one that was there first"
    assert catalog["calm"] is CALM, "what comes after is there"


def test_the_same_choices_or_those_of_a_pipeline_of_ours_are_no_clash(monkeypatch):
    catalog = installed(monkeypatch, *(f"{__name__}:{name}" for name in ("SOFT", "ALIKE", "FEW")))
    assert catalog["alike"] is ALIKE
    assert catalog["few"] is FEW


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import nmpy", "No module named 'nmpy' (stranger, line 3)"),
        ("from engine.pipeline import Pipelin", "cannot import name 'Pipelin' from"),
        ("import engine.pipelnie", "No module named 'engine.pipelnie' (stranger, line 3)"),
        ("from stranger_parts import helpers", "No module named 'nmpy' (stranger_parts, line 1)"),
    ],
)
def test_a_plug_ins_own_misspelt_import_is_told_with_its_module_and_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, words: str
):
    (tmp_path / "stranger.py").write_text(f"\nimport os\n{line}\nROW = None\n")
    (tmp_path / "stranger_parts.py").write_text("import nmpy\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalog = installed(monkeypatch, "stranger:ROW")
    with pytest.raises(LookupError) as told:
        catalog["row"]
    assert words in str(told.value)
    assert "line " in str(told.value)
    with pytest.raises(ImportError) as built:  # the same in the worker, where code is imported
        build("stranger:Lame", Load(), Context(tmp_path, tmp_path, lambda *_: None))
    assert words in str(built.value)
    assert "line " in str(built.value)


def test_what_is_missing_of_ours_is_told_without_a_line():
    with pytest.raises(ImportError) as told:
        build("engine.nowhere:Nobody", Load(), Context(Path(), Path(), lambda *_: None))
    assert str(told.value) == "No module named 'engine.nowhere'"


class _Bare(Parameters):
    gain: float


class _Plain(Parameters):
    gain: float = Field(ge=0)


class _Maybe(Parameters):
    gain: Optional[int] = control(1, "A kind that no fader has.")  # noqa: UP045 - as people write


class _Numbers(Parameters):
    gain: Literal[1, 2] = control(1, "Choices that are no texts.")


class _Beyond(Parameters):
    gain: float = control(3.0, "A default outside its range.", minimum=0, maximum=2)


class _Sized(Load):
    canvas: Size = control("wide", "A default that is no size.")


class _Steals(Parameters):
    gain: float = control(1.0, "The short address of another parameter.", osc="vace")


class _Button(Parameters):
    reset: float = control(1.0, "The name of a button.")


class _Below(Parameters):
    gain: float = control(1.0, "Below what is told.", osc="state/fps")


class _Twice(Parameters):
    gain: float = control(1.0, "One.", osc="turn")
    swing: float = control(1.0, "Another with the same address.", osc="turn")


class _Starry(Parameters):
    gain: float = control(1.0, "A pattern.", osc="gain*")


OURS = "which is used by the output or a command; choose another name"
NAMED = {
    "bare": (_Bare, "Its parameter gain has no default; every parameter needs one."),
    "plain": (_Plain, "Its parameter gain has no default; every parameter needs one."),
    "maybe": (_Maybe, "Its parameter gain is declared as typing.Optional[int], not as float, int,"),
    "numbers": (_Numbers, "Its parameter gain has choices that are not texts."),
    "beyond": (_Beyond, "gain takes a number from 0 to 2, not 3."),
    "steals": (_Steals, "/bridge/vace, which is used by vace_scale; choose another name"),
    "button": (
        _Button,
        f"/bridge/reset, {OURS}",
    ),
    "below": (
        _Below,
        f"/bridge/state/fps, {OURS}",
    ),
    "twice": (_Twice, "/bridge/turn, which is used by gain; choose another name"),
    "starry": (_Starry, "has the address 'gain*'; addresses may contain a to z"),
}
for _name, (_made, _) in NAMED.items():
    globals()[_name.upper()] = row(_name, _made)
SIZED = row("sized", Parameters, _Sized)
TWIN, SPACED = row("stylize", Parameters), row("my pipeline", Parameters)


@pytest.mark.parametrize("name", NAMED)
def test_a_parameter_that_no_surface_could_show_leaves_its_plug_in_out(monkeypatch, name):
    catalog = installed(monkeypatch, f"{__name__}:{name.upper()}", f"{__name__}:CALM")
    with pytest.raises(LookupError) as told:
        catalog[name]
    assert NAMED[name][1] in str(told.value)
    assert describe(catalog.rows[name].parameters) == ()
    assert catalog["calm"] is CALM
    assert catalog["stylize"]


def test_a_default_is_checked_as_a_value_is(monkeypatch):
    with pytest.raises(LookupError, match="not a valid value: canvas takes auto or"):
        installed(monkeypatch, f"{__name__}:SIZED")["sized"]


def test_a_plug_in_takes_no_pipelines_place(monkeypatch):
    names = ("TWIN", "SPACED", "CALM", "CALM")
    catalog = installed(monkeypatch, *(f"{__name__}:{name}" for name in names))
    assert catalog["stylize"].parameters is not Parameters, "that of ours"
    assert catalog["calm"] is CALM
    reasons = [row.missing for row in catalog.rows.values() if row.missing]
    assert reasons == [
        "Pipeline stylize is built in, and no plug-in replaces it; choose another id.",
        "A pipeline's id may have a to z, digits, dot, _ and -, not 'my pipeline'.",
        "Pipeline calm is another plug-in's, and no plug-in replaces it; choose another id.",
    ]


def _raises(load):
    raise KeyError("vae")


ODD_NEEDS = {"raises": _raises, "nothing": lambda load: None, "names": lambda load: {"net": "x.pt"}}
RAISES, NOTHING, NAMES = (
    replace(row(name, Parameters), needs=ODD_NEEDS[name]) for name in ODD_NEEDS
)


@pytest.mark.parametrize("name", ODD_NEEDS)
def test_a_plug_in_whose_weights_cannot_be_listed_breaks_nothing_else(monkeypatch, name):
    catalog = installed(monkeypatch, f"{__name__}:{name.upper()}", f"{__name__}:CALM")
    monkeypatch.setattr("bridge.cli.models.installed_catalog", lambda: catalog)
    with pytest.raises(LookupError, match=f"The pipeline '{name}' cannot run here: Its `needs` "):
        catalog[name]
    assert catalog["calm"] is CALM
    listed = job((), {}, Library(Path("models")))
    assert [row.id for row in listed.refused] == [name]
    assert name not in [row.id for row, _ in listed.loads]
