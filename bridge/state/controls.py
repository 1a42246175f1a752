"""The parameters that exist: the output's own, and those of every pipeline."""

from functools import partial
from typing import Literal

from engine.catalog.rows import Catalog
from engine.parameters import Parameters, ParameterSpec, describe
from engine.parameters import control as any_control

# The output's own: in no look
control = partial(any_control, in_looks=False)


class OutputParameters(Parameters):
    """Parameters of the output and of the generation rate, whatever the pipeline."""

    mix: float = control(
        1.0,
        "Blend from the input (0) to the generated image (1).",
        minimum=0,
        maximum=1,
        page="Show",
        by_pattern=False,
    )
    bypass: bool = control(
        False, "Show the input unchanged.", page="Show", by_pattern=False, momentary=True
    )
    freeze: bool = control(
        False, "Hold the frame shown.", page="Show", by_pattern=False, momentary=True
    )
    black: bool = control(
        False, "Fade to black, and back.", page="Show", by_pattern=False, momentary=True
    )
    record: bool = control(
        False,
        "Record the output to a new file in the folder `recordings`.",
        page="Show",
        by_pattern=False,
        momentary=True,
    )
    black_fade: float = control(
        0.5, "Duration of the fade to black.", minimum=0, maximum=60, unit="s", page="Show"
    )
    delay: float = control(
        0.0,
        "Time from input to output, from `delay_least` to `delay_most`; 0: as short as possible.",
        minimum=0,
        maximum=10_000,
        unit="ms",
        page="Show",
        by_pattern=False,
        conditional=True,
    )
    on_loss: Literal["hold", "passthrough", "card"] = control(
        "hold", "What to show after `hold_s` without a new frame.", page="Show"
    )
    hold_s: float = control(
        3.0,
        "How long the last frame is held; at least twice a block's time.",
        minimum=0,
        maximum=3600,
        unit="s",
        page="Show",
    )
    tempo: float = control(
        120.0,
        "Beats per minute; a MIDI clock that runs wins.",
        minimum=20,
        maximum=300,
        unit="bpm",
        page="Show",
        by_pattern=False,
    )
    quantise: Literal["off", "beat", "bar"] = control(
        "off", "What `go` and recalled looks wait for.", page="Show", by_pattern=False
    )
    look_fade: float = control(
        1.0,
        "Time in which the numbers and the prompt fade to those of a recalled look.",
        minimum=0,
        maximum=60,
        unit="s",
        page="Show",
        osc="look/fade",
        by_pattern=False,
    )
    max_fps: float = control(
        0.0,
        "Maximum frames generated per second, to leave GPU time to other programs; 0: no limit.",
        minimum=0,
        maximum=240,
        unit="fps",
        page="Engine",
        by_pattern=False,
    )


def all_specs(catalog: Catalog) -> list[ParameterSpec]:
    """Every parameter as declared; a name appears once for each pipeline that has it."""
    found = [*describe(OutputParameters)]
    for row in catalog.rows.values():
        found += [*describe(row.parameters), *describe(row.load)]
    return found
