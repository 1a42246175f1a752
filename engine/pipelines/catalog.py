"""One frozen row per pipeline. Free of torch and onnxruntime: a row names its code by a string."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from engine.parameters import Load, Parameters, control

ENTRY_POINTS = "spout_bridge.pipelines"


class PassthroughLoad(Load):
    """Nothing to choose."""


class PassthroughParameters(Parameters):
    """Nothing to steer."""


class SizedLoad(Load):
    """What every generating pipeline is built with."""

    size: str = control(
        "auto",
        "Size the engine works at: auto, or WIDTHxHEIGHT in pixels, floored to what it can do.",
        page="Engine",
    )


class ConditionedParameters(Parameters):
    """What every pipeline with prompts and references shares, under one name in each."""

    prompt: str = control("", "The look in words.", osc="prompt")
    reference: str = control(
        "",
        "Reference image: an asset's id, or its name in the assets folder.",
        osc="ref",
        asset=True,
    )
    vace_scale: float = control(
        1.0,
        "Strength of the reference: 0 none, 1 the look, above it more than the look.",
        minimum=0,
        maximum=2,
        osc="vace",
    )
    fade: float = control(
        1.0, "Time that a new prompt or reference takes to arrive.", minimum=0, maximum=60, unit="s"
    )
    prompt_weight: float = control(
        1.0, "Weight of the first prompt.", minimum=0, maximum=2, osc="prompt/1/weight"
    )
    prompt_2: str = control("", "A second prompt, blended by weight.", osc="prompt/2")
    prompt_2_weight: float = control(
        1.0, "Weight of the second prompt.", minimum=0, maximum=2, osc="prompt/2/weight"
    )
    prompt_3: str = control("", "A third prompt, blended by weight.", osc="prompt/3")
    prompt_3_weight: float = control(
        1.0, "Weight of the third prompt.", minimum=0, maximum=2, osc="prompt/3/weight"
    )
    reference_weight: float = control(
        1.0, "Weight of the first reference.", minimum=0, maximum=2, osc="ref/1/weight"
    )
    reference_2: str = control(
        "", "A second reference image, blended by weight.", osc="ref/2", asset=True
    )
    reference_2_weight: float = control(
        1.0, "Weight of the second reference.", minimum=0, maximum=2, osc="ref/2/weight"
    )
    reference_3: str = control(
        "", "A third reference image, blended by weight.", osc="ref/3", asset=True
    )
    reference_3_weight: float = control(
        1.0, "Weight of the third reference.", minimum=0, maximum=2, osc="ref/3/weight"
    )


class StylizeLoad(SizedLoad):
    """What `stylize` is built with."""

    backend: Literal["auto", "onnx", "openvino", "torch"] = control(
        "auto", "What runs the network; auto takes the fastest that is installed.", page="Engine"
    )


class StylizeParameters(ConditionedParameters):
    """What `stylize` can be steered by."""

    prompt: str = control(
        "starry night", "The look in words: colours, patterns, looks; state.report tells which."
    )

    steady: float = control(0.5, "Damping of flicker: 0 none, 1 strongest.", minimum=0, maximum=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow:
    """One pipeline.

    `target` is "module:Class", imported in the engine worker only. `multiple` is what the
    engine's width and height are floored to. `block` is the most frames that one call yields.
    `native_size` means that the engine works at the input's own size, whatever it is.
    `fixed_size` means that another size needs a reload; else it holds from the next block on.
    `memory` is what a worker of this pipeline needs, in bytes; 0 for little.
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
    memory: int = 0
    missing: str = ""


BUILT_IN = (
    PipelineRow(
        id="stylize",
        title="Stylize: any picture gets the look of a reference image or of words, on any machine",
        target="engine.pipelines.stylize:Stylize",
        load=StylizeLoad,
        parameters=StylizeParameters,
        multiple=4,
    ),
    PipelineRow(
        id="passthrough",
        title="Passthrough: every frame unchanged, to test the way through",
        target="engine.pipelines.passthrough:Passthrough",
        load=PassthroughLoad,
        parameters=PassthroughParameters,
        multiple=1,
        native_size=True,
    ),
)


class Catalog:
    """The rows by id: those of the project, then those of installed plug-ins."""

    def __init__(self, rows: Iterable[PipelineRow] = BUILT_IN) -> None:
        self.rows = {row.id: row for row in rows}

    @classmethod
    def installed(cls) -> "Catalog":
        """The project's rows and one `PipelineRow` per entry point `spout_bridge.pipelines`."""
        return cls((*BUILT_IN, *map(_loaded, entry_points(group=ENTRY_POINTS))))

    def __getitem__(self, pipeline: str) -> PipelineRow:
        """The row of an id; LookupError says which ids there are, or what it misses."""
        if pipeline not in self.rows:
            raise LookupError(f"There is no pipeline {pipeline!r}; choose {', '.join(self.rows)}.")
        row = self.rows[pipeline]
        if row.missing:
            raise LookupError(f"The pipeline {pipeline!r} cannot run here: {row.missing}")
        return row


def _loaded(point: EntryPoint) -> PipelineRow:
    """A plug-in's row; one that cannot be imported is listed with what it misses."""
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        return PipelineRow(
            id=point.name, title=f"A plug-in that cannot be imported ({point.value})",
            target="", load=Load, parameters=Parameters, missing=str(error),
        )  # fmt: skip
