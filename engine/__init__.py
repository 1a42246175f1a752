"""The engine: frames and parameters to frames. This is its public interface, also for third-party
pipelines:

    from engine import Context, Load, Parameters, Pipeline, PipelineRow, control

Each name is imported on first use: this module itself loads nothing, and no name loads a tensor
library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.catalog.rows import Catalog, PipelineRow
    from engine.parameters import Load, Parameters, control, describe
    from engine.pipeline import Context, Pipeline

_HOMES = {
    "Catalog": "engine.catalog.rows",
    "Context": "engine.pipeline",
    "Load": "engine.parameters",
    "Parameters": "engine.parameters",
    "Pipeline": "engine.pipeline",
    "PipelineRow": "engine.catalog.rows",
    "control": "engine.parameters",
    "describe": "engine.parameters",
}

__all__ = [
    "Catalog",
    "Context",
    "Load",
    "Parameters",
    "Pipeline",
    "PipelineRow",
    "control",
    "describe",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
