"""Everything that a performer prepares, as one object: `BridgeApi.show`. Its files are in
FOLDER/NAME.show.
"""

from pathlib import Path

from bridge.show.lent import Lent
from bridge.show.parked import Parked
from bridge.state.store import ParameterStore


class ShowControl:
    """Any thread may use it. `start` and `stop` belong to the session; `start` reads the files."""

    def __init__(self, folder: Path, store: ParameterStore, lent: Lent) -> None:
        self.parked = Parked(folder / "parked.json", store.specs)

    def start(self) -> None:
        """Read what earlier runs prepared."""
        self.parked.read()

    def stop(self) -> None:
        """End what moves."""
