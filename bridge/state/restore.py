"""Restores the look of the previous run: values, pipeline, inputs.

After a normal end, the command line wins over the saved look; after a crash, the saved look wins:
whoever restarts the bridge then wants the show back.
"""

import logging
from collections.abc import Collection, Mapping
from functools import cached_property, partial
from itertools import islice

from bridge.settings import Settings
from bridge.state.change import By, Setter
from bridge.state.inputs import ROLES, Role, named
from bridge.state.journal import Journal, Left
from bridge.state.loads import checked_load
from bridge.state.missed import Missed
from bridge.state.named_files import AT_START
from bridge.state.store import ParameterStore
from bridge.system.aside import Aside, SlowError
from bridge.transports import TransportError, check_source
from engine.catalog.rows import Catalog, PipelineRow

log = logging.getLogger(__name__)

SOME = 5  # names of unknown parameters in the log


class Restore:
    """Used by the starting thread; `told` may be read by any."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        store: ParameterStore,
        journal: Journal,
        missed: Missed,
    ) -> None:
        """`missed` gets what is unavailable."""
        self.told = ""  # what was restored from the previous run, in one sentence
        self._settings = settings
        self._catalog = catalog
        self._store = store
        self._journal = journal
        self._missed = missed

    @cached_property
    def left(self) -> Left:
        """The look of the previous run, read once; `told` says how it is used."""
        begin = partial(self._journal.begin, fresh=self._settings.fresh)
        try:
            left = Aside().ask(f"the journal in {self._settings.folder}", begin, AT_START)
        except SlowError as error:
            self.told, left = f"Nothing is restored: {error}", None
            self._journal.give_up(str(error))
        if self._journal.shared:
            self.told = (
                f"Another bridge named {self._settings.name} uses {self._settings.folder}: "
                "this one restores and saves nothing; choose another --name."
            )
        elif self._journal.unread:
            self.told = self._journal.unread
        elif left and left.show:
            self.told = left.show
        elif left:
            end, wins = ("ended normally", "the command line overrides it") if left.well else (
                "crashed", "it overrides the command line")  # fmt: skip
            self.told = f"Restored the look of the last run, which {end}: {wins}."
        if self.told:
            log.info("%s", self.told)
        return left or Left()

    def take_up(self, named: Collection[str]) -> tuple[PipelineRow, Mapping[Role, str]]:
        """Set the values of the previous run; return the pipeline to start with, and the URI of
        each input by role. An empty URI means that of the settings, which must be available at
        start. `named` are the parameters given on the command line.
        """
        settings, left = self._settings, self.left
        now = self._store.now.name
        named = {*map(now, named)}
        given = named | settings.model_fields_set if left.well else set[str]()
        if "size" not in named:
            self._take_back("size", settings.size)
        known = self._store.specs.keys()
        kept = {now(name): value for name, value in left.values.items()}
        for name in known:  # limited in number, whatever the journal contains
            if name in kept and name not in given:
                self._take_back(name, kept[name])
        if odd := kept.keys() - known:
            some = ", ".join(sorted(f"{name:.40}" for name in islice(odd, SOME)))
            log.warning("unknown parameters in the journal: %s … (%d)", some, len(odd))
            self._missed.keep({name: kept[name] for name in odd})
        row = self._catalog[settings.pipeline]
        if left.pipeline and "pipeline" not in given:
            row = self._pipeline(left.pipeline) or row
        return row, {
            role: "" if role in given else self._input(role, getattr(left, role)) for role in ROLES
        }

    def _pipeline(self, name: str) -> PipelineRow | None:
        """The pipeline of the previous run; None if it cannot be loaded with the current values."""
        try:
            row = self._catalog[name]
            checked_load(row, self._store.snapshot.values, {})
        except (LookupError, ValueError) as error:
            log.warning("the journal's pipeline %s is ignored: %s", name, error)
            self._missed.note("pipeline", name, f"The pipeline of the previous run: {_said(error)}")
            return None
        return row

    def _input(self, role: Role, uri: str) -> str:
        """An input of the previous run; empty if it is invalid, as that of a missing plug-in."""
        try:
            if uri and (role == "source" or named(uri)):
                check_source(uri)
        except TransportError as error:
            log.warning("the journal's %s is ignored: %s", role, error)
            self._missed.note(role, uri, f"The {role} of the previous run: {error}")
            return ""
        return uri

    def _take_back(self, name: str, value: object) -> None:
        """Set one saved value, as strictly as REST: out of range, it is ignored."""
        try:
            self._store.update({name: value}, Setter(By.JOURNAL))
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            log.warning("the journal's %.80s is ignored: %.200s", name, error)
            self._missed.add(name, value, _said(error))


def _said(error: Exception) -> str:
    return str(error.args[0]) if isinstance(error, LookupError) else str(error)
