"""The session: receive, generate, send. One object that owns the frame path and its threads.

The path of a frame: the receive thread gets it from the source and puts it into each worker's
inbox; a feeder hands it to the engine worker on request; the output clock reads the worker's
images at an even pace and composes the output; the send thread passes it to the sink.
"""

import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import ceil, floor
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import psutil

from bridge.control.bridge_api import Action
from bridge.control.midi.control import Midi
from bridge.control.midi.ports import Ports, backend
from bridge.downloads.weights import MissingWeights, Silence
from bridge.frames.encode import png
from bridge.frames.frame import Frame
from bridge.playout.delay import longest
from bridge.playout.drift import Drift
from bridge.playout.fallback import HOLD
from bridge.playout.guides import GuideInput, GuideInputs
from bridge.playout.output import OutputClock
from bridge.playout.receive import Receiving
from bridge.playout.recorder import Recorder
from bridge.playout.send import Sending
from bridge.playout.show import Input, Show
from bridge.settings import Settings
from bridge.show.carried import Around
from bridge.show.control import ShowControl
from bridge.show.lent import Lent
from bridge.show.loading import proposed
from bridge.show.undo import Undo
from bridge.state import references
from bridge.state.actions import ACTIONS
from bridge.state.alarm import Alarm
from bridge.state.awaited import Awaited
from bridge.state.blocked import BlockedWords
from bridge.state.change import LOOKING, By, Change, Setter
from bridge.state.controls import OutputParameters, all_specs
from bridge.state.data_folder import DataFolder
from bridge.state.inputs import ROLES, SIDES, Guide, Role, named
from bridge.state.journal import Journal, Kept
from bridge.state.loads import checked_load
from bridge.state.missed import Missed
from bridge.state.named_files import LATER, NamedFiles
from bridge.state.restore import Restore
from bridge.state.status import Counters, EngineState, Status
from bridge.state.store import ParameterStore, UnusableError
from bridge.system.faults import Faults
from bridge.system.paths import bare, meant
from bridge.transports import (
    NotNowError,
    Offer,
    Options,
    Sink,
    Source,
    TransportError,
    offers,
    open_sink,
    open_source,
)
from bridge.transports.placeholder import PlaceholderSource
from bridge.workers.client import WorkerClient, WorkerConfig
from bridge.workers.host import EngineHost, Unloadable
from bridge.workers.machine import LocalMachine, MachineFactory
from bridge.workers.rollback import Rollback
from bridge.workers.standby import Prepared
from engine import sizes
from engine.catalog.ids import PASSTHROUGH
from engine.catalog.rows import Catalog, PipelineRow
from engine.files.library import Library
from engine.parameters import Load, Value, describe
from engine.sizes import AUTO
from engine.system import devices
from engine.system.texts import mended

log = logging.getLogger(__name__)

OPENING = 3.0  # seconds that the start waits for source and sink to open or fail
# Controls that change the frame shown at once; the others are read at the next tick.
OUTPUT = frozenset({"mix", "bypass", "freeze", "black", "delay", "on_loss"})
RECORD = "record"  # neither a look nor a fader: only a hand of its own begins and ends it
MOMENTARY: Mapping[str, Value] = {
    spec.name: spec.default for spec in describe(OutputParameters) if spec.momentary
}
LIVE = {name: value for name, value in MOMENTARY.items() if name != RECORD}
LAST = 2.0  # seconds that everything together may take to end
SLOWEST = 5.0  # lowest frame rate assumed for an input, in fps
MOST_TOLD = 3  # problems in `error`
TOLD = 60.0  # seconds for which the recovery after a crash is reported
LOOKED = (By.SET_BACK, By.JOURNAL)  # setters that check memory and files themselves, as a switch


class Session:
    """Everything between source and sink; implements the `BridgeApi` of the control surfaces.

    The methods of the `BridgeApi` may be called from any thread; `start`, `stop`, `let_go`,
    `check_room` and `make_folder` only from the thread that starts the run. A private method
    called by another object names its thread.
    """

    def __init__(
        self, settings: Settings, catalog: Catalog, machine: MachineFactory = LocalMachine
    ) -> None:
        """Validate everything that can be validated; nothing is opened or started yet. Engines
        run on what `machine` makes.

        Raises LookupError for an unknown pipeline, ValueError for a missing GPU, an invalid address
        or a missing package.
        """
        self.settings = settings
        self.counters = Counters()
        self._catalog = catalog
        self._first = catalog[settings.pipeline].id
        self._began = perf_counter()
        self._faults = Faults()
        self._told = Status()
        # In the order of the frame path: each needs the ones before it.
        self._set_up_values()
        self._set_up_input()
        self._set_up_engines(machine)
        self._set_up_output()
        self._set_up_show()
        self._alarm = Alarm(settings.alarm, settings.name, self._cry) if settings.alarm else None
        self.actions = bound(
            {
                "reset": self._host.reset,
                "reload": self._reload,
                "kill_engine": self._host.kill,
                "panic": self._panic,
                "live": self._live,
                "ref/snap": self._snap,
                "look": self.show.recall,
                "look/save": self.show.save,
                "go": self.show.cues.go,
                "cue": self.show.cues.to,
                "cue/back": self.show.cues.back,
                "cue/cancel": self.show.cues.cancel,
                "blind": self.show.blind.begin,
                "blind/take": self.show.blind.take,
                "blind/discard": self.show.blind.discard,
                "defaults": self._defaults,
                "undo": self._undo.undo,
                "redo": self._undo.redo,
                "tap": self.show.tempo.tap,
                "beat": self.show.tempo.beat,
                "learn": self.midi.learn,
                "learn/cancel": self.midi.cancel,
                "learn/forget": self.midi.forget,
            }
        )

    def _set_up_values(self) -> None:
        """Parameters, the files they name, and the journal for the next run."""
        settings = self.settings
        library = Library(settings.models_folder, settings.more_models)
        files = self._files = NamedFiles(settings.assets, library)
        self._blocked = BlockedWords(settings.blocked_words) if settings.blocked_words else None
        self.store = ParameterStore(
            all_specs(self._catalog), files.picture, files.lora, self._unusable, self._on_gpu,
            self._blocked.refuse if self._blocked else lambda name, text, setter: None,
        )  # fmt: skip
        self._missed = Missed(self.store, files.lora_stamp)
        self._folder = DataFolder(settings.assets)
        self._journal = Journal(settings.folder / f"{settings.name}.journal.json")
        self._restore = Restore(settings, self._catalog, self.store, self._journal, self._missed)

    def _set_up_input(self) -> None:
        """The input and the live inputs beside it."""
        settings = self.settings
        self._receiving = Receiving("receive", settings.source_uri, self._open_source, self._took)
        first: dict[Guide, str] = {"control": settings.control, "mask": settings.mask}
        self._guides = GuideInputs(first, self._open_guide, self._period)
        self._input = Input(self._receiving, self.store)

    def _set_up_engines(self, machine: MachineFactory) -> None:
        """The machine, the engine host, and the rollback of changes that fail."""
        self._machine = machine(self.settings, self._catalog, self._checked, self._weights_came)
        self.weights = self._machine.weights
        self._host = EngineHost(
            self.settings, self._machine, self.counters, self._values,
            self._input.newest, self._input.there, self._guides.beside, self._changed_over,
        )  # fmt: skip
        # Of what switches set to load with, the values of before, until something is loaded.
        self._unloaded: Mapping[str, Value] = {}
        self._rollback = self._host.rollback = Rollback(self.store)
        self._host.kept, self._host.instead = self._set_back, self._instead_of
        self._awaited = Awaited(self.weights, self._checked, self._switch)
        self._undo = Undo(
            self.store, lambda: self._aimed, self._switch_back,
            lambda role: self._input_of(role).aim, self._choose_back,
        )  # fmt: skip

    def _set_up_output(self) -> None:
        """Fallback, output clock and sink."""
        settings, counters = self.settings, self.counters
        self._show = Show(
            settings, self._catalog, self.store, self._host, self._input, self._awaited
        )
        self._recorder = Recorder(
            settings.folder / "recordings", self._to_record, self._record_failed
        )
        self._clock = OutputClock(
            settings, counters, self._show, lambda: self._sending.word, self._recorder.put
        )
        self._sending = Sending(settings.sink_uri, self._open_sink, counters, self._clock.outbox)
        self._host.arrived = self._clock.stir
        self._drift = Drift(
            settings.reanchor_at, lambda: (counters.last_shown, self._clock.newest),
            lambda: self.store.snapshot.values,
            lambda: (self._host.current, self._receiving.uri), self._host.reset,
        )  # fmt: skip

    def _set_up_show(self) -> None:
        """What a performer prepares."""
        lent = Lent(
            pipeline=self._played, names=self._names, take=self._take,
            newest=lambda: self._clock.generated, arrived=self._arrived,
            stand_by=self._stand_by, standby=lambda: self._host.standby,
            ahead=lambda: self.counters.block_time.at(0.5)[0], proposals=self._proposals,
            keep=self._keep, recalls=self._undo.recalls, recalled=self._undo.recalled,
        )  # fmt: skip
        folder = self.settings.folder / f"{self.settings.name}.show"
        around = Around(
            folder=folder, assets=self.assets, library=self.weights.library, specs=self.store.specs
        )
        self.show = ShowControl(around, self.store, lent)
        self._undo.marks = self.show.marks
        self.show.files.listen(self._undo.forget_marks)
        self.midi = Midi(
            folder / "midi.json", self.store, self._press, self.show.tempo, self.counters
        )
        self.show.files.listen(self.midi.maps.read)
        names = self.settings.midi
        self._midi_ports = Ports(names, self.midi, backend()) if names else None

    def start(
        self, named: Collection[str] = (), given_up: Callable[[], bool] = lambda: False
    ) -> None:
        """Open source and sink, then start everything. Raises TransportError, OSError (folder) or
        MissingWeights (fallback), with nothing started. A source or sink that is slow to open is
        waited for in the background, at once if `given_up`: `stop` follows. `named` are the
        parameters given on the command line.
        """
        self.make_folder()
        row, left = self._restore.take_up(named)
        self.show.start()
        self.show.recalls.point(self._restore.left.look)
        self.midi.start()
        try:
            self._check_fallback()
            self._receiving.start(left["source"], self._keep)
            self._start_guides(row, left)
            self._sending.start(attached=self._clock.send_again)
            until = perf_counter() + OPENING
            for end in self._ends:
                end.check(until, given_up)
        except BaseException:
            self.midi.stop()
            self.show.stop()
            self._end_ends(perf_counter() + LAST)
            self.let_go()
            raise
        self._first = row.id
        self._begin_within_room(row)
        self._begin_with_fitting_loras(row)
        self._rollback.note(self.store.snapshot)
        self.store.listen(self._changed)
        self._undo.start()
        lack = self.weights.lack(row, self._checked(row))
        shown = self._instead(row, str(lack)) if lack else row
        self._host.start(shown, self._checked(shown), "" if shown is not row else str(lack or ""))
        self._clock.start()
        self._turn_recorder(self.store.snapshot.values)
        self._drift.start()
        if self._alarm:
            self._alarm.start()
        if self._blocked:
            self._blocked.start()
        self._files.patience = LATER
        self._missed.start()
        if self._midi_ports:
            self._midi_ports.start()
        self._journal.open()
        self._keep()

    def wait_for_frame(self, seconds: float) -> bool:
        """Wait until the sink has the first frame; False if it has none by then."""
        return self._sending.begun.wait(seconds)

    def let_go(self) -> None:
        """Release the journal: this run does not start."""
        self._journal.end()

    def stop(self, *, well: bool = True) -> None:
        """Stop everything in some two seconds, leaving no process or segment, whatever hangs. The
        look is kept for the next run, first of all: Windows may not wait for the rest. After a
        clean stop (`well`) it is kept without what would interrupt that run.
        """
        until = perf_counter() + LAST
        if self._midi_ports:
            self._midi_ports.stop()
        self.midi.stop()
        self.show.stop()
        self._awaited.stop()
        self._missed.stop()
        self._journal.finish(self._kept(ended=True) if well else None)
        self.weights.cancel()
        if self._alarm:
            self._alarm.stop()
        if self._blocked:
            self._blocked.stop()
        self._recorder.stop()
        for end in self._ends:
            end.stop()
        self._drift.stop()
        self._clock.stop()
        self._show.stop()
        self._host.stop()
        self._end_ends(until)
        self._recorder.join(until)
        self._journal.end()

    @property
    def restored(self) -> str:
        """What was restored from the previous run, in a sentence."""
        return self._restore.told

    @property
    def way(self) -> str:
        """The source and pipeline in use or coming."""
        kept = self._kept()
        return f"{kept.source} → {kept.pipeline}"

    def make_folder(self) -> None:
        """Make the data folder; raises OSError with one sentence."""
        self._folder.make()

    @property
    def _ends(self) -> Sequence[Receiving | GuideInput | Sending]:
        return self._receiving, *self._guides.each, self._sending

    def _end_ends(self, until: float) -> None:
        for end in self._ends:
            end.stop()
        for end in self._ends:
            end.join(until)

    def _start_guides(self, row: PipelineRow, left: Mapping[Role, str]) -> None:
        """Start the live inputs: those `left` by the previous run, or those in the settings, which
        raise TransportError if the pipeline cannot use them.
        """
        for guide in self._guides.each:
            chosen, before = str(getattr(self.settings, guide.role)), left[guide.role]
            why = unguided(row, self._checked(row)) if named(chosen) and not before else ""
            if why:
                raise TransportError(f"--{guide.role} cannot be used: {why}.")
            guide.start(before, self._keep)

    # The frame path.

    def _open_source(self, uri: str) -> Source:
        """Called in the receiving thread."""
        settings = self.settings
        options = Options(
            prefer=settings.input_name, avoid=settings.output_name, limit=settings.limit,
            output=settings.output, output_fps=settings.output_fps, ice=settings.ice_servers,
        )  # fmt: skip
        source = open_source(uri, options)
        # Spout without a name uses any sender; until one appears, a placeholder is shown.
        return (
            PlaceholderSource(source, open_source("demo:", options)) if uri == "spout:" else source
        )

    def _open_guide(self, role: Guide, uri: str) -> Source:
        """Called in the receiving thread."""
        settings = self.settings
        # Spout without a name would use the input's own sender if there is no other.
        own = f"spout:{settings.name}{role.capitalize()}"
        options = Options(
            avoid=settings.output_name, limit=settings.limit, ice=settings.ice_servers
        )
        return open_source(own if uri == "spout:" else uri, options)

    def _open_sink(self, uri: str) -> Sink:
        """Called in the sending thread."""
        return open_sink(uri, self._to_record)

    @property
    def _to_record(self) -> Options:
        """What a sink is sent, and a recording."""
        width, height = self.settings.output
        return Options(
            width=width, height=height, fps=self.settings.output_fps, steady=True,
            ice=self.settings.ice_servers,
        )  # fmt: skip

    def _record_failed(self, why: str) -> None:
        """A recording ended by itself. Called in its thread."""
        self.store.update({RECORD: False}, Setter(By.SET_BACK, why))

    def _took(self, frame: Frame) -> None:
        """Pass a received frame to every worker. Called in the receiving thread."""
        self.counters.last_input = frame.time
        self.counters.input_rate.tick(frame.time)
        for link in self._host.links:
            link.inbox.put(frame)
        self._input.took(frame)
        self._clock.input_came()

    def _period(self) -> float:
        """Seconds between frames of the input."""
        return 1 / max(self.counters.input_rate.value, SLOWEST)

    # What is shown when the engine delivers nothing.

    def _instead(self, row: PipelineRow, lack: str) -> PipelineRow:
        """The stand-in until the first pipeline's files are available; that pipeline if none."""
        instead = self._stand_in(row)
        self._awaited.begin(row, lack, instead)
        return instead or row

    def _stand_in(self, row: PipelineRow) -> PipelineRow | None:
        chosen = self.settings.fallback
        found = self._catalog.rows.get("stylize" if chosen == HOLD else chosen)
        if found and (found.id == row.id or not self.weights.installed(found)):
            found = self._catalog.rows.get(PASSTHROUGH)
        return found if found is not None and found.id != row.id else None

    def _instead_of(self, failed: Unloadable) -> WorkerConfig | None:
        """What to load in place of a pipeline whose files or packages cannot be used: the same
        without the files that its parameters name, else the stand-in. None if there is neither.
        Called in the host's thread.
        """
        row, load = failed.orders.row, failed.orders.load
        if failed.broken:
            lack = self.weights.found_broken(row, failed.broken)
            instead = self._instead(row, str(lack))
            return None if instead is row else self._host.orders(instead, self._checked(instead))
        values, specs = self.store.snapshot.values, self.store.specs
        aside = {
            name: why
            for name, why in failed.blames.items()
            if name in type(load).model_fields
            and values[name] == getattr(load, name) != specs[name].default
        }
        if aside:
            self._missed.set_aside(aside)
            self._keep()
            return self._host.orders(row, self._checked(row))
        instead = self._stand_in(row)
        if failed.blames or instead is None or not row.needs(load):
            return None
        why = f"{row.id} could not be loaded: {failed.why}"
        self._awaited.begin(row, why, instead, bad=True)
        return self._host.orders(instead, self._checked(instead))

    @property
    def returns(self) -> bool:
        """Whether this run recovers from a crash: then missing files or devices do not stop the
        start.
        """
        self.make_folder()
        return bool(self._restore.left.pipeline) and not self._restore.left.well

    def _check_fallback(self) -> None:
        """Raise TransportError or MissingWeights if the fallback is not available."""
        try:
            self._show.check(self.weights)
        except (TransportError, MissingWeights) as error:
            known = not (isinstance(error, MissingWeights) and isinstance(error.lack, Silence))
            if known and not self.returns:
                raise
            log.warning("--fallback: %s", error)

    # The desk.

    @property
    def assets(self) -> Path:
        """The folder of reference images."""
        return self.settings.assets

    def latest_frame(self, side: str) -> Frame | None:
        """The newest frame of an input or the output; see `BridgeApi.latest_frame`."""
        role = SIDES[side]
        if role is None:
            return self._clock.newest
        return self._input_of(role).newest

    def _input_of(self, role: Role) -> Receiving:
        return self._receiving if role == "source" else self._guides[role]

    def offers(self) -> Sequence[Offer]:
        """Available sources; see `BridgeApi.offers`."""
        return offers()

    def set_source(self, uri: str, role: Role = "source") -> None:
        """Switch to another source; see `BridgeApi.set_source`."""
        before = self._input_of(role).aim
        self._choose_source(uri, role)
        self._undo.sourced(role, before, self._input_of(role).aim)

    def _choose_back(self, uri: str, role: Role) -> None:
        """Undo the choice of a source."""
        try:
            self._choose_source(uri, role)
        except TransportError as error:
            raise ValueError(str(error)) from error

    def _choose_source(self, uri: str, role: Role) -> None:
        uri = meant(mended(uri))
        if role == "source":
            self._receiving.set_source(uri, self._keep)
        else:
            if named(uri) and (why := self._unguided()):
                raise NotNowError(f"{role} cannot be used: {why}.")
            self._guides[role].set_source(uri, self._keep)
        self._missed.drop(role)

    def _unguided(self) -> str:
        """Why the current or coming pipeline takes no control video or mask; empty if it does."""
        asked, aim = self._awaited.row, self._host.aim
        if aim and not asked:
            return unguided(aim.row, aim.load)
        row = asked or self._catalog.rows[self._first]
        return unguided(row, self._checked(row))

    def pipelines(self) -> Sequence[Mapping[str, Any]]:
        """Pipelines available to switch to."""
        shown, size = self._host.current, str(self.store.snapshot.values.get("size", AUTO))
        return [
            {
                "id": row.id,
                "title": row.title,
                "active": bool(shown) and shown.row.id == row.id,
                "missing": row.missing,
                "memory": str(self._machine.gpu_fit(row, self._checked(row), size)),
                "parameters": [spec.name for spec in describe(row.parameters)],
                "load": [spec.name for spec in describe(row.load)],
                "words": row.words,
            }
            for row in self._catalog.rows.values()
        ]

    def _checked(self, row: PipelineRow) -> Load:
        """What a pipeline would be loaded with now."""
        return checked_load(row, self.store.snapshot.values, {})

    def switch(self, pipeline: str, load: Mapping[str, object] | None = None) -> None:
        """Start switching the pipeline; see `BridgeApi.switch`."""
        before, row = self._aimed, self._catalog[bare(mended(pipeline))]
        setter = Setter(By.SWITCH, row.id)
        self._start_switch(row, load or {}, {}, setter)
        self._undo.switched(before, row.id, setter)

    @property
    def _aimed(self) -> str:
        """The pipeline that runs or is coming; empty for none."""
        aim = self._host.aim
        return aim.row.id if aim else ""

    def _switch(self, pipeline: str) -> None:
        """Switch to a pipeline as nobody's step: its files have come."""
        row = self._catalog[pipeline]
        self._start_switch(row, {}, {}, Setter(By.SWITCH, row.id))

    def _switch_back(self, pipeline: str, values: Mapping[str, Value]) -> None:
        """Undo a switch, together with values of any kind. Errors as `switch`."""
        row = self._catalog[pipeline]
        self._start_switch(row, {}, values, Setter(By.UNDO, row.id))

    def _start_switch(
        self,
        row: PipelineRow,
        load: Mapping[str, object],
        values: Mapping[str, Value],
        setter: Setter,
    ) -> None:
        """Check all that can be checked, then set `load`, the pipeline's own, and other `values`,
        and start switching.
        """
        asked = self.store.check({**load, **values}, setter)
        own = {name: value for name, value in asked.items() if name not in values}
        built = checked_load(row, {**self.store.snapshot.values, **asked}, own)
        size = str(asked.get("size", self.store.snapshot.values.get("size", "auto")))
        if misfits := self.weights.misfits(row, built):
            raise UnusableError(misfits)
        if why := self._too_much(row, built, size):
            raise UnusableError({"size": f"size {size}: {why}."})
        self.weights.require(row, built)
        self._awaited.chosen(row)
        self._missed.drop("pipeline")
        if asked:
            before = self.store.snapshot.values
            loads = {n: before[n] for n in asked if n in row.load.model_fields}
            self._unloaded = {**loads, **self._unloaded}
            self.store.update(asked, setter)
        self._host.switch(row, built)

    # What the room of the show asks for; see `Lent`.

    def _stand_by(self, pipeline: str, values: Mapping[str, Value]) -> None:
        if not pipeline:
            self._host.want_standby(None)
            return
        row = self._catalog[pipeline]
        values = self.store.check(values, LOOKING)
        load = checked_load(row, {**self.store.snapshot.values, **values}, {})
        if misfits := self.weights.misfits(row, load):
            raise UnusableError(misfits)
        lack = str(self.weights.lack(row, load) or "")
        self._host.want_standby(Prepared(self._host.orders(row, load), values, lack))

    def _proposals(self) -> Mapping[str, str]:
        kept = self._kept()
        return proposed(self.settings, {role: getattr(kept, role) for role in ROLES})

    def _played(self) -> str:
        aim = self._host.aim
        return aim.row.id if aim else self._first

    def _names(self, pipeline: str) -> frozenset[str]:
        row = self._catalog[pipeline]
        return frozenset((*row.parameters.model_fields, *row.load.model_fields))

    def _arrived(self, snapshot: int) -> bool:
        link = self._host.current
        return self.counters.snapshot >= snapshot and not (link and link.report.get("arriving"))

    def _take(self, pipeline: str, values: Mapping[str, Value], setter: Setter) -> None:
        before, row, aim = self._aimed, self._catalog[pipeline], self._host.aim
        live = self.store.check(values, setter)
        load = {name: live.pop(name) for name in values if name in row.load.model_fields}
        built = checked_load(row, self.store.snapshot.values, load)
        with self._host.taking():
            if aim and aim.row is row and aim.load == built:
                self._awaited.chosen(row)
                self._missed.drop("pipeline")
                self.store.update({**load, **live}, setter)
            else:
                self._start_switch(row, load, live, setter)
                self._undo.switched(before, row.id, setter)

    def _reload(self) -> None:
        """Reload the current pipeline; if files were missing at start, check for them again. Any
        thread, as with every action.
        """
        asked = self._awaited.row
        self.weights.try_again()
        if asked and not self.weights.lack(asked, self._checked(asked)):
            self._switch(asked.id)
        elif self._host.aim:
            self._host.reload()
        else:
            self._switch(self._first)

    def _weights_came(self, pipeline: str) -> None:
        """A download is complete: load the pipeline that waited for it. Called in the download's
        thread.
        """
        asked = self._awaited.row
        if self._host.aim is None or (asked and asked.id == pipeline):
            with suppress(MissingWeights):  # another variant was chosen meanwhile; that is reported
                self._switch(pipeline)

    def status(self) -> Status:
        """The current state. Never raises, so that no caller fails because of it: on an error it
        returns the last state with `error` set.
        """
        with self._faults.survived("The state cannot be read"):
            self._told = self._status()
            return self._told
        error = "The state cannot be read; this is the last known one. See the log for the cause."
        return replace(self._told, error=error)

    def _status(self) -> Status:
        """Assemble the state from all components."""
        link, download, now = self._host.current, self.weights.now, perf_counter()
        engine, asked = self._host.told(), self._awaited.row
        engine["reason"] = engine["reason"] or self._resumed(now) or self._sending.absence
        if download.running and self._host.aim is None:
            engine |= {"state": EngineState.DOWNLOADING, "reason": str(download)}
        return Status(
            **self.counters.told(now, self._sending.lacking(now)),
            **engine,
            **self._ends_told(link),
            **self._undo.told(),
            **self.show.told(),
            **self.midi.told(),
            **self._drift.state(),
            error=self._error(link),
            pipeline_asked=asked.id if asked else "",
            alarm_problem=self._alarm_problem,
            prompts_refused=self._blocked.refused if self._blocked else 0,
            output_size=self.settings.output_size,
            uptime=round(now - self._began, 1),
            memory=_memory(os.getpid()),
            worker_memory=_memory(link.pid) if link else 0.0,
            **self._gpu_told(str(engine["device"])),
            download=str(download),
            download_progress=round(download.part, 3),
        )

    def _gpu_told(self, device: str) -> dict[str, Any]:
        """The part of `Status` about the GPU."""
        load = self._machine.gpu_load(device)
        return {
            "gpu_temperature": load.temperature or 0,
            "gpu_memory": round((load.used or 0) / 1e6, 1),
            "gpu_slowed_by": load.slowed_by,
        }

    def _ends_told(self, link: WorkerClient | None) -> dict[str, Any]:
        """The part of `Status` about source, sink and output clock."""
        least, most = self._delays()
        return {
            "input": self._input_state(link),
            "input_problem": self._receiving.problem or self._receiving.silence,
            "source": self._receiving.status,
            **{guide.role: guide.status for guide in self._guides.each},
            **{f"{guide.role}_input": guide.condition for guide in self._guides.each},
            "sink": self._sending.status,
            "stuck": sum(end.stuck for end in self._ends),
            "delay_least": least,
            "delay_most": most,
            "dropped_output": self._clock.dropped,
            "dropped_send": self._clock.outbox.dropped,
            "recording": self._recorder.file,
            "recorded": round(self._recorder.recorded, 1),
            "dropped_record": self._recorder.dropped,
        }

    def _error(self, link: WorkerClient | None) -> str:
        """What is wrong, a sentence each: the most important problems, from a failed request down
        to something that a block could not use. Of parts that do not know each other, none hides
        what the others say.
        """
        host = self._host
        engine = host.refused or self._rollback.told or host.trouble or host.unfed
        parts = (
            engine,
            " ".join(filter(None, (self._receiving.problem, self._sending.problem)))
            or self._receiving.silence,
            self._recorder.problem,
            self.show.cues.trouble,
            self._guides_trouble(),
            self._clock.trouble,
            self._folder.late or self._journal.problem,
            self._blocked.problem if self._blocked else "",
            self._show.note(self.counters.last_shown) if self._clock.needy else "",
            self._awaited.told or self._missed.told,
            self.show.tempo.trouble,
            self.midi.trouble or (self._midi_ports.trouble if self._midi_ports else ""),
            self._alarm_problem,
            "" if engine else host.lowered,
            self._late(),
            _problems(link),
        )
        return " ".join(list(filter(None, parts))[:MOST_TOLD])

    def _guides_trouble(self) -> str:
        """What is wrong with control and mask: a sender, or a pipeline without VACE."""
        asked = [guide for guide in self._guides.each if guide.asked]
        if asked and (why := self._unguided()):
            which = " and ".join(f"the {guide.role} {guide.wanted}" for guide in asked)
            return f"T{which[1:]} {'has' if len(asked) == 1 else 'have'} no effect: {why}."
        return " ".join(guide.trouble for guide in self._guides.each).strip()

    def _late(self) -> str:
        """That frames come later than the delay allows, in a sentence; else empty."""
        delay = cast(float, self.store.snapshot.values["delay"])  # its kind
        least, most = self._delays()
        if not 0 < delay < least:
            return ""
        cure = f"set {least:g} or more, or 0" if least <= most else "set 0"
        return f"Frames take longer than the delay of {delay:g} ms; {cure}."

    def _resumed(self, now: float) -> str:
        """What was or was not restored over the command line; shown for a while."""
        crashed = not self._restore.left.well
        return self._restore.told if crashed and now - self._began < TOLD else ""

    def _cry(self) -> tuple[EngineState, str]:
        """The state and its reason, for the alarm's thread."""
        return self._host.state, self._host.reason or self._host.error

    @property
    def _alarm_problem(self) -> str:
        why = self._alarm.problem if self._alarm else ""
        return f"The last alarm was not delivered: {why}" if why else ""

    def _input_state(self, link: WorkerClient | None) -> str:
        state = self._receiving.condition
        of_text = link is not None and link.row.text and not self._input.there()
        return "unneeded" if of_text and state != "live" else state

    # Parameters.

    def _values(self) -> tuple[int, Mapping[str, Value]]:
        """Number and values of the snapshot for the next blocks. Any thread."""
        snapshot = self.store.snapshot
        return snapshot.number, self._passed(snapshot.number, snapshot.values)

    def _passed(self, number: int, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """A snapshot's values as the pipeline gets them. Any thread."""
        return self._rollback.eased(self.show.faded(number, values))

    def _changed(self, change: Change) -> None:
        """A parameter changed. Runs in the setter's thread, so it returns at once."""
        if not OUTPUT.isdisjoint(change.changed):
            self._clock.stir()
        if RECORD in change.changed:
            self._turn_recorder(change.snapshot.values)
        self._drift.changed(change)
        self._rollback.changed(change)
        number = change.snapshot.number
        self._host.set_parameters(number, self._passed(number, change.snapshot.values))
        self._keep()
        aim = self._host.aim
        setter = change.setter
        if aim is None or setter.switches or setter.kind is By.SET_BACK:
            return
        reloads = [name for name in change.changed if name in aim.row.load.model_fields]
        if not aim.row.fixed_size:
            reloads = [name for name in reloads if name != "size"]
        if reloads:
            self._host.switch(aim.row, checked_load(aim.row, change.snapshot.values, {}))

    def _turn_recorder(self, values: Mapping[str, Value]) -> None:
        self._recorder.turn(bool(values[RECORD]), self._clock.newest)

    def _changed_over(self) -> None:
        """Another pipeline is shown. Called in the host's thread."""
        if self._host.loading is None:
            self._unloaded = {}
        self._keep()

    def _keep(self) -> None:
        """Have the journal save the current look. Any thread."""
        self._journal.put(self._kept())

    def _kept(self, *, ended: bool = False) -> Kept:
        link, loading = self._host.current, self._host.loading
        values, missed = self.store.snapshot.values, self._missed.kept
        if glide := self.show.recalls.glide:
            values = {**values, **glide.aims}  # what fades is kept as it will be
        gone = MOMENTARY if ended else {RECORD}
        values = {name: value for name, value in values.items() if name not in gone}
        asked = self._awaited.row  # the current pipeline stands in for it
        row = link.row if link else loading.row if loading else None
        return Kept(
            values={**values, **missed} if missed else values,
            pipeline=self._missed.asked("pipeline")
            or (asked.id if asked else row.id if row else self._first),
            source=self._missed.asked("source") or self._receiving.wanted,
            **{
                guide.role: self._missed.asked(guide.role) or guide.wanted
                for guide in self._guides.each
            },
            look=self.show.recalls.number,
            ended=ended,
        )

    def _unusable(self, changes: Mapping[str, Value], setter: Setter) -> Mapping[str, str]:
        """Which changes, each valid by itself, the current pipeline cannot run with, and why: a
        LoRA for another network, not enough memory, missing files. Runs in the setter's thread; may
        wait for a disk.
        """
        if setter.switches or setter.kind in LOOKED:
            return {}
        if "delay" in changes and (why := self._delay_impossible(changes)):
            return {"delay": why}
        link = self._host.current
        row = link.row if link else self._catalog.rows[self._first]
        concerned = [name for name in changes if name == "size" or name in row.load.model_fields]
        if not concerned:
            return {}
        old = self.store.snapshot.values
        new = {**old, **changes}
        before, after = checked_load(row, old, {}), checked_load(row, new, {})
        size, was = (str(values.get("size", AUTO)) for values in (new, old))

        def cause(fault: Callable[[Load, str], object]) -> str:
            """The change without which there is no fault; the first if there are more."""
            for name in concerned:
                other = {**new, name: old[name]}
                if not fault(checked_load(row, other, {}), str(other.get("size", AUTO))):
                    return name
            return concerned[0]

        if misfits := self.weights.misfits(row, after):
            name = cause(lambda load, _: self.weights.misfits(row, load))
            return {place if place in changes else name: why for place, why in misfits.items()}
        why = self._too_much(row, after, size)
        # a change that frees memory is allowed even if it does not free enough
        helps = _area(size) < _area(was) or (size == was and self._too_much(row, before, was))
        if why and not helps:
            name = cause(lambda load, size: self._too_much(row, load, size))
            return {name: f"{name} {changes[name]}: {why}."}
        had_all = before != after and not self.weights.lack(row, before)
        if had_all and (lack := self.weights.lack(row, after)):
            return {cause(lambda load, _: self.weights.lack(row, load)): str(lack)}
        return {}

    def _on_gpu(self) -> bool:
        """Whether the pipelines compute on a GPU."""
        settings = self.settings
        cpu = settings.device == "cpu"
        shown = {**os.environ, **devices.environment(settings.gpu, cpu=cpu)}
        return devices.first_shown(self._machine.gpus(), shown) is not None

    def _delay_impossible(self, changes: Mapping[str, Value]) -> str:
        """Why the changes' delay is impossible now, in a sentence; empty if it is possible."""
        delay = cast(float, changes.get("delay", 0.0))  # its kind
        least, most = self._delays()
        why = ""
        if 0 < delay < least:
            why = f"the least possible now is {least:g} ms, or 0"
        elif delay > most:
            why = f"the longest that fits into memory now is {most:g} ms"
        stays = self.store.snapshot.values["delay"]
        return f"delay {delay:g}: {why}; it stays {stays:g} ms." if why else ""

    def _delays(self) -> tuple[float, float]:
        """The least and the longest constant delay possible now, in ms. Without an input, and
        before its first frame, nothing is known to be impossible.
        """
        link, frame, rates = self._host.current, self._receiving.newest, self.counters
        width, height = (link.size if link else None) or (0, 0)
        most = min(
            longest(width * height * 4, rates.engine_rate.value),
            longest(frame.image.nbytes if frame else 0, rates.input_rate.value),
        )
        least = 0.0 if link and link.invents else self._clock.least_delay
        highest = self.store.specs["delay"].maximum or 0.0
        return float(ceil(least * 1e3)), float(floor(min(most * 1e3, highest)))

    def _too_much(self, row: PipelineRow, load: Load, size: str) -> str:
        """Why a pipeline does not fit into memory now at a size; empty if it does."""
        links = self._host.current, self._host.aside  # the one stays, the other makes room
        mine = sum(_memory(link.pid) for link in links if link) * 1e6
        fit = self._machine.fit(row, load, size, mine)
        return "" if fit.fits else fit.told(row.id)

    def check_room(self) -> None:
        """Raise ValueError if the first pipeline does not fit on this machine at the chosen size,
        even with nothing else running.
        """
        row, size = self._catalog[self._first], self.settings.size
        fit = self._machine.fit_alone(row, self._checked(row), size)
        if not fit.fits:
            raise ValueError(f"size {size}: {fit.told(row.id)}.")

    def _begin_within_room(self, row: PipelineRow) -> None:
        """Start with a size that fits into memory, whatever was saved."""
        size = str(self.store.snapshot.values.get("size", AUTO))
        if size != AUTO and (why := self._too_much(row, self._checked(row), size)):
            log.warning("size %s: %s; using auto", size, why)
            self.store.update({"size": AUTO}, Setter(By.SET_BACK, why))

    def _begin_with_fitting_loras(self, row: PipelineRow) -> None:
        """Set aside LoRAs of the previous run that do not fit the pipeline's network: their files
        have changed. A worker would not even start with them.
        """
        misfits = self.weights.misfits(row, self._checked(row))
        for why in misfits.values():
            log.warning("%s It is set aside.", why)
        if misfits:
            self._missed.set_aside(
                {name: why.removeprefix(f"{name}: ") for name, why in misfits.items()}
            )

    def _set_back(self, failed: Unloadable, runs: WorkerConfig) -> None:
        """Undo a request that could not be loaded, or the next start would fail on it. Keep waiting
        for what is awaited. Called in the host's thread.
        """
        values, new = self.store.snapshot.values, failed.orders.load
        old = {**self._unloaded, **runs.load.model_dump()}
        self._unloaded = {}
        back = {
            name: value
            for name, value in old.items()
            if hasattr(new, name) and values[name] == getattr(new, name) != value
            if name != "size" or runs.row.fixed_size
        }
        for name in self._missed.set_aside_again(back, failed.why):
            del back[name]
        if back:
            self.store.update(back, Setter(By.SET_BACK, "it could not be loaded"))
        row = failed.orders.row
        if failed.broken:  # also refuses the next request
            self.weights.found_broken(row, failed.broken)
        if failed.lasting and self._awaited.tried is row is not runs.row:
            instead = self._instead_of(failed)
            if instead and instead.row is row:  # without what its parameters named
                self._host.switch(row, instead.load)

    def _press(self, name: str, *given: Value) -> None:
        """Run an action for a control that is not a surface's own button."""
        action = self.actions[name]
        action.run(*action.takes(*given))

    def _panic(self) -> None:
        self.store.update({"black": True, "freeze": True}, Setter(By.ACTION, "panic"))

    def _live(self) -> None:
        self.store.update(LIVE, Setter(By.ACTION, "live"))

    def _snap(self) -> None:
        """Save the current input frame as reference; raises AssetError on failure."""
        newest = self._receiving.newest
        if newest is None:
            raise references.AssetError("No input frame has been received yet.", 409)
        kept = references.add(self.assets, "snap", png(newest.image), "The input's image")
        self.store.update({"reference": kept["name"]}, Setter(By.ACTION, "ref/snap"))

    def _defaults(self) -> None:
        specs = self.store.specs.items()
        defaults = {name: spec.default for name, spec in specs if not spec.momentary}
        self.store.update(defaults, Setter(By.ACTION, "defaults"))


def bound(does: Mapping[str, Callable[..., Value | None]]) -> Mapping[str, Action]:
    """The actions with their functions; LookupError naming actions without a function, or functions
    without an action.
    """
    names = [row.name for row in ACTIONS]
    if odd := sorted({*names} ^ {*does}):
        raise LookupError(
            f"{', '.join(odd)}: an action needs its row in bridge/state/actions.py and its binding "
            "in bridge/session.py."
        )
    return {
        row.name: Action(row.help, does[row.name], row.argument, waits=row.waits, each=row.each)
        for row in ACTIONS
    }


def unguided(row: PipelineRow, load: Load) -> str:
    """Why a pipeline loaded like this takes no control video or mask; empty if it does."""
    if not row.guided:
        return (
            f"{row.id} has no VACE; switch to longlive or another that has it, with vace_load=true"
        )
    if not getattr(load, row.guided):
        return f"{row.id} was loaded without VACE; set {row.guided} first"
    return ""


def _area(size: str) -> int:
    width, height = sizes.sides(size) or sizes.LARGEST_AUTO
    return width * height


def _problems(link: WorkerClient | None) -> str:
    """What the pipeline could not use, as reported by its last block."""
    told = link.report.get("problems") if link else None
    # cast: each is converted to text
    return " ".join(map(str, cast("list[object]", told)))[:500] if isinstance(told, list) else ""


def _memory(pid: int) -> float:
    """Of a process, in MB; 0 for none."""
    if not pid:
        return 0.0
    try:
        return round(psutil.Process(pid).memory_info().rss / 1e6, 1)
    except (psutil.Error, OSError):  # process gone, or out of descriptors
        return 0.0
