"""What there is to control: the output's own parameters, and all that the pipelines have."""

from typing import Literal

from engine.catalog.rows import Catalog
from engine.parameters import Parameters, ParameterSpec, control, describe


class OutputParameters(Parameters):
    """What can be done to the output, and to how much is made for it, whatever the pipeline."""

    mix: float = control(
        1.0,
        "From the input (0) to the generated picture (1).",
        minimum=0,
        maximum=1,
        page="Show",
        by_pattern=False,
    )
    bypass: bool = control(False, "Show the input as it is.", page="Show", by_pattern=False)
    freeze: bool = control(False, "Hold the picture that is shown.", page="Show", by_pattern=False)
    black: bool = control(False, "Fade to black, and back.", page="Show", by_pattern=False)
    black_fade: float = control(
        0.5, "Time that the fade to black takes.", minimum=0, maximum=60, unit="s", page="Show"
    )
    on_loss: Literal["hold", "passthrough", "card"] = control(
        "hold", "What to show after `hold_s` without a new picture.", page="Show"
    )
    hold_s: float = control(
        3.0,
        "Time that the last picture is held, at least twice a block's time.",
        minimum=0,
        maximum=3600,
        unit="s",
        page="Show",
    )
    max_fps: float = control(
        0.0,
        "Most pictures generated a second, so that other programs keep the GPU they need; 0: all.",
        minimum=0,
        maximum=240,
        unit="fps",
        page="Engine",
        by_pattern=False,
    )


def all_specs(catalog: Catalog) -> list[ParameterSpec]:
    """Every parameter as it is declared; a name stands here once for each pipeline that has it."""
    found = [*describe(OutputParameters)]
    for row in catalog.rows.values():
        found += [*describe(row.parameters), *describe(row.load)]
    return found
