"""A causal pipeline as Scope runs it, where that is another way than its authors'."""

from dataclasses import replace

from engine.catalog.specs import STREAMDIFFUSIONV2, StepList

STREAMDIFFUSIONV2_SEQUENTIAL = replace(
    STREAMDIFFUSIONV2,
    refresh="clean",
    batch_steps=False,
    last_position=1023,
    steps={
        "scope": StepList((1000, 750), warped=False),
        "scope-video": StepList((750, 250), warped=False),
    },
)  # the same weights, one step after the other
