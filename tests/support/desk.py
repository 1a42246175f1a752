"""A desk for tests of the control surfaces: real store, drawn frames, no engine."""

from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np

from bridge.control.bridge_api import Action
from bridge.control.midi.control import Midi
from bridge.downloads.weights import Weights
from bridge.frames.frame import Frame
from bridge.show.carried import Around
from bridge.show.control import ShowControl
from bridge.show.lent import Lent
from bridge.state.actions import ACTIONS
from bridge.state.controls import OutputParameters
from bridge.state.inputs import GUIDES, named
from bridge.state.loads import checked_load
from bridge.state.references import refer
from bridge.state.status import Counters, Status
from bridge.state.store import ParameterStore
from bridge.transports import Offer, check_source
from engine.catalog.rows import BUILT_IN, Catalog
from engine.files.library import Library
from engine.parameters import describe

HERE = "http://127.0.0.1:8000"  # where its own page would be


class FakeDesk:
    """Keeps what it was told in `switched` and `acted`."""

    def __init__(self, folder: Path) -> None:
        rows = Catalog(BUILT_IN).rows
        specs = [*describe(OutputParameters)]
        for row in rows.values():
            specs += [*describe(row.parameters), *describe(row.load)]
        self.store = ParameterStore(specs, partial(refer, folder))
        self.counters = Counters()
        self.assets = folder
        self.switched: list[tuple[str, dict]] = []
        self.acted: list[str] = []
        self.attached: list[str] = []
        self.now: dict = {"state": "RUNNING", "pipeline": "stylize"}
        self._rows = rows
        self.weights = Weights(
            Catalog(BUILT_IN), Library(folder / "models"),
            lambda row: checked_load(row, self.store.snapshot.values, {}),
        )  # fmt: skip
        lent = Lent(
            pipeline=lambda: self.now["pipeline"], names=self._names, take=self._take,
            newest=lambda: self.now.get("generated", self.latest_frame("output").image),
            arrived=lambda number: True,
        )  # fmt: skip
        around = Around(
            folder=folder / "Desk.show", assets=folder, library=self.weights.library,
            specs=self.store.specs,
        )  # fmt: skip
        self.show = ShowControl(around, self.store, lent)
        self.midi = Midi(
            folder / "Desk.show" / "midi.json", self.store, self._act, self.show.tempo,
            self.counters,
        )  # fmt: skip
        self.show.files.listen(self.midi.maps.read)
        self.actions = {
            spec.name: Action(
                spec.help,
                partial(self._act, spec.name),
                spec.argument,
                waits=spec.waits,
                each=spec.each,
            )
            for spec in ACTIONS
        }

    def _take(self, pipeline, values, setter):
        values = self.store.check(values, setter)
        if pipeline != self.now["pipeline"]:
            self.switch(pipeline)
        self.store.update(values, setter)

    def _names(self, pipeline):
        row = Catalog(BUILT_IN)[pipeline]
        return frozenset((*row.parameters.model_fields, *row.load.model_fields))

    def _act(self, name, *given):
        self.acted.append(" ".join([name, *map(str, given)]))
        return self.acted[-1] if self.actions[name].argument else None

    def status(self) -> Status:
        return Status(**self.now)

    def pipelines(self):
        shown = self.now["pipeline"]
        return [
            {"id": row.id, "title": row.title, "active": row.id == shown, "missing": "",
             "parameters": [s.name for s in describe(row.parameters)],
             "load": [s.name for s in describe(row.load)], "words": row.words}
            for row in self._rows.values()
        ]  # fmt: skip

    def switch(self, pipeline, load=None):
        if pipeline not in self._rows:
            raise LookupError(f"Unknown pipeline {pipeline!r:.80}; choose {', '.join(self._rows)}.")
        self.store.check(load or {})
        self.switched.append((pipeline, dict(load or {})))

    def offers(self):
        return [
            Offer(uri="spout:Cam", text="640x360 BGRA8 from Host"),
            Offer(
                uri="spout:Deep", text="1920x1080 RGBA16F from Host", problem="Set it to 8 bits."
            ),
        ]

    def set_source(self, uri, role="source"):
        if role == "source" or named(uri):
            check_source(uri)
        self.attached.append(uri if role == "source" else (role, uri))

    def latest_frame(self, side: str) -> Frame | None:
        """A picture that moves, another one on each side, as far as there is to be one."""
        if side in GUIDES and not self.now.get(side):
            return None
        now = perf_counter()
        image = np.full((180, 320, 4), 255, np.uint8)
        image[..., :3] = (200, 60, 20) if side == "input" else (20, 120, 220)
        x = int(now * 200) % 280
        image[60:120, x : x + 40, :3] = 240
        return Frame(image, now, int(now * 30))
