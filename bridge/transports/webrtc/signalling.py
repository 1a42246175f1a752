"""The open WebRTC source and sink, as found by the HTTP server. Any thread."""

import threading
from concurrent.futures import Future
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["whip", "whep"]


class RefusedError(Exception):
    """An offer that cannot be answered: one sentence. `full` if it can be later."""

    def __init__(self, text: str, *, full: bool = False) -> None:
        super().__init__(text)
        self.full = full


class Answerer(Protocol):
    """A source or sink that answers offers."""

    def offer(self, peer: str, sdp: str) -> "Future[str]":
        """The answer to a peer's offer, as SDP; a RefusedError if there is none."""
        ...

    def leave(self, peer: str) -> None:
        """The peer says that it has gone."""
        ...


class NobodyError(Exception):
    """No such source or sink is open."""


_open: dict[str, Answerer] = {}
_lock = threading.Lock()


def opened(kind: Kind, answerer: Answerer) -> None:
    """Offers of this kind go here from now on: the newest takes over from one that closes."""
    with _lock:
        _open[kind] = answerer


def closed(kind: Kind, answerer: Answerer) -> None:
    """No more offers come here."""
    with _lock:
        if _open.get(kind) is answerer:
            del _open[kind]


def is_open(kind: Kind) -> bool:
    """Whether there is one of this kind."""
    return kind in _open


def answerer(kind: Kind) -> Answerer:
    """The one of this kind; NobodyError if there is none."""
    found = _open.get(kind)
    if found is None:
        raise NobodyError(kind)
    return found
