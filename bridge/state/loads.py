"""What a pipeline is loaded with."""

from collections.abc import Mapping

from bridge.state.store import ParameterError
from engine.catalog.rows import PipelineRow
from engine.parameters import Load, Value, clamped


def checked_load(
    row: PipelineRow, values: Mapping[str, Value], asked: Mapping[str, object]
) -> Load:
    """A pipeline's `Load` from the stored values and what is asked for now."""
    known = row.load.model_fields
    unknown = [name for name in asked if name not in known]
    if unknown:
        takes = ", ".join(known) or "nothing"
        raise ParameterError(
            {
                name: f"{row.id} is not loaded with {name!r:.80}; it takes {takes}."
                for name in unknown
            }
        )
    return row.load.model_validate({**clamped(row.load, values), **asked})
