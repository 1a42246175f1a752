"""The steps of gpu-check, as data: the most valuable first, for time may run out.

`tests/engine/gpu_check` runs the same list under pytest where there is a card.
"""

from dataclasses import dataclass

CHECKS = "engine.gpu_check.checks"
START = 0.3  # share of a step's budget that must be left, or it is not started


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `target` is `module:function`, called with a `Ground` in a process of its own,
    which is ended after `budget` seconds. `package` must be importable, or the step is not run;
    `quick` steps are those of `--quick`, with a budget of their own there. Without an `essential`
    one a report is incomplete.
    """

    name: str
    target: str
    budget: float
    package: str = ""
    quick: float = 0
    essential: bool = False


def step(
    name: str,
    target: str,
    budget: float,
    package: str = "",
    quick: float = 0,
    *,
    essential: bool = False,
) -> Step:
    """A step of this package."""
    return Step(name, f"{CHECKS}.{target}", budget, package, quick, essential)


STEPS = (
    step("builds", "builds:builds", 30, quick=15),
    step("attention sdpa", "attention:sdpa", 40, quick=20),
    step("first frame", "first_frame:first_frame", 120, quick=45, essential=True),
    step("speed longlive", "speed:longlive", 150, quick=45, essential=True),
    step("parity", "parity:parity", 50),
    step("graphs", "graphs:graphs", 80),
    step("attention flash3", "attention:flash3", 40, package="flash_attn_interface"),
    step("attention flex", "attention:flex", 60, package="triton"),
    step("attention sage", "attention:sage", 40, package="sageattention"),
    step("VACE", "graphs:vace", 60),
    step("VAE", "vae:vae", 50),
    step("memory predicted", "memory:predicted", 50),
    step("size changes", "memory:size_changes", 50),
    step("out of memory", "memory:out_of_memory", 40),
    step("fp8", "fp8:fp8", 40),
    step("prompts during captures", "prompts:during_captures", 40),
    step("switch under load", "switch:under_load", 50),
    step("speed streamdiffusionv2", "speed:streamdiffusionv2", 90),
    step("speed reward-forcing", "speed:reward_forcing", 90),
    step("speed krea-realtime-video", "speed:krea", 120),
)
QUICK = tuple(each for each in STEPS if each.quick)
