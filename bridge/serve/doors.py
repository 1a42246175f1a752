"""How a server is open to other machines: what encrypts its lines, and what is printed about it.

Off loopback frames and tokens never cross a network in the clear, unless a person says so.
"""

import socket
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bridge.control.http.server import EVERYWHERE, LOOPBACK
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.serve.certificate import Certificate, made_in
from bridge.settings import Settings
from bridge.system.networks import own_addresses
from bridge.system.paths import place

FLAGS = "--tls-cert and --tls-key"
PROBES = ("/healthz", "/readyz")  # what asks for these may come around a proxy


@dataclass(frozen=True, slots=True)
class Door:
    """`certificate` is None where nothing is encrypted here; `made`: it is this server's own, which
    its bridges must be given; `new`: since now.
    """

    certificate: Certificate | None = None
    made: bool = False
    new: bool = False
    proxied: bool = False

    def lines(self, settings: Settings, port: int, token: str) -> list[str]:
        """What to type on the artist's machine, and what to know about it."""
        more = f" --engine-token {token}" if token else ""
        if self.proxied:
            known = next(iter(settings.allow_host), "THE-PROXY")
            return [f"spout-bridge run --engine wss://{known}{more}"]
        scheme = "wss" if self.certificate else "ws"
        if self.certificate and self.made:
            more += f" --engine-ca {self.certificate.path.name}"
        elif not self.certificate and _is_open(settings):
            more += " --insecure"
        told = [
            f"spout-bridge run --engine {scheme}://{_written(host)}:{port}{more}"
            for host in _hosts(settings)
        ]
        if self.certificate and self.made:
            what = "has made a certificate" if self.new else "has a certificate of its own"
            told.append(
                f"This server {what}: copy {self.certificate.path} to the artist's machine, by a "
                "way that you trust."
            )
        return told


def door(settings: Settings, certificate: str, key: str, *, behind_proxy: bool) -> Door:
    """How the server is open; UsageError for flags that contradict each other, CommandError where
    frames would cross a network in the clear. May make a certificate.
    """
    if bool(certificate) != bool(key):
        raise UsageError(f"{FLAGS} are the two files of one certificate: give both.")
    if behind_proxy and certificate:
        raise UsageError(f"--behind-tls-proxy is for a server without {FLAGS}.")
    try:
        if certificate:
            return Door(Certificate(place(certificate), place(key)))
        if behind_proxy or settings.insecure or not _is_open(settings):
            return Door(proxied=behind_proxy)
        if settings.lan:
            found, new = made_in(own_folder(settings), ["127.0.0.1", *own_addresses()])
            return Door(found, made=True, new=new)
    except ValueError as error:
        if certificate:
            raise UsageError(str(error)) from None
        raise CommandError(
            f"{settings.said('lan')} needs a certificate, and {error}: give {FLAGS}, or --insecure "
            "in a network that you trust.", ExitStatus.UNSAFE,
        ) from None  # fmt: skip
    raise CommandError(
        f"{settings.said('host')} {settings.host} would send frames and tokens for anyone to read: "
        f"give {FLAGS}, --behind-tls-proxy if a proxy encrypts, or --insecure in a network that "
        "you trust.", ExitStatus.UNSAFE,
    )  # fmt: skip


def own_folder(settings: Settings) -> Path:
    """Where this server keeps what is its own."""
    return settings.folder / "serve"


class BehindProxy:
    """Lets in only what a proxy says came to it by TLS, and counts wrong tokens by the address that
    the proxy saw.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and scope["path"] not in PROBES:
            headers = Headers(scope=scope)
            if headers.get("x-forwarded-proto", "").lower() not in ("https", "wss"):
                refusal = JSONResponse(
                    {"detail": "This server answers only what comes through its TLS proxy, which "
                     "must set X-Forwarded-Proto."}, 403,
                )  # fmt: skip
                await refusal(scope, receive, send)
                return
            # The last address is the proxy's own word; those before it, the client's.
            seen = headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            if seen:
                scope = {**scope, "client": (seen, 0)}
        await self._app(scope, receive, send)


def _is_open(settings: Settings) -> bool:
    return settings.lan or settings.host.lower() not in LOOPBACK


def _hosts(settings: Settings) -> list[str]:
    if settings.lan or settings.host in EVERYWHERE:
        return own_addresses() or [socket.gethostname()]
    return [settings.host if _is_open(settings) else "127.0.0.1"]


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
