"""`spout-bridge serve --check`: whether the same command without it would serve, and what lacks."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from bridge import __version__
from bridge.cli.serve import Orders, access
from bridge.doctor.card import NO_ANSWER, card
from bridge.doctor.check import Check
from bridge.doctor.checks import report, writable
from bridge.errors import CommandError, ExitStatus
from bridge.serve.doors import Door
from bridge.serve.encoder import SIZE, tried
from bridge.settings import Settings
from bridge.system.ports import bound, taken


def check(settings: Settings, orders: Orders) -> ExitStatus:
    """Print each finding as it is made; the exit status."""
    return report(_findings(settings, orders))


def _findings(settings: Settings, orders: Orders) -> Iterator[Check]:
    yield Check("spout-bridge", __version__)
    yield _port(settings)
    try:
        way, _, holders = access(settings, orders)
    except CommandError as error:
        yield Check("access", "refused", str(error))
    else:
        yield _tls(way)
        if orders.tokens:
            yield Check("tokens", ", ".join(holder.name for holder in holders) or "none")
    yield writable("folder", settings.folder)
    yield writable("cache", settings.cache_folder)
    yield _encoder()
    for found in card(settings):
        blind = found.value == NO_ANSWER and settings.device != "cpu"
        cure = "install its driver, or add --device cpu to serve what needs none."
        yield replace(found, problem=f"No NVIDIA GPU answers: {cure}") if blind else found


def _port(settings: Settings) -> Check:
    host = "0.0.0.0" if settings.lan else settings.host
    try:
        bound(socket.SOCK_STREAM, host, settings.port).close()
    except OSError as error:
        why = taken(socket.SOCK_STREAM, host, settings.port, error)
        return Check("port", f"{settings.port} is in use", why)
    return Check("port", f"{settings.port} is free")


def _tls(way: Door) -> Check:
    if not (certificate := way.certificate):
        return Check("TLS", "the proxy's" if way.proxied else "none")
    details = certificate.details
    if details.problem:
        return Check(
            "TLS", f"{certificate.path}",
            f"No bridge will accept {certificate.path}: {details.problem}. Put a valid one there.",
        )  # fmt: skip
    until = datetime.fromtimestamp(details.until, UTC)
    names = ", ".join(sorted(details.names)) or "no name"
    return Check("TLS", f"{certificate.path} for {names}, until {until:%Y-%m-%d}")


def _encoder() -> Check:
    try:
        name, took = tried()
    except ValueError as error:
        return Check("H.264", "no encoder works", str(error))
    return Check("H.264", f"{name}, {took:.1f} ms a frame of {SIZE[0]}x{SIZE[1]} there and back")
