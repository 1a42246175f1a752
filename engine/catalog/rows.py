"""One frozen row per pipeline. Free of torch and onnxruntime: a row names its code by a string.

A further causal pipeline is a `CausalSpec` in `engine.catalog.specs` (listed in its `SPECS`), its
network's file in `engine.catalog.artifacts` (`NETWORKS`, by the id), and a line `_causal(…)` in
`BUILT_IN` below. It has no code of its own unless it remembers in a way that no field of the spec
describes; then that is a new field with one reader.

A parameter is a field of a pipeline's class in `engine.catalog.controls`: of its `Load` where the
pipeline is built with it, of its `Parameters` where it may change from block to block. Every
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

Declared: TypeAlias = tuple[str, ParameterSpec]  # by which plug-in; empty for what is ours

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
    `engine.pipeline.build`. `multiple` is what the engine's width and height are floored to.
    `block` is the most frames that one call yields.
    `native_size` means that the engine works at the input's own size, whatever it is.
    `fixed_size` means that another size needs a reload; else it holds from the next block on.
    `text` means that it makes pictures of nothing where there is no input. Pipelines of one
    `family` have the same parameters and large parts in common: one takes the place of another in
    the same worker, which for a moment holds both where memory allows.
    `words` are all that its prompts understand; empty where they are free.
    `guided` names the switch of its `load` with which it takes control video and mask; empty where
    it never does.
    `needs` gives the weights that it is loaded from, by what they are for.
    `packages` are the modules that it imports and the first install lacks; `extra` brings them.
    `spec` is what the GPU memory of a causal pipeline is computed from.
    `memory` is what a worker of this pipeline needs, in bytes; 0 for little. `pixel_bytes` is what
    it needs for each pixel of its size, where no `spec` says it.
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
        title="Stylize: any picture gets the look of a reference image or of words, on any machine",
        target="engine.stylize.pipeline:Stylize",
        load=StylizeLoad,
        parameters=StylizeParameters,
        multiple=4,
        words=WORDS,
        pixel_bytes=500,  # measured from 256x256 to 1280x720
    ),
    PipelineRow(
        id="passthrough",
        title="Passthrough: every frame unchanged, to test the way through",
        target="engine.passthrough:Passthrough",
        load=PassthroughLoad,
        parameters=PassthroughParameters,
        multiple=1,
        native_size=True,
    ),
    _causal(LONGLIVE, "LongLive 1.3B: video from a prompt that may change"),
    _causal(
        STREAMDIFFUSIONV2, "StreamDiffusionV2 1.3B: the input repainted, four pictures at a time"
    ),
    _causal(REWARD_FORCING, "Reward-Forcing 1.3B: lively motion"),
    _causal(KREA, "Krea Realtime 14B: the best pictures, for large cards"),
)


class Catalog:
    """The rows by id: those of the project, then those of installed plug-ins."""

    def __init__(self, rows: Iterable[PipelineRow] = BUILT_IN) -> None:
        self.rows = {row.id: row for row in rows}

    @classmethod
    def installed(
        cls, beside: Iterable[ParameterSpec] = (), taken: Collection[str] = ()
    ) -> "Catalog":
        """The project's rows and one `PipelineRow` per entry point `spout_bridge.pipelines`;
        `beside` are the parameters that are there whatever the pipeline, and no pipeline's; `taken`
        are the addresses below /bridge/ that no parameter can have.
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
        """The row of an id; LookupError says which ids there are, or what it misses."""
        if pipeline not in self.rows:
            raise LookupError(
                f"There is no pipeline {pipeline!r:.80}; choose {', '.join(self.rows)}."
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
    """A plug-in's row; one that cannot be had beside these `rows`, the `known` parameters and the
    `taken` addresses is listed with the reason.
    """
    try:
        row = point.load()
        if not isinstance(row, PipelineRow):
            raise TypeError(f"{point.value} is no PipelineRow.")
        _check_id(row, rows)
        _check_addresses(row, known, taken)
        _check_kinds(row, known)
        _check_choices(row, point.value, known)
        return row
    except (Exception, SystemExit) as error:  # whatever a stranger's module does, the show begins
        if not isinstance(error, ImportError):
            log.warning("the plug-in %s is left out", point.value, exc_info=error)
        return PipelineRow(
            id=point.value if point.name in rows else point.name,
            title=f"A plug-in that cannot be used ({point.value})",
            target="", load=Load, parameters=Parameters,
            missing=loading.told(error),
        )  # fmt: skip


def _check_id(row: PipelineRow, rows: Mapping[str, PipelineRow]) -> None:
    if not ID.fullmatch(row.id):
        raise TypeError(f"A pipeline's id is of a to z, digits, dot, _ and -, not {row.id!r}.")
    if row.id in rows:
        raise TypeError(f"There is a pipeline {row.id} already; this one needs another id.")


def _check_addresses(row: PipelineRow, known: Iterable[Declared], taken: Collection[str]) -> None:
    """TypeError where a parameter would take what an OSC address, or another's name, means."""
    owners = {address: spec.name for _, spec in known for address in (spec.name, spec.osc)}
    for spec in _specs(row):
        for address in (spec.name, spec.osc):
            if not ADDRESS.fullmatch(address):
                raise TypeError(
                    f"Its parameter {spec.name} has the address {address!r}; one is of the letters "
                    "a to z, digits, _ and /."
                )
            owner = owners.setdefault(address, spec.name)
            if address in taken or address.partition("/")[0] in taken:
                owner = "the output or a command"
            if owner != spec.name:
                raise TypeError(
                    f"Its parameter {spec.name} has the address /bridge/{address}, which is that "
                    f"of {owner}; it needs another name."
                )


def _check_kinds(row: PipelineRow, known: Iterable[Declared]) -> None:
    """TypeError where a parameter means another kind of value than that of the same name."""
    kinds = {spec.name: spec.kind for _, spec in known}
    for spec in _specs(row):
        kind = kinds.get(spec.name, spec.kind)
        if kind is not spec.kind and not {kind, spec.kind} <= WRITTEN:
            raise TypeError(
                f"Its parameter {spec.name} is declared as {spec.kind.value} and is {kind.value} "
                "elsewhere; it needs another name."
            )


def _check_choices(row: PipelineRow, plug_in: str, known: Iterable[Declared]) -> None:
    """TypeError where a parameter has other choices than another plug-in's of the same name: one
    fader would stand for both. The choices of a pipeline of ours it may have in part, or add to.
    """
    others = {spec.name: (other, spec.choices) for other, spec in known if other and spec.choices}
    for spec in _specs(row):
        other, choices = others.get(spec.name, ("", spec.choices))
        if spec.choices and spec.choices != choices:
            raise TypeError(
                f"The plug-ins {other} and {plug_in} both have a parameter {spec.name}, one with "
                f"the choices {', '.join(choices)}, the other with {', '.join(spec.choices)}; one "
                "of the two needs another name."
            )


def _specs(row: PipelineRow) -> tuple[ParameterSpec, ...]:
    return (*describe(row.parameters), *describe(row.load))
