"""Where a line connects: to its server itself, or to the place that the head of a cluster gives."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engine.remote.address import PLACES, Server, checked, key_of
from engine.remote.asking import RefusedError, answer
from engine.remote.wire import RunPipeline

PATIENCE = 5.0  # seconds for the head, which asks its places first


class QueuedError(Exception):
    """There is no place yet; which one in the queue, in a sentence."""


class Placing:
    """Used by the line's thread."""

    def __init__(
        self, server: Server, session: str, ends: tuple[str, ...],
        wanted: Callable[[], RunPipeline | None],
    ) -> None:  # fmt: skip
        """`wanted` is the pipeline that is to run; None if there is none yet."""
        self._server, self._wanted = server, wanted
        self._key, self._ends = key_of(session), [key_of(name) for name in ends]
        self._at: Server | None = None
        self._lost = ""

    def find(self) -> Server | None:
        """The server to connect to; None while nothing is to run. QueuedError if there is none;
        RefusedError, OSError or ValueError if the head gives none. While the head cannot be
        reached, the place that it gave last is tried.
        """
        server = self._server
        if not server.is_cluster:
            return server
        if (run := self._wanted()) is None:
            return None
        wish = {
            "key": self._key, "ends": self._ends, "lost": self._lost,
            "pipeline": run.pipeline, "load": {**run.values}, "size": run.size,
        }  # fmt: skip
        try:
            told: dict[str, Any] = answer(server, PLACES, wish, PATIENCE)
        except RefusedError:
            raise
        except (OSError, ValueError):
            if self._at is None:
                raise
            return self._at
        if "url" not in told:
            raise QueuedError(f"The cluster on {server.name} has no place yet: {told['queued']}.")
        url = checked(told["url"], insecure=server.insecure)
        self._at = replace(server, url=url, token=told["token"])
        return self._at

    def lost(self) -> None:
        """The place could not be reached, or its line was lost."""
        self._lost = self._at.url if self._at else ""

    def reached(self) -> None:
        """The line is there."""
        self._lost = ""
