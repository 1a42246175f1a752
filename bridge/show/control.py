"""Everything that a performer prepares, as one object: `BridgeApi.show`. Its files are in
FOLDER/NAME.show.
"""

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from bridge.show.blind import Blind
from bridge.show.carried import Around
from bridge.show.cues import Cues
from bridge.show.folder_lock import FolderLock
from bridge.show.lent import CUE_MARK, LOOK_MARK, Lent
from bridge.show.loading import ShowFiles
from bridge.show.looks import Looks
from bridge.show.parked import Parked
from bridge.show.recall import Recalls
from bridge.show.tempo import Tempo
from bridge.show.undo import Mark
from bridge.state.actions import ActionError
from bridge.state.store import ParameterStore
from engine.parameters import Value


class ShowControl:
    """Any thread may use it. `start` and `stop` belong to the session; `start` reads the files."""

    def __init__(self, around: Around, store: ParameterStore, lent: Lent) -> None:
        folder, lock = around.folder, FolderLock()
        self.parked = Parked(folder / "parked.json", store.specs, lock)
        self.tempo = Tempo(store, lent.ahead)
        self.looks = Looks(folder, store, self.parked, lent, lock)
        self.recalls = Recalls(store, self.looks, lent)
        self.cues = Cues(
            folder / "cues.json",
            CuedLooks(self.looks, self.recalls),
            lent,
            lock,
            self.tempo.when,
        )
        self.blind = Blind(store, self.recalls.show)
        self.files = ShowFiles(around, store, lent, lock, self._again)
        self._edits = 0
        self._edited: object = None  # the looks and cues at the last count
        self._counting = threading.Lock()

    def start(self) -> None:
        """Read what earlier runs prepared."""
        self.files.start()
        self.parked.read()
        self.looks.read()
        self.tempo.start()
        self.cues.start()

    def _again(self) -> None:
        """Another show is in the folder: use that."""
        self.recalls.forget()
        self.blind.discard()
        self.parked.read()
        self.looks.read()
        self.cues.again()

    def stop(self) -> None:
        """End what moves."""
        self.cues.stop()
        self.tempo.stop()
        self.recalls.stop()

    def save(self, number: int | None = None, name: str | None = None) -> int:
        """Save the current look under a number, or the next free one; returns that number.
        ActionError if it cannot be saved.
        """
        look = self.looks.save(number, name)
        self.recalls.saved(look.number)
        return look.number

    def recall(self, number: int, fade: float | None = None) -> None:
        """Recall a look as `Recalls.recall`, on its beat if `quantise` says so: then only an
        unknown one is refused now.
        """
        self.looks.get(number)
        self.tempo.on_beat(f"look {number}", partial(self.recalls.recall, number, fade))

    def faded(self, number: int, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """The values of a snapshot as a pipeline gets them; see `Recalls.faded`."""
        return self.recalls.faded(number, values)

    @property
    def marks(self) -> Mapping[str, Mark]:
        """What undo puts back beside values."""
        recalls, cues = self.recalls, self.cues
        return {
            LOOK_MARK: Mark(lambda: recalls.number, recalls.point),
            CUE_MARK: Mark(lambda: cues.place, cues.point),
        }

    def told(self) -> dict[str, Any]:
        """Its part of `Status`."""
        look = self.recalls.current
        return {
            "look": look.number if look else 0,
            "look_name": look.name if look else "",
            "look_changed": self.recalls.changed,
            "show_edits": self._count(),
            **self.tempo.told(),
            **self.cues.told(),
            **self.blind.told(),
        }

    def _count(self) -> int:
        """How often looks and cues were found edited: whoever shows them reads them again then."""
        with self._counting:
            found = self.looks.all, self.cues.all
            if found != self._edited:
                self._edits += self._edited is not None
                self._edited = found
            return self._edits


class CuedLooks:
    """The looks, as cues use them; see `Recaller`."""

    def __init__(self, looks: Looks, recalls: Recalls) -> None:
        self._looks, self._recalls = looks, recalls

    def recall(self, number: int, fade: float | None = None) -> None:
        """Show a look."""
        self._recalls.recall(number, fade)

    def content(self, number: int) -> tuple[str, Mapping[str, Value]]:
        """The pipeline and the values that recalling a look would set now; ActionError if it cannot
        be recalled.
        """
        look = self._looks.get(number)
        if lacks := self._looks.lacks(look):
            raise ActionError(" ".join(lacks))
        return look.pipeline, self._looks.holds(look)
