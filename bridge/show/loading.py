"""The show file of a running bridge: saved, and loaded while it runs."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bridge.settings import Settings
from bridge.show.carried import Around, brought, finish, gathered
from bridge.show.folder_lock import FolderLock
from bridge.show.lent import Lent
from bridge.show.showfile import INPUTS, PROPOSED, ShowFile, read, written
from bridge.state.actions import ActionError
from bridge.state.change import By, Setter
from bridge.state.store import ParameterError, ParameterStore
from engine.parameters import Value

SETTER = Setter(By.LOOK, "of a show")


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A show file, its name, and what of the show is missing on this machine, a sentence each."""

    name: str
    data: bytes
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was loaded: the number of looks; `missing` has a sentence for each part that is not as
    it was saved; `proposals` are settings of the machine that saved it, unused until chosen, and
    `foreign` whether that is another one.
    """

    looks: int
    missing: tuple[str, ...]
    proposals: Mapping[str, str]
    foreign: bool


class ShowFiles:
    """Any thread may call either method; each may wait for a disk."""

    def __init__(
        self,
        around: Around,
        store: ParameterStore,
        lent: Lent,
        lock: FolderLock,
        again: Callable[[], None],
    ) -> None:
        """`again` reads the folder of the show again, and lets go of what was in it before."""
        self._around, self._store, self._lent = around, store, lent
        self._lock = lock
        self._readers = [again]
        self._turn = threading.Lock()

    def listen(self, again: Callable[[], None]) -> None:
        """Have this called too; it must not raise. Before the start only."""
        self._readers.append(again)

    def _again(self) -> None:
        for again in self._readers:
            again()

    def start(self) -> None:
        """Mend what a crash has left half done."""
        finish(self._around)

    def save(self) -> Saved:
        """The show as it is now; ActionError if it does not fit into a file, or cannot be read."""
        with self._turn:
            values = self._store.snapshot.values
            show, missing = gathered(
                self._around, self._lent.pipeline(), values, self._lent.proposals()
            )
            return Saved(name=show.name, data=written(show), missing=missing)

    def load(self, data: bytes) -> Loaded:
        """Check a file wholly, then put its show in place of this one. What this machine lacks is
        told, and the rest runs. ActionError, with nothing changed, if it is no show file or cannot
        be written.
        """
        show = read(data)
        with self._turn, self._lock.loading():
            try:
                with brought(self._around, show) as here:
                    self._again()
                    missing = (*here.missing, *self._take(here.show))
            except BaseException:
                self._again()
                raise
        return Loaded(
            looks=len(show.looks), missing=tuple(dict.fromkeys(missing)),
            proposals=dict(show.proposals), foreign=show.foreign,
        )  # fmt: skip

    def _take(self, show: ShowFile) -> list[str]:
        """Set its pipeline and values, less what cannot be: a sentence for each of those."""
        specs, now = self._store.specs, self._store.now
        missing: list[str] = []
        wanted: dict[str, Value] = {}
        for given, value in show.values.items():
            name = now.name(given)
            if name not in specs:
                missing.append(f"This bridge has no parameter {given!r:.80}.")
            elif not specs[name].momentary:
                wanted[name] = value
        pipeline = show.pipeline
        while True:
            try:
                self._lent.take(pipeline, wanted, SETTER)
            except (LookupError, ValueError) as error:
                odd = error.problems if isinstance(error, ParameterError) else {}
                bad = {name: why for name, why in odd.items() if name in wanted}
                missing += bad.values()
                for name in bad:
                    spec = specs[name]
                    if wanted.pop(name) != spec.default and (spec.asset or spec.lora):
                        wanted[name] = spec.default  # rather none than that of the show before
                if bad:
                    continue
                missing.append(str(error.args[0]))
                if pipeline == self._lent.pipeline():
                    raise ActionError(f"The show is not loaded: {error.args[0]}") from error
                pipeline = self._lent.pipeline()
            else:
                return missing


def proposed(settings: Settings, inputs: Mapping[str, str]) -> dict[str, str]:
    """What the next machine may use as well: the settings that were chosen, as texts, and the URIs
    of the inputs by role.
    """
    chosen = [name for name in PROPOSED if name in settings.model_fields_set]
    texts = {name: _text(getattr(settings, name)) for name in chosen}
    return {**texts, **{role: inputs[role] for role in INPUTS if inputs.get(role)}}


def _text(value: object) -> str:
    """A setting as it is typed."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
