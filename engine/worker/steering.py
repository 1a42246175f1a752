"""The parameters that a block is made with, from the snapshot in its grant."""

from dataclasses import dataclass

from engine.ipc.messages import ParameterSnapshot
from engine.parameters import Kind, Parameters, describe


@dataclass(frozen=True, slots=True)
class Steering:
    """What a block is made with, and the snapshot that it is of."""

    snapshot: ParameterSnapshot
    parameters: Parameters


class Steerer:
    """Makes them for one pipeline; the worker's main thread.

    Nothing is validated: the bridge's store has done that, and has clamped the values to this
    pipeline's ranges. A value that another pipeline alone knows is left out, a missing one is the
    default.
    """

    def __init__(self, model: type[Parameters]) -> None:
        self._model = model
        self._floats = [spec.name for spec in describe(model) if spec.kind is Kind.FLOAT]
        self._last: Steering | None = None

    def of(self, snapshot: ParameterSnapshot) -> Steering:
        """The parameters of a snapshot; of the same one the same object."""
        if self._last is None or self._last.snapshot != snapshot:
            values = snapshot.values
            # JSON knows one kind of number: a float that is whole may come as an int.
            floats = {name: float(values[name]) for name in self._floats if name in values}
            made = self._model.model_construct(None, **{**values, **floats})
            self._last = Steering(snapshot, made)
        return self._last
