"""What a pipeline is loaded with: the stored values in its own range, and those requested now."""

from collections.abc import Mapping

from bridge.state.store import ParameterError
from engine.catalog.rows import PipelineRow
from engine.parameters import Load, Value, clamped


def checked_load(
    row: PipelineRow, values: Mapping[str, Value], asked: Mapping[str, object]
) -> Load:
    """A pipeline's `Load` from the stored values and those asked for now."""
    known = row.load.model_fields
    unknown = [name for name in asked if name not in known]
    if unknown:
        takes = ", ".join(known) or "none"
        raise ParameterError(
            {
                name: f"{row.id} has no load parameter {name!r:.80}; it has {takes}."
                for name in unknown
            }
        )
    return row.load.model_validate({**clamped(row.load, values), **asked})
