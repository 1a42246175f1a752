"""Who may ask for what: one pure-ASGI middleware in front of every route and WebSocket.

A loopback address alone does not keep out a web page that the artist visits: such a page can send
requests here too. So the Host must be ours (against DNS rebinding), the Origin must be ours
(against cross-site requests and WebSockets), and what changes something must be JSON or an upload,
types that no form and no simple fetch can send. Off loopback a token is needed as well.
"""

import hmac
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

JSON_LIMIT = 1 << 20  # bytes
UPLOAD_LIMIT = 25 << 20
UPLOADS = ("application/octet-stream", "image/png", "image/jpeg", "image/webp", "image/bmp",
           "image/avif")  # fmt: skip
UPLOAD_PATH = "/api/v1/assets"
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
OPEN = ("/healthz",)
COOKIE = "spout_bridge_token"
TRIES, PENALTY = 10, 30.0  # wrong tokens, and the seconds that an address then waits
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'"
)
ANSWER_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """`hosts` are the names that this machine goes by; `token` is empty on loopback."""

    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    token: str = ""


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    until: float = 0.0


@dataclass(slots=True)
class Guard:
    """Wraps an ASGI app. A refusal is JSON with one sentence; nothing behind it has run."""

    app: ASGIApp
    rules: Rules
    tries: dict[str, _Tries] = field(default_factory=lambda: defaultdict(_Tries))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        limit = UPLOAD_LIMIT if scope["path"].startswith(UPLOAD_PATH) else JSON_LIMIT
        await self.app(scope, _limited(receive, limit), _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if _name(headers.get("host", "")) not in self.rules.hosts:
            return _no(421, "This machine does not go by that name; see --allow-host.")
        origin = headers.get("origin")
        writes = scope["type"] == "websocket" or scope["method"] in CHANGES
        if writes and origin is not None and urlsplit(origin).hostname not in self.rules.hosts:
            return _no(403, "Requests from other pages are not taken.")
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            return _no(403, "Requests from other pages are not taken.")
        if scope["type"] == "http" and scope["method"] in ("POST", "PUT", "PATCH"):
            refusal = _type_refusal(scope["path"], headers)
            if refusal:
                return refusal
        return self._token_refusal(scope, headers) if self.rules.token else None

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["path"] in OPEN:
            return None
        client = scope["client"][0] if scope.get("client") else ""
        tries = self.tries[client]
        if perf_counter() < tries.until:
            return _no(429, "Too many wrong tokens; wait half a minute.")
        query = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        shown = headers.get("authorization", "").removeprefix("Bearer ") or _cookie(headers)
        if _same(shown, self.rules.token):
            tries.wrong = 0
            return None
        if _same(query, self.rules.token) and scope["type"] == "http":
            answer = RedirectResponse(scope["path"], 303)
            answer.set_cookie(COOKIE, query, httponly=True, samesite="strict")
            return answer
        tries.wrong += 1
        if tries.wrong >= TRIES:
            tries.wrong, tries.until = 0, perf_counter() + PENALTY
        return _no(401, "This needs the token that the bridge printed at its start.")


def _type_refusal(path: str, headers: Headers) -> Response | None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    allowed = UPLOADS if path.startswith(UPLOAD_PATH) else ("application/json",)
    if kind not in allowed:
        return _no(415, f"Send this as {' or '.join(allowed)}.")
    limit = UPLOAD_LIMIT if path.startswith(UPLOAD_PATH) else JSON_LIMIT
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        return _no(413, f"At most {limit >> 20} MB are taken.")
    return None


def _limited(receive: Receive, limit: int) -> Receive:
    """Stops a body that grows past the limit, whatever its header said."""
    total = 0

    async def inner() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            return {"type": "http.disconnect"}
        return message

    return inner


def _with_headers(send: Send) -> Send:
    async def inner(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(ANSWER_HEADERS)
        await send(message)

    return inner


async def _refuse(scope: Scope, receive: Receive, send: Send, refusal: Response) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4000 + refusal.status_code})
    else:
        await refusal(scope, receive, _with_headers(send))


def _no(status: int, text: str) -> JSONResponse:
    return JSONResponse({"detail": text}, status)


def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _cookie(headers: Mapping[str, str]) -> str:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
