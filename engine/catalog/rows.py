"""One frozen row per pipeline. Free of torch and onnxruntime: a row names its code by a string.

To add a causal pipeline, add a `CausalSpec` in `engine.catalog.specs` (listed in its `SPECS`), its
network's file in `engine.catalog.artifacts` (`NETWORKS`, by id), and a line `_causal(…)` in
`BUILT_IN` below. It needs no code unless its memory works in a way that no field of the spec
describes; then add a field with one reader.

A parameter is a field of a pipeline's class in `engine.catalog.controls`: of its `Load` if it is
set when the pipeline is built, of its `Parameters` if it may change from block to block. Every
surface reads it from there; the pipeline's code reads `parameters.NAME`.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import Any, TypeAlias

from engine.catalog import artifacts as files
from engine.catalog.controls import (
    CausalLoad,
    CausalParameters,
    PassthroughLoad,
    PassthroughParameters,
    StylizeLoad,
    StylizeParameters,
)
from engine.catalog.ids import PASSTHROUGH
from engine.catalog.lexicon import WORDS
from engine.catalog.specs import (
    KREA,
    LONGLIVE,
    REWARD_FORCING,
    STREAMDIFFUSIONV2,
    TOKEN_SIDE,
    CausalSpec,
)
from engine.parameters import WRITTEN, Load, Parameters, ParameterSpec, describe
from engine.system import loading
from engine.system.texts import did_you_mean

Declared: TypeAlias = tuple[str, ParameterSpec]  # plug-in (empty: built-in), spec

log = logging.getLogger(__name__)

ENTRY_POINTS = "spout_bridge.pipelines"
ID = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
ADDRESS = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")  # of a parameter, below /bridge/


def _nothing(load: Any) -> Mapping[str, files.Artifact]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """One pipeline.

    `target` is "module:Class" or "module:function:row", imported in the engine worker only; see
    `engine.pipeline.build`. `multiple`: the engine's width and height are rounded down to multiples
    of it. `block` is the most frames that one call yields. `native_size`: the engine works at the
    input's own size, whatever it is. `fixed_size`: another size needs a reload; otherwise it
    applies from the next block on. `text`: it generates images without an input. Pipelines of one
    `family` share parameters and large parts: one replaces another in the same worker, which
    briefly holds both if memory allows. `words` are all words that its prompts understand; empty if
    prompts are free text. `guided` names the switch of its `load` that enables control video and
    mask; empty if it never uses them. `needs` gives the weights that it loads, by role.
    `packages` are the modules that it cannot do without; `extra` brings those that the first
    install lacks, and is empty if it brings them.
    `spec` is used to compute the GPU memory of a causal pipeline. `memory` is the memory of a
    worker in bytes; 0 for little. `pixel_bytes` is the memory per pixel of its size, if there is
    no `spec`. `direct`: its images are its frames, so that the bridge passes them on by itself and
    no worker runs.
    """

    id: str
    title: str
    target: str
    load: type[Load]
    parameters: type[Parameters]
    multiple: int = 16
    block: int = 1
    native_size: bool = False
    fixed_size: bool = False
    text: bool = False
    guided: str = ""
    family: str = ""
    words: Sequence[str] = ()
    needs: Callable[[Any], Mapping[str, files.Artifact]] = _nothing
    packages: Sequence[str] = ()
    extra: str = ""
    spec: CausalSpec | None = None
    memory: int = 0
    pixel_bytes: int = 0
    direct: bool = False
    missing: str = ""


def _causal(spec: CausalSpec, title: str) -> PipelineRow:
    return PipelineRow(
        id=spec.id,
        title=title,
        target=f"engine.causal.pipeline:of_row:{spec.id}",
        load=CausalLoad,
        parameters=CausalParameters,
        multiple=TOKEN_SIDE,
        block=4 * spec.block + 1,
        text=True,
        guided="vace_load",
        spec=spec,
        needs=partial(files.needed, spec),
        packages=("torch", "diffusers", "transformers", "safetensors", "tokenizers", "ftfy"),
        extra="engine",
        family="wan",
    )


BUILT_IN = (
    PipelineRow(
        id="stylize",
        title="Stylize: gives any input the look of a reference image or of words, on any machine",
        target="engine.stylize.pipeline:Stylize",
        load=StylizeLoad,
        parameters=StylizeParameters,
        multiple=4,
        words=WORDS,
        packages=("onnxruntime",),
        pixel_bytes=500,  # measured from 256x256 to 1280x720
    ),
    PipelineRow(
        id=PASSTHROUGH,
        title="Passthrough: every frame unchanged, for testing the signal path",
        target="engine.passthrough:Passthrough",
        load=PassthroughLoad,
        parameters=PassthroughParameters,
        multiple=1,
        native_size=True,
        direct=True,
    ),
    _causal(LONGLIVE, "LongLive 1.3B: video from prompts that can change live"),
    _causal(STREAMDIFFUSIONV2, "StreamDiffusionV2 1.3B: repaints the input, four frames at a time"),
    _causal(REWARD_FORCING, "Reward-Forcing 1.3B: lively motion"),
    _causal(KREA, "Krea Realtime 14B: the best image quality, for large cards"),
)


class Catalog:
    """The rows by id: those of the project, then those of installed plug-ins."""

    def __init__(self, rows: Iterable[PipelineRow] = BUILT_IN) -> None:
        self.rows = {row.id: row for row in rows}

    @classmethod
    def installed(
        cls, beside: Iterable[ParameterSpec] = (), taken: Collection[str] = ()
    ) -> "Catalog":
        """The built-in rows and one `PipelineRow` per entry point `spout_bridge.pipelines`;
        `beside` are the parameters that do not belong to a pipeline; `taken` are the reserved
        addresses below /bridge/.
        """
        beside = tuple(beside)
        taken = {*taken, *(address for spec in beside for address in (spec.name, spec.osc))}
        found = {row.id: row for row in BUILT_IN}
        known = [("", spec) for spec in (*beside, *chain(*map(_specs, found.values())))]
        for point in entry_points(group=ENTRY_POINTS):
            row = _loaded(point, found, known, taken)
            found[row.id] = row
            known += [(point.value, spec) for spec in _specs(row)]
        return cls(found.values())

    def __getitem__(self, pipeline: str) -> PipelineRow:
        """The row of an id; LookupError lists the known ids, or says what is missing."""
        if pipeline not in self.rows:
            raise LookupError(
                f"Unknown pipeline {pipeline!r:.80}; choose {', '.join(self.rows)}."
                f"{did_you_mean(pipeline, self.rows)}"
            )
        row = self.rows[pipeline]
        if row.missing:
            raise LookupError(f"The pipeline {pipeline!r} cannot run here: {row.missing}")
        return row


def _loaded(
    point: EntryPoint,
    rows: Mapping[str, PipelineRow],
    known: Iterable[Declared],
    taken: Collection[str],
) -> PipelineRow:
    """A plug-in's row; one that conflicts with these `rows`, the `known` parameters or the `taken`
    addresses is listed with the reason. An ImportError is not logged: `missing` of the row has it.
    """
    try:
        row = point.load()
        if not isinstance(row, PipelineRow):
            raise TypeError(f"{point.value} is not a PipelineRow.")
        _check_id(row, rows)
        _check_addresses(row, known, taken)
        _check_kinds(row, known)
        _check_choices(row, point.value, known)
        _check_needs(row)
        return row
    except (Exception, SystemExit) as error:  # whatever a plug-in does, the bridge must start
        if not isinstance(error, ImportError):
            log.warning("plug-in %s is ignored", point.value, exc_info=error)
        return PipelineRow(
            id=point.value if point.name in rows else point.name,
            title=f"A plug-in that cannot be used ({point.value})",
            target="", load=Load, parameters=Parameters,
            missing=loading.told(error),
        )  # fmt: skip


def _check_id(row: PipelineRow, rows: Mapping[str, PipelineRow]) -> None:
    if not ID.fullmatch(row.id):
        raise TypeError(f"A pipeline's id may have a to z, digits, dot, _ and -, not {row.id!r}.")
    if row.id in rows:
        whose = "built in" if any(row.id == ours.id for ours in BUILT_IN) else "another plug-in's"
        raise TypeError(
            f"Pipeline {row.id} is {whose}, and no plug-in replaces it; choose another id."
        )


def _check_addresses(row: PipelineRow, known: Iterable[Declared], taken: Collection[str]) -> None:
    """TypeError if a parameter's name or OSC address is already in use."""
    owners = {address: spec.name for _, spec in known for address in (spec.name, spec.osc)}
    for spec in _specs(row):
        for address in (spec.name, spec.osc):
            if not ADDRESS.fullmatch(address):
                raise TypeError(
                    f"Its parameter {spec.name} has the address {address!r}; addresses may contain "
                    "a to z, digits, _ and /."
                )
            owner = owners.setdefault(address, spec.name)
            if address in taken or address.partition("/")[0] in taken:
                owner = "the output or a command"
            if owner != spec.name:
                raise TypeError(
                    f"Its parameter {spec.name} has the address /bridge/{address}, which is used "
                    f"by {owner}; choose another name."
                )


def _check_kinds(row: PipelineRow, known: Iterable[Declared]) -> None:
    """TypeError if a parameter has another type than one of the same name."""
    kinds = {spec.name: spec.kind for _, spec in known}
    for spec in _specs(row):
        kind = kinds.get(spec.name, spec.kind)
        if kind is not spec.kind and not {kind, spec.kind} <= WRITTEN:
            raise TypeError(
                f"Its parameter {spec.name} is declared as {spec.kind.value} and is {kind.value} "
                "elsewhere; choose another name."
            )


def _check_choices(row: PipelineRow, plug_in: str, known: Iterable[Declared]) -> None:
    """TypeError if a parameter has other choices than another plug-in's of the same name, since one
    fader would control both. It may use some of a built-in pipeline's choices, or add to them.
    """
    others = {spec.name: (other, spec.choices) for other, spec in known if other and spec.choices}
    for spec in _specs(row):
        other, choices = others.get(spec.name, ("", spec.choices))
        if spec.choices and spec.choices != choices:
            raise TypeError(
                f"The plug-ins {other} and {plug_in} both have a parameter {spec.name}, one with "
                f"the choices {', '.join(choices)}, the other with {', '.join(spec.choices)}; "
                "rename one of them."
            )


def _check_needs(row: PipelineRow) -> None:
    """TypeError if its weights cannot be listed for a default load."""
    try:
        needs: dict[str, object] = dict(row.needs(row.load()))
    except Exception as error:  # of a plug-in
        raise TypeError(f"Its `needs` raises {type(error).__name__}: {error}") from error
    if not all(isinstance(one, files.Artifact) for one in needs.values()):
        raise TypeError("Its `needs` gives something else than an Artifact for each role.")


def _specs(row: PipelineRow) -> tuple[ParameterSpec, ...]:
    return (*describe(row.parameters), *describe(row.load))
