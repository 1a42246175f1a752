"""What the run before has left, taken up by this one: values, pipeline, inputs.

After a normal end what was given with the command wins over what was kept, after a crash what was
kept: whoever starts the bridge again then wants the show back.
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

SOME = 5  # names of values that are no parameters' that the log has


class Restore:
    """Used by the thread that starts the run; `told` may be read by any."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        store: ParameterStore,
        journal: Journal,
        missed: Missed,
    ) -> None:
        """`missed` is told what cannot be had."""
        self.told = ""  # what was brought back of the run before, in a sentence
        self._settings = settings
        self._catalog = catalog
        self._store = store
        self._journal = journal
        self._missed = missed

    @cached_property
    def left(self) -> Left:
        """What the run before has left, read once; `told` says what becomes of it."""
        begin = partial(self._journal.begin, fresh=self._settings.fresh)
        try:
            left = Aside().ask(f"the journal in {self._settings.folder}", begin, AT_START)
        except SlowError as error:
            self.told, left = f"Nothing is restored: {error}", None
            self._journal.give_up(str(error))
        if self._journal.shared:
            self.told = (
                f"Another bridge called {self._settings.name} runs with {self._settings.folder}: "
                "this one restores and keeps nothing; choose another --name."
            )
        elif self._journal.unread:
            self.told = self._journal.unread
        elif left:
            end, wins = ("ended normally", "what the command names wins") if left.well else (
                "crashed", "what it showed wins over the command")  # fmt: skip
            self.told = f"Restored the look of the run that {end}: {wins}."
        if self.told:
            log.info("%s", self.told)
        return left or Left()

    def take_up(self, named: Collection[str]) -> tuple[PipelineRow, Mapping[Role, str]]:
        """Set the values that the run before had; the pipeline to start with, and by its role the
        URI of each input that it had; one that is empty is that of the settings, which must be
        there at the start. `named` are the parameters that were given with the command.
        """
        settings, left = self._settings, self.left
        now = self._store.now.name
        named = {*map(now, named)}
        given = named | settings.model_fields_set if left.well else set[str]()
        if "size" not in named:
            self._take_back("size", settings.size)
        known = self._store.specs.keys()
        kept = {now(name): value for name, value in left.values.items()}
        for name in known:  # which are few, whatever lies in the journal
            if name in kept and name not in given:
                self._take_back(name, kept[name])
        if odd := kept.keys() - known:
            some = ", ".join(sorted(f"{name:.40}" for name in islice(odd, SOME)))
            log.warning("the journal has values of no parameter here: %s … (%d)", some, len(odd))
            self._missed.keep({name: kept[name] for name in odd})
        row = self._catalog[settings.pipeline]
        if left.pipeline and "pipeline" not in given:
            row = self._pipeline(left.pipeline) or row
        return row, {
            role: "" if role in given else self._input(role, getattr(left, role)) for role in ROLES
        }

    def _pipeline(self, name: str) -> PipelineRow | None:
        """The pipeline of the run before; None where it cannot be loaded with what is set now."""
        try:
            row = self._catalog[name]
            checked_load(row, self._store.snapshot.values, {})
        except (LookupError, ValueError) as error:
            log.warning("the journal's pipeline %s is left out: %s", name, error)
            self._missed.note("pipeline", name, f"The pipeline of the run before: {_said(error)}")
            return None
        return row

    def _input(self, role: Role, uri: str) -> str:
        """An input of the run before; empty where it is none, as of a plug-in that is gone."""
        try:
            if uri and (role == "source" or named(uri)):
                check_source(uri)
        except TransportError as error:
            log.warning("the journal's %s is left out: %s", role, error)
            self._missed.note(role, uri, f"The {role} of the run before: {error}")
            return ""
        return uri

    def _take_back(self, name: str, value: object) -> None:
        """One value that was kept, as strictly as REST takes one: out of range it is left out."""
        try:
            self._store.update({name: value}, Setter(By.JOURNAL))
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            log.warning("the journal's %.80s is left out: %.200s", name, error)
            self._missed.add(name, value, _said(error))


def _said(error: Exception) -> str:
    return str(error.args[0]) if isinstance(error, LookupError) else str(error)
