"""The reference tables, made from the declarations: for `list` and the documents."""

from collections.abc import Sequence
from typing import TypeAlias

from bridge.control.midi.ports import PATIENCE, backend
from bridge.errors import ExitStatus
from bridge.settings import Settings, shown_default
from bridge.state.actions import ACTIONS
from bridge.state.catalog import installed_catalog
from bridge.state.controls import OutputParameters
from bridge.state.status import STATUS
from bridge.system.aside import Aside, SlowError
from bridge.transports import offers, schemes
from engine.catalog.controls import CausalLoad
from engine.catalog.rows import PipelineRow
from engine.cost.elementwise import WAYS
from engine.cost.fit import GB
from engine.cost.gpus import GPUS, Gpu
from engine.cost.memory import need, total
from engine.cost.roofline import Work, limits
from engine.parameters import ParameterSpec, describe

USUAL = 576, 320  # pixels
ESTIMATED_VAES = "wan", "tae"  # the default, and the lightest

Table: TypeAlias = "tuple[str, Sequence[str], list[tuple[str, ...]]]"


def pipelines() -> Table:
    """Every pipeline."""
    rows = [
        (row.id, row.title, str(row.multiple), _memory(row))
        for row in installed_catalog().rows.values()
    ]
    width, height = USUAL
    memory = f"GPU memory at {width}x{height}"
    return "Pipelines", ("id", "what it does", "sizes are multiples of", memory), rows


def cards() -> Table:
    """The estimated maximum fps of each causal pipeline on each graphics card."""
    width, height = USUAL
    head = ("pipeline", "`vae`", "GPU memory", *(gpu.name for gpu in GPUS))
    rows: list[tuple[str, ...]] = []
    for row in installed_catalog().rows.values():
        for vae in ESTIMATED_VAES if row.spec else ():
            memory = _memory(row, vae=vae)
            rows.append((row.id, vae, memory, *(_ceiling(row, vae, gpu) for gpu in GPUS)))
    ways = "/".join(WAYS.values())
    return f"Estimated maximum fps at {width}x{height}, with video input: {ways}", head, rows


def transports() -> Table:
    """Every transport."""
    mark = {True: "yes", False: ""}
    rows = [
        (f"{name}:", mark[source], mark[sink], line)
        for name, (source, sink, line) in schemes().items()
    ]
    return "Transports", ("URI", "source", "sink", "what it is"), rows


def sources() -> Table:
    """Every source available now."""
    rows = [(offer.uri, offer.text, offer.problem) for offer in offers()]
    return "Sources", ("URI", "what it is", "problem"), rows


def midi() -> Table:
    """The MIDI ports of this machine."""
    head = "port", "problem"
    try:
        ports = Aside().ask("The MIDI system", lambda: backend().inputs(), PATIENCE)
    except (ValueError, RuntimeError, OSError, SlowError) as error:
        return "MIDI ports", head, [("", str(error).strip())]
    return "MIDI ports", head, [(port, "") for port in ports]


def parameters() -> Table:
    """Every parameter, with the pipelines that have it."""
    found: dict[str, tuple[ParameterSpec, list[str]]] = {}
    for spec in describe(OutputParameters):
        found[spec.name] = spec, ["all"]
    for row in installed_catalog().rows.values():
        for spec in (*describe(row.parameters), *describe(row.load)):
            found.setdefault(spec.name, (spec, []))[1].append(row.id)
    rows = [
        (spec.name, f"/bridge/{spec.osc}", _range(spec), _shown(spec), _users(users), spec.help)
        for spec, users in found.values()
    ]
    return "Parameters", ("name", "OSC", "takes", "default", "pipelines", "meaning"), rows


def actions() -> Table:
    """Every action."""
    rows = [
        (
            action.name,
            f"/bridge/{action.name}",
            action.argument.spec.accepts if action.argument else "",
            action.help,
        )
        for action in ACTIONS
    ]
    return "Actions", ("name", "OSC", "takes", "meaning"), rows


def settings() -> Table:
    """Every flag of `run`."""
    rows = [
        (f"--{name.replace('_', '-')}", shown_default(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return "Settings", ("flag of `run`", "default", "meaning"), rows


def state() -> Table:
    """Every value of the state."""
    rows = [(s.name, f"/bridge/state/{s.name}", s.unit, s.help) for s in STATUS]
    return "State", ("name", "OSC", "unit", "meaning"), rows


def exits() -> Table:
    """Every exit status of `spout-bridge`."""
    rows = [(str(int(status)), status.meaning) for status in ExitStatus]
    return "Exit statuses", ("status", "meaning"), rows


def markdown(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as a section of a document."""
    lines = [f"### {title}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n\n"


def _memory(row: PipelineRow, **values: str) -> str:
    """GPU memory of a pipeline loaded with defaults but for `values`; empty if negligible."""
    load = row.load().model_copy(update=values)
    if row.spec is None or not isinstance(load, CausalLoad):
        return ""
    return f"{total(need(row.spec, load, *USUAL)) / GB:.1f} GB"


def _ceiling(row: PipelineRow, vae: str, gpu: Gpu) -> str:
    """Upper limits of fps on this card with the kernels known today, for each way of fusing them;
    "too large" if it lacks the memory.
    """
    load = row.load().model_copy(update={"vae": vae})
    assert row.spec
    assert isinstance(load, CausalLoad)
    if total(need(row.spec, load, *USUAL)) > gpu.memory:
        return "too large"
    width, height = USUAL
    steps = len(row.spec.steps["authors"].steps)
    work = Work(
        spec=row.spec, width=width, height=height, steps=steps, decoder=vae, encoder=vae
    )  # fmt: skip
    found = limits(work, gpu)
    return "/".join(f"{found.series[way].fps:.0f}" for way in WAYS) if found else ""


def _users(ids: Sequence[str]) -> str:
    """Which pipelines have a parameter, in as few words as possible."""
    others = [pipeline for pipeline in installed_catalog().rows if pipeline not in ids]
    most = len(ids) > len(others) and "all" not in ids
    return f"all but {', '.join(others)}" if most else ", ".join(ids)


def _range(spec: ParameterSpec) -> str:
    return f"{spec.accepts} ({spec.unit})" if spec.unit else spec.accepts


def _shown(spec: ParameterSpec) -> str:
    return f"{spec.default:g}" if type(spec.default) in (int, float) else str(spec.default)
