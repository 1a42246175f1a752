"""The parameters of a block, made from the snapshot in its grant."""

from dataclasses import dataclass

from engine.ipc.messages import ParameterSnapshot
from engine.parameters import Kind, Parameters, describe


@dataclass(frozen=True, slots=True)
class Steering:
    """The parameters of a block, and the snapshot they come from."""

    snapshot: ParameterSnapshot
    parameters: Parameters


class Steerer:
    """Makes them for one pipeline; used by the worker's main thread.

    Nothing is validated: the bridge's store has done that, and clamped the values to this
    pipeline's ranges. Values that only other pipelines know are dropped, missing ones take the
    default.
    """

    def __init__(self, model: type[Parameters]) -> None:
        self._model = model
        self._floats = [spec.name for spec in describe(model) if spec.kind is Kind.FLOAT]
        self._last: Steering | None = None

    def of(self, snapshot: ParameterSnapshot) -> Steering:
        """The parameters of a snapshot; the same object for the same snapshot."""
        if self._last is None or self._last.snapshot != snapshot:
            values = snapshot.values
            # JSON has one kind of number: a whole float may arrive as an int.
            floats = {name: float(values[name]) for name in self._floats if name in values}
            made = self._model.model_construct(None, **{**values, **floats})
            self._last = Steering(snapshot, made)
        return self._last
