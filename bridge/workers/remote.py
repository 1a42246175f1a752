"""RemoteMachine: engines on another machine, through `spout-bridge serve` there.

Its workers are relays (`engine/remote/relay.py`), started and ended like any other. What the
machine has (files, memory, GPUs) it is asked by HTTP; while it cannot be reached, nothing is known
to be missing: it says so itself once a pipeline is to be loaded.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from time import perf_counter
from typing import Any, TypeVar, cast

from bridge import __version__
from bridge.downloads.downloads import Download
from bridge.downloads.weights import Lack, LacksElsewhere, Weights
from bridge.settings import Settings
from bridge.workers.client import News, WorkerClient, WorkerConfig, WorkerGone, WorkerPlace
from bridge.workers.direct import Direct
from bridge.workers.fit import Free, now
from bridge.workers.launch import Relayed
from engine.catalog.rows import Catalog, PipelineRow
from engine.cost.fit import NOTHING, Fit, Remedy
from engine.files.library import Library
from engine.parameters import Load, Value
from engine.remote.address import Server, why_not
from engine.remote.asking import RefusedError, answer
from engine.remote.wire import MACHINE
from engine.system import devices

log = logging.getLogger(__name__)

POLL = 2.0  # seconds between questions about what changes by itself
PATIENCE = 3.0  # seconds for an answer
GLANCE = 0.5  # the same where a thread must not wait
FRESH = 1.0  # seconds for which an answer is used again
CLOSED = 401, 403, 421, 429  # statuses of a server that does not let us in
DEAD = 8  # sessions to be ended that are remembered

Kind = TypeVar("Kind")


class Remote:
    """Questions to a server by HTTP. Any thread; none waits longer than its `patience`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.trouble = ""  # why it did not answer when it was asked last, in a sentence
        self._kept: dict[str, tuple[float, Any]] = {}
        self._keeping = threading.Lock()

    def ask(self, path: str, given: Any = None, patience: float = PATIENCE) -> Any:
        """The answer to a question; None while the server does not answer. ValueError with its
        sentence if it refuses.
        """
        key = f"{path} {json.dumps(given, sort_keys=True)}"
        at, kept = self._kept.get(key, (float("-inf"), None))
        if given is not None and perf_counter() - at < FRESH:
            return kept
        try:
            told = answer(self.server, f"{MACHINE}{path}", given, patience)
            self.trouble = ""
        except RefusedError as error:
            if error.status not in CLOSED:
                raise
            self.trouble = why_not(self.server, error, error.status)
            return None
        except (OSError, ValueError) as error:
            self.trouble = why_not(self.server, error)
            log.debug("%s", self.trouble)
            return None
        with self._keeping:
            fresh = {k: v for k, v in self._kept.items() if perf_counter() - v[0] < FRESH}
            self._kept = {**fresh, key: (perf_counter(), told)}
        return told


class RemoteWeights(Weights):
    """What each pipeline lacks on the other machine, and its downloads there. LoRAs are this
    machine's: they are sent when they are used.
    """

    def __init__(
        self,
        remote: Remote,
        catalog: Catalog,
        library: Library,
        chosen: Callable[[PipelineRow], Load],
        came: Callable[[str], None],
    ) -> None:
        super().__init__(catalog, library, chosen, came)
        self._remote = remote
        self._now = Download()

    @property
    def now(self) -> Download:
        """See `Weights.now`; as of the last poll."""
        return self._now

    def note(self, known: Mapping[str, Any]) -> None:
        """What the other machine has said of itself."""
        if not known:
            return
        before, self._now = self._now, _of(Download, known["download"])
        if before.running and not self._now.running and not self._now.error:
            self._came(self._now.pipeline)

    def lack(self, row: PipelineRow, load: Load) -> Lack | None:
        """See `Weights.lack`."""
        if row.direct or self._remote.trouble:
            return None
        try:
            told = self._remote.ask("/lack", _asked(row, load))
        except ValueError as error:
            return LacksElsewhere(row.id, str(error))
        return LacksElsewhere(row.id, told["lack"]) if told and told["lack"] else None

    def installed(self, row: PipelineRow) -> bool:
        """See `Weights.installed`: the other machine says so itself."""
        return True

    def stamps(self, row: PipelineRow, load: Load) -> Mapping[str, Sequence[int]] | None:
        """See `Weights.stamps`: nothing changes unseen."""
        return {}

    def download(self, pipeline: str) -> None:
        """See `Weights.download`."""
        self._catalog[pipeline]
        if self._remote.ask("/download", {"pipeline": pipeline, "at": perf_counter()}) is None:
            raise ValueError(self._remote.trouble)

    def cancel(self) -> None:
        """See `Weights.cancel`; what another machine downloads goes on at this one's end."""

    def listing(self) -> dict[str, Any]:
        """See `Weights.listing`."""
        told = self._remote.ask("/models")
        return told if isinstance(told, dict) else {**super().listing(), "pipelines": []}


class RemoteMachine:
    """See `Machine`. `servers` are the one to use and its standby."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        chosen: Callable[[PipelineRow], Load],
        came: Callable[[str], None],
        servers: Sequence[Server],
    ) -> None:
        self._settings, self._servers = settings, [*servers]
        self._remote = Remote(servers[0])
        library = Library(settings.models_folder, settings.more_models)
        self.weights = RemoteWeights(self._remote, catalog, library, chosen, came)
        self._dead: list[tuple[WorkerConfig, str]] = []  # sessions that lost their relay
        self._lock = threading.Lock()
        self._known: Mapping[str, Any] = {}
        self._sessions: dict[WorkerClient, str] = {}
        self._look()  # once before anything is asked
        threading.Thread(target=self._poll, name="engine server", daemon=True).start()

    def gpus(self, patience: float | None = None) -> Sequence[devices.Gpu]:
        """See `Machine.gpus`."""
        return [_gpu(told) for told in self._known.get("gpus", ())]

    def gpu_load(self, device: str) -> devices.Load:
        """See `Machine.gpu_load`."""
        return _of(devices.Load, self._known.get("gpu_load", {}))

    def free(self, mine: float = 0) -> Free:
        """See `Machine.free`; of this machine while the other one does not answer."""
        told = self._known.get("free")
        return _of(Free, told) if told else now(None, mine)

    def fit(self, row: PipelineRow, load: Load, size: str, mine: float = 0) -> Fit:
        """See `Machine.fit`."""
        return self._fit("fit", row, load, size)

    def fit_alone(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """See `Machine.fit_alone`."""
        return self._fit("fit_alone", row, load, size)

    def fit_beside(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """See `Machine.fit_beside`."""
        return self._fit("fit_beside", row, load, size)

    def gpu_fit(self, row: PipelineRow, load: Load, size: str) -> Fit:
        """See `Machine.gpu_fit`."""
        return self._fit("gpu_fit", row, load, size)

    def start(
        self,
        config: WorkerConfig,
        heard: Callable[[WorkerClient, News], None],
        number: int,
        values: Mapping[str, Value],
    ) -> WorkerClient:
        """See `Machine.start`. A session whose relay has died is resumed by the next one of the
        same pipeline, unless a user had it ended; others are ended.
        """
        settings = self._settings

        def hear(link: WorkerClient, news: News) -> None:
            if isinstance(news, WorkerGone):
                self._gone(link)
            heard(link, news)

        place = WorkerPlace(
            assets=settings.assets, models=settings.models_folder, more_models=settings.more_models
        )
        if config.row.direct:
            worker: WorkerClient = Direct(config, place, heard)
        else:
            session, ends = self._session(config)
            place = replace(place, relay=self._relayed(session, ends))
            worker = WorkerClient(config, place, hear)
            self._sessions[worker] = session
        worker.start(number, values)
        return worker

    def _relayed(self, session: str, ends: Sequence[str]) -> Relayed:
        settings = self._settings
        return Relayed(json.dumps({
            "servers": [asdict(server) for server in self._servers], "session": session,
            "ends": [*ends], "coding": settings.engine_coding,
            "alpha": settings.alpha == "input", "output_fps": settings.output_fps,
            "release": __version__,
        }))  # fmt: skip

    def _session(self, config: WorkerConfig) -> tuple[str, list[str]]:
        """The name of the next session, and those that it replaces."""
        with self._lock:
            dead, self._dead = self._dead, []
        names = [name for orders, name in dead if orders == config]
        resumed = names[-1] if names else secrets.token_urlsafe(24)
        return resumed, [name for _, name in dead if name != resumed]

    def _gone(self, link: WorkerClient) -> None:
        """A relay is gone: by itself, if its server's engine has ended or it was asked to."""
        session = self._sessions.pop(link, "")
        if session and link.code not in (0, None):
            with self._lock:
                orders = replace(link.orders, load_s=-1.0) if link.asked_to_die else link.orders
                self._dead = [*self._dead, (orders, session)][-DEAD:]

    def _fit(self, how: str, row: PipelineRow, load: Load, size: str) -> Fit:
        if row.direct or not self._known:
            return NOTHING
        try:
            told = self._remote.ask(f"/{how}", {**_asked(row, load), "size": size}, GLANCE)
        except ValueError:
            return NOTHING  # it says why once it is to be loaded
        if not told:
            return NOTHING
        return fit_told(told)

    def _poll(self) -> None:
        """The thread "engine server"."""
        turn = threading.Event()
        while not turn.wait(POLL):
            self._look()

    def _look(self) -> None:
        try:
            known = self._remote.ask("", patience=GLANCE) or {}
            self.weights.note(known)
            self._known = known
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            log.debug("%s: %s", self._remote.server.name, error)


def fit_told(told: Mapping[str, Any]) -> Fit:
    """How a pipeline fits, as a server tells it."""
    given: dict[str, Any] = {**told}
    given["remedies"] = [_of(Remedy, each) for each in told["remedies"]]
    return _of(Fit, given)


def _asked(row: PipelineRow, load: Load) -> dict[str, Any]:
    return {"pipeline": row.id, "load": load.model_dump()}


def _of(kind: type[Kind], told: Mapping[str, Any]) -> Kind:
    """An object of a dataclass from an answer, of which another release may know more."""
    # cast: there is no type for dataclasses
    every = fields(cast(Any, kind))
    known = {each.name for each in every}
    return kind(**{name: value for name, value in told.items() if name in known})


def _gpu(told: dict[str, Any]) -> devices.Gpu:
    chip: list[int] | None = told["capability"]
    given: dict[str, Any] = {**told, "capability": (chip[0], chip[1]) if chip else None}
    return _of(devices.Gpu, given)
