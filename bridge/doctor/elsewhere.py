"""What `spout-bridge doctor --engine URL` says of the machines whose engines would be used."""

from collections.abc import Iterator
from time import perf_counter
from typing import Any

from bridge import __version__
from bridge.doctor.check import Check
from bridge.settings import Settings
from bridge.workers.remote import Remote
from bridge.workers.servers import servers_of
from engine.remote import wire

TRIES = 3  # questions, of which the quickest tells the round trip


def engines(settings: Settings) -> Iterator[Check]:
    """A row for each server, and one for its GPUs."""
    for server in servers_of(settings):
        remote, name, took = Remote(server), f"engine on {server.name}", float("inf")
        told: Any = None
        for _ in range(TRIES):
            began = perf_counter()
            told = remote.ask("")
            if remote.trouble:
                break
            took = min(took, perf_counter() - began)
        if remote.trouble:
            yield Check(name, "no", remote.trouble)
            continue
        yield _release(name, told, took)
        gpus = ", ".join(gpu["name"] for gpu in told["gpus"]) or "no GPU"
        yield Check(f"{name} has", f"{gpus}; {', '.join(told['pipelines'])}")


def _release(name: str, told: Any, took: float) -> Check:
    found = f"spout-bridge {told['release']}, answers in {took * 1e3:.0f} ms"
    problem = ""
    if told["version"] != wire.VERSION:
        problem = (
            f"It speaks version {told['version']} of the line, this bridge version {wire.VERSION}: "
            f"install the same release on both; this one is {__version__}."
        )
    return Check(name, found, problem)
