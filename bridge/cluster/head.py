"""The head of a cluster: it knows every place, and says which one a session gets."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from bridge.cluster.nodes import Nodes, Seen
from bridge.cluster.places import Place, Places, Queued, State, Verdict, Wish
from bridge.system.faults import Faults
from bridge.workers.remote import fit_told
from engine.remote.address import Server
from engine.remote.asking import RefusedError, answer
from engine.remote.wire import MACHINE

log = logging.getLogger(__name__)

BEAT = 1.0  # seconds between two looks at all places
PATIENCE = 2.0  # seconds for a place to answer
BESIDE = "fit_beside"
AT_ONCE = 16  # places that are asked at a time


class NoPlaceError(Exception):
    """No place of the cluster answers."""


class Head:
    """Any thread may call its methods; they wait for places, at most some seconds."""

    def __init__(self, nodes: Nodes, places: Places, authority: str) -> None:
        """`authority` is a file of certificates to trust, as in `Server`."""
        self._nodes, self._places, self._authority = nodes, places, authority
        self._lock = threading.Lock()  # of the places
        self._nodes_lock = threading.Lock()
        self._asking = ThreadPoolExecutor(AT_ONCE, "place")
        self._faults = Faults()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)

    def start(self) -> None:
        """Begin to look at the nodes."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join(BEAT + 2 * PATIENCE)
        self._asking.shutdown(wait=False, cancel_futures=True)

    def place(self, wish: Wish) -> Place | Queued:
        """The place of a session, or its place in the queue. A bridge that says that it cannot
        reach its place is believed: the place is asked at once.
        """
        with self._lock:
            claimed = [place for place in self._places.all.values() if place.url == wish.lost]
        for place in claimed:
            self._look_at(place, lost=True)
        with self._lock:
            if mine := self._places.mine(wish):
                return mine
            there = self._places.open(wish)
        verdicts = self._asking.map(partial(self._verdict, wish), there)
        found = {place.name: verdict for place, verdict in zip(there, verdicts, strict=True)}
        with self._lock:
            return self._places.settle(wish, found)

    def ask(self, path: str, given: Any, good: Callable[[Any], bool]) -> Any:
        """What the first place answers whose answer is `good`, else what the last one does;
        RefusedError if that one refuses, NoPlaceError if none answers.
        """
        told: Any = None
        refused: RefusedError | None = None
        for place in self._ready():
            try:
                told = answer(self._server(place), f"{MACHINE}{path}", given, PATIENCE)
            except RefusedError as error:
                refused = error
            except (OSError, ValueError) as error:
                log.debug("%s does not answer: %s", place.url, error)
            else:
                if good(told):
                    return told
        if told is None:
            raise refused or NoPlaceError("No GPU of the cluster is ready.")
        return told

    def fit(self, how: str, given: Any) -> Any:
        """How a pipeline fits where it fits best; beside others nowhere if there is no place."""
        told = self.ask(
            f"/{how}", given, lambda told: told["free"] is None or told["needed"] <= told["free"]
        )
        with self._lock:
            full = how == BESIDE and self._places.full
        cure = "; all GPUs of the cluster are in use"
        return {**told, "free": 0, "needed": max(1, told["needed"]), "cure": cure} if full else told

    def drain(self, node: str, *, move: bool) -> None:
        """Give no more sessions to a node, and warn those that are there if they shall `move`;
        LookupError if there is none of that name.
        """
        with self._lock:
            self._places.drain(node, move=move)
            names = self._of(node)
        if move:
            with self._nodes_lock:
                for name in names:
                    self._nodes.leave(name)

    def undrain(self, node: str) -> None:
        """Use a node again; LookupError if there is none of that name."""
        with self._lock:
            self._places.undrain(node)
            names = self._of(node)
        with self._nodes_lock:
            for name in names:
                self._nodes.stay(name)

    def told(self) -> dict[str, Any]:
        """What `spout-bridge cluster status` shows; no token, and no session's key."""
        with self._lock:
            places = [
                {
                    "place": place.name, "node": place.node, "url": place.url,
                    "state": place.state.value, "sessions": len(place.keys), "most": place.most,
                    "kept": len(place.kept), "draining": place.node in self._places.draining,
                    "why": place.why,
                } for place in self._places.all.values()
            ]  # fmt: skip
            return {"places": places, "waiting": self._places.waiting}

    def _of(self, node: str) -> list[str]:
        return [place.name for place in self._places.all.values() if place.node == node]

    def _ready(self) -> Iterable[Place]:
        with self._lock:
            return [place for place in self._places.all.values() if place.state is State.READY]

    def _server(self, place: Place) -> Server:
        return Server(place.url, place.token, self._authority)

    def _verdict(self, wish: Wish, place: Place) -> Verdict:
        """Whether a place can take a session; one that is kept without a bridge makes room."""
        server, given = self._server(place), {"pipeline": wish.pipeline, "load": {**wish.load}}
        sized = {**given, "size": wish.size}
        try:
            lack: Mapping[str, str] = answer(server, f"{MACHINE}/lack", given, PATIENCE)
            fit = fit_told(answer(server, f"{MACHINE}/{BESIDE}", sized, PATIENCE))
            if not fit.fits and place.kept:
                fit = fit_told(answer(server, f"{MACHINE}/fit_alone", sized, PATIENCE))
        except RefusedError as error:
            return Verdict(fits=False, why=str(error).rstrip("."))
        except (OSError, ValueError) as error:
            log.debug("%s does not answer: %s", place.url, error)
            return Verdict(fits=False, why="a server does not answer")
        return Verdict(fit.fits, bool(lack["lack"]), "" if fit.fits else fit.told(wish.pipeline))

    def _look_at(self, place: Place, *, lost: bool = False) -> None:
        """Ask a place what runs there. If it is said to be `lost`, not answering proves it."""
        try:
            told = answer(self._server(place), "/api/v1/sessions", patience=PATIENCE)
            lost = lost or bool(told["draining"])  # it takes no new ones, and will be gone
            if told["draining"]:
                raise ValueError(told["draining"])
            keys = {session["key"]: session["connected"] for session in told["sessions"]}
            most = int(told["most"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            why = str(error).rstrip(".") or "it does not answer"
            with self._lock:
                if place.name in self._places.all:
                    (self._places.is_lost if lost else self._places.is_silent)(place.name, why)
            return
        with self._lock:
            if place.name in self._places.all:
                kept = [key for key, connected in keys.items() if not connected]
                self._places.answers(place.name, keys, kept, most)

    # The thread "cluster".

    def _run(self) -> None:
        while not self._stopped.wait(BEAT):
            with self._faults.survived("The nodes of the cluster cannot be looked at"):
                with self._nodes_lock:
                    seen = self._nodes.look()
                self._note(seen)
                with self._lock:
                    places = [place for place in self._places.all.values() if place.url]
                for _ in self._asking.map(self._look_at, places):
                    pass

    def _note(self, seen: Iterable[Seen]) -> None:
        with self._lock:
            names = set[str]()
            for one in seen:
                names.add(one.name)
                report = one.report
                self._places.found(one.name, one.node)
                if report:
                    self._places.serves(one.name, report.url, report.token)
                if report and not report.running:
                    self._places.is_lost(one.name, report.why)
            for name in self._places.all.keys() - names:
                self._places.gone(name)
