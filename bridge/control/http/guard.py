"""Access control: one pure-ASGI middleware in front of every route and WebSocket.

Listening on loopback does not keep out web pages that the artist visits: they can send requests
here too. So the Host must be ours (against DNS rebinding), the Origin must be ours (against
cross-site requests and WebSockets), and requests that change something must be JSON or an upload,
types that no form and no simple fetch can send. Off loopback a token is required as well.

The one exception: with --osc-lan, the machines of --osc-allow may read the OSC addresses without a
token, by OSCQuery's GET and LISTEN, and nothing else.

Paths are plain: nothing in them can pass for another host or a separate header line. Body limits
apply while the body arrives, and JSON is checked before anything reads it.
"""

import asyncio
import hmac
import ipaddress
import re
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.control.http import json_bodies
from bridge.control.http.rules import HOST, Rules, alike, attribute_of
from bridge.show.zipped import LARGEST
from bridge.state.references import MOST_BYTES
from bridge.system.networks import is_loopback, within

JSON_LIMIT = 1 << 20  # bytes
LONG = 32 << 10  # bytes of JSON above which it is checked off the server's loop
UPLOAD_LIMIT = MOST_BYTES
BODIES_LIMIT = 96 << 20  # of all bodies being received
DRAIN, DRAIN_LIMIT = 2.0, 32 << 20  # seconds and bytes for which a refused body is still read
PICTURES = ("image/png", "image/jpeg", "image/webp", "image/bmp", "image/avif")
JSON = ("application/json",)
UPLOADS = ("application/octet-stream", *PICTURES)
UPLOAD_PATH, SHOW_PATH, FILM_PATH = "/api/v1/assets", "/api/v1/show", "/api/v1/films"
SHOWS = ("application/zip", "application/octet-stream")
FILM_KIND = "application/octet-stream"
SDP, LARGEST_SDP = "application/sdp", 64 << 10
WATCHED = "/whep"  # what a viewer may ask for, though it is no GET
OFFERED = (WATCHED, "/whip")
FILM_LIMIT = 4 << 30  # bytes; written as they arrive, so that none of them stay in memory
CHANGES = ("POST", "PUT", "PATCH", "DELETE")
PLAYED = "/api/v1/midi/port"  # a WebSocket that controls
# What a viewer may not read: the show to take away, values that are not shown yet, the log. Other
# answers lack some parts for it: `StatusSpec.kept`, `_without_places` in `weights`.
KEPT = re.compile(r"/api/v1/(?:show|log|looks/[^/]+(?:/export)?)")
WITH_JSON = ("POST", "PUT", "PATCH")
OPEN = ("/healthz",)
COOKIE = "spout_bridge_token"
TRIES, PENALTY = 10, 30.0  # wrong tokens, and seconds that the address is then blocked
GUESSERS = 1024  # addresses whose wrong tokens are remembered
OURS = ("/api/v1/", "/page/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics",
        "/view", *OFFERED)  # fmt: skip
# One of our paths behind a proxy's prefix; the page itself is recognised only by its last slash
BEHIND = re.compile(rf"(/.+?)(?:({'|'.join(map(re.escape, OURS))}).*|/)", re.DOTALL)
OSC = "/bridge"  # and below: the OSC addresses
READS_ONLY = "bridge.reads_only"  # in the scope of a request that may set nothing
HOLDER = "bridge.holder"  # in the scope of a request by a holder's token: the holder's name
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
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
VIEW_ONLY = {"x-view-only": "yes"}  # tells the page that it may only show


class Access(Enum):
    """What a token opens."""

    NONE = "nothing"
    VIEW = "the page, without its controls"
    ALL = "everything"


@dataclass(slots=True)
class _Tries:
    wrong: int = 0
    last: bytes = b""  # the digest of the last wrong token
    until: float = 0.0


class Guesses:
    """Wrong tokens by address, for a limited number of addresses: the oldest is forgotten.
    Repeating the same wrong token is not a new guess: a page with an old cookie asks many times.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def waits(self, address: str) -> bool:
        """Whether this address is blocked for wrong guesses."""
        tries = self._tries.get(_network(address))
        return tries is not None and self._clock() < tries.until

    def wrong(self, address: str, token: str) -> None:
        """Count a wrong token."""
        key, digest = _network(address), sha256(token.encode()).digest()
        tries = self._tries.setdefault(key, _Tries())
        self._tries.move_to_end(key)
        if len(self._tries) > GUESSERS:
            self._tries.popitem(last=False)
        if digest == tries.last:
            return
        tries.last = digest
        tries.wrong += 1
        if tries.wrong >= TRIES:
            tries.wrong, tries.until = 0, self._clock() + PENALTY

    def right(self, address: str) -> None:
        """Forget the wrong guesses: the token was right."""
        self._tries.pop(_network(address), None)


@dataclass(slots=True)
class _Total:
    size: int = 0  # bytes of all bodies being read


class Guard:
    """Wraps an ASGI app. A refusal is JSON with one sentence; the app has not run.

    `takes` tells whether the app has a route for a path and method; without one, the app itself
    refuses. HEAD runs as GET, and the server sends only the head.
    """

    def __init__(
        self,
        app: ASGIApp,
        rules: Rules,
        takes: Callable[[str, str], bool],
        guesses: Guesses | None = None,
        free: Collection[str] = OPEN,
    ) -> None:
        """`free` are the paths that need no token."""
        self.app, self.rules, self._takes, self._free = app, rules, takes, free
        self.guesses = guesses or Guesses()
        self._bodies = _Total()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope, refusal = self._beneath(scope)
        refusal = refusal or self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is not None:
                await _refuse_socket(scope, receive, send, refusal)
            else:
                await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        kinds, limit = _takes(scope["path"])
        expects = "expect" in Headers(scope=scope)
        body = _Body(receive, self._bodies, limit, expects)
        viewing = self._access(_shown(scope)) is Access.VIEW
        answer = _answering(send, body, VIEW_ONLY if viewing else {})
        try:
            if refusal is None and kinds is JSON and self._has_body(scope):
                refusal = await body.look()
            await (refusal or self.app)(scope, body.receive, answer)
        finally:
            self._bodies.size -= body.held

    def _beneath(self, scope: Scope) -> tuple[Scope, Response | None]:
        """The request with a proxy's path prefix removed: the prefix from the header, else
        whatever precedes one of our paths. Also a redirect, if the path needs one.
        """
        path = scope["path"]
        told = unquote(Headers(scope=scope).get("x-forwarded-prefix", "")).strip("/")
        prefix = f"/{told}" if told else ""
        if prefix and path == prefix:  # the page's URLs are relative: it needs the slash
            return scope, RedirectResponse(f"./{quote(told.rpartition('/')[2])}/", 307)
        if not (prefix and path.startswith(f"{prefix}/")):
            prefix = self._prefix(scope)
        return ({**scope, "path": path[len(prefix) :]} if prefix else scope), None

    def _prefix(self, scope: Scope) -> str:
        """The prefix of one of our paths if no header gives it; empty for none."""
        path = scope["path"]
        of_osc = path.startswith(f"{OSC}/")  # but a proxy's prefix may be /bridge too
        if path.startswith(OURS) or (self._takes(path, "GET") and not of_osc):
            return ""
        found = BEHIND.fullmatch(path)
        page = "text/html" in Headers(scope=scope).get("accept", "")
        return found[1] if found and (found[2] or page) else ""

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if _name(headers.getlist("host")) not in self.rules.hosts:
            return _no(421, "Host header not allowed; see --allow-host.")
        writes = scope["type"] == "websocket" or scope["method"] in CHANGES
        if writes and not all(self._own(origin) for origin in headers.getlist("origin")):
            return _no(403, "Requests from other pages are refused.")
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            return _no(403, "Requests from other pages are refused.")
        refusal = _path_refusal(scope["path"])
        if refusal is None and scope["type"] == "http" and self._has_body(scope):
            refusal = _type_refusal(scope["path"], headers)
        return refusal or self._stranger(scope, headers)

    def _stranger(self, scope: Scope, headers: Headers) -> Response | None:
        """The refusal of a client that may not do this; None if it may."""
        client = scope["client"][0] if scope.get("client") else ""
        shown = _asked(scope) or _shown(scope)
        if (self.rules.here or not shown) and within(client, self.rules.readers) and _reads(scope):
            scope[READS_ONLY] = True
            return None
        if self.rules.here and not is_loopback(client):
            return _no(403, "Other machines can only read OSC addresses here; see --lan.")
        return self._token_refusal(scope, headers) if self.rules.token else None

    def _has_body(self, scope: Scope) -> bool:
        """Whether the route exists and its method comes with a body."""
        return scope["method"] in WITH_JSON and self._takes(scope["path"], scope["method"])

    def _own(self, origin: str) -> bool:
        try:
            return alike(urlsplit(origin).hostname or "?") in self.rules.hosts
        except ValueError:
            return False

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if scope["path"] in self._free:
            return None
        client = scope["client"][0] if scope.get("client") else ""
        if self.guesses.waits(client):
            return _no(429, "Too many wrong tokens; wait half a minute.")
        query = _asked(scope)
        shown = _shown(scope)
        access, asked = self._access(shown), self._access(query)
        more = access is Access.VIEW and asked is Access.ALL  # a viewer follows the other link
        if access is not Access.NONE and not more:
            self.guesses.right(client)
            watches = f"{scope['path']}/".startswith(f"{WATCHED}/")
            changes = (scope.get("method") in CHANGES and not watches) or scope["path"] == PLAYED
            if access is Access.VIEW and changes:
                return _no(403, "This link shows the page and controls nothing.")
            if access is Access.VIEW and KEPT.fullmatch(scope["path"]):
                return _no(403, "This link shows the page; the show and the log need the token.")
            scope[READS_ONLY] = access is Access.VIEW
            scope[HOLDER] = self.rules.holder(shown)
            return None
        if asked is not Access.NONE and scope["type"] == "http":
            self.guesses.right(client)
            # Relative, since a proxy may know the page by another path.
            answer = RedirectResponse(f"./{scope['path'].rpartition('/')[2]}", 303)
            answer.set_cookie(COOKIE, query, httponly=True, samesite="strict")
            return answer
        if wrong := query or shown:  # no token is not a guess
            self.guesses.wrong(client, wrong)
        return _no(401, "This needs the token that the bridge printed at startup.")

    def _access(self, token: str) -> Access:
        """What a token opens."""
        if not self.rules.token or _same(token, self.rules.token) or self.rules.holder(token):
            return Access.ALL
        return Access.VIEW if _same(token, self.rules.view_token) else Access.NONE


class _Body:
    """A request's body as it arrives, within its own limit and the limit of all bodies."""

    def __init__(self, receive: Receive, total: _Total, limit: int, expects: bool) -> None:
        self.size = 0  # bytes so far
        self.held = 0  # of these, in memory
        self._receive, self._total, self._limit = receive, total, limit
        self._whole = expects  # a client that waits for 100-continue sends no body if refused
        self._seen: list[Message] = []

    async def receive(self) -> Message:
        """As in ASGI; raises the refusal for an oversized body, whatever its headers said."""
        if self._seen:
            return self._seen.pop()
        message = await self._next()
        size = len(message.get("body", b""))
        self.size += size
        if self._limit < FILM_LIMIT:  # a film is written as it arrives
            self.held += size
            self._total.size += size
        if self.size > self._limit:
            raise HTTPException(413, _limit_text(self._limit))
        if self._total.size > BODIES_LIMIT:
            raise HTTPException(503, "Too much data at once; try again in a moment.")
        return message

    async def drain(self) -> None:
        """Read and discard the rest, for a while: a client that is still sending does not read the
        answer, and loses it if the connection closes meanwhile.
        """
        left = DRAIN_LIMIT
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                while not self._whole and left > 0:
                    left -= len((await self._next()).get("body", b""))

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._whole = True
        return message

    async def look(self) -> Response | None:
        """Read a whole JSON body; returns a refusal, if any. `receive` then gives it, repaired."""
        data: bytes | bytearray = bytearray()
        try:
            while True:
                message = await self.receive()
                data += message.get("body", b"")
                if self._whole:
                    break
            if len(data) > LONG:
                data = await asyncio.to_thread(json_bodies.taken, bytes(data))
            elif data:
                data = json_bodies.taken(bytes(data))
        except HTTPException as error:
            return _no(error.status_code, error.detail)
        except json_bodies.NoText as error:
            return _no(400, str(error))
        except json_bodies.BadBody as error:
            return JSONResponse(_body_problem(str(error)), 422)
        if message["type"] == "http.request":
            message = {"type": "http.request", "body": bytes(data), "more_body": False}
        self._seen.append(message)
        return None


def _path_refusal(path: str) -> Response | None:
    if CONTROL.search(path):
        return _no(400, "A path must not contain control characters.")
    if not path.startswith("/"):
        return _no(400, "Request a path of this bridge, starting with /.")
    if "//" in path or "\\" in path:
        return _no(404, "Path not found.")
    return None


def _takes(path: str) -> tuple[tuple[str, ...], int]:
    """The content types of a path's bodies, and their limit in bytes."""
    if path.startswith(UPLOAD_PATH):
        return UPLOADS, UPLOAD_LIMIT
    if path == FILM_PATH:
        return (FILM_KIND,), FILM_LIMIT
    if path in OFFERED:
        return (SDP,), LARGEST_SDP
    return (SHOWS, LARGEST) if path == SHOW_PATH else (JSON, JSON_LIMIT)


def _type_refusal(path: str, headers: Headers) -> Response | None:
    """Check a body by its headers. A program that sends no body need not declare a type; a browser,
    which always sends its origin, must: another site's page cannot declare JSON.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    if empty and not kind and "origin" not in headers:
        return None
    allowed, limit = _takes(path)
    if kind not in allowed:
        return _no(415, f"Send this as {' or '.join(allowed)}.")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        return _no(413, _limit_text(limit))
    return None


def _limit_text(limit: int) -> str:
    return (
        f"At most {f'{limit >> 20} MB' if limit >= 1 << 20 else f'{limit >> 10} KB'} are accepted."
    )


def _body_problem(text: str) -> dict[str, Any]:
    """In FastAPI's format for a body."""
    return {"detail": [{"loc": ["body"], "msg": text, "type": "value_error"}]}


def _answering(send: Send, body: _Body, more: Mapping[str, str]) -> Send:
    """Adds our headers and some more; a refusal waits until the client has finished sending."""

    async def inner(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update({**ANSWER_HEADERS, **more})
            if message["status"] >= 400:
                await body.drain()
        await send(message)

    return inner


async def _refuse_socket(scope: Scope, receive: Receive, send: Send, refusal: Response) -> None:
    if "websocket.http.response" in scope.get("extensions", {}):
        await refusal(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4000 + refusal.status_code})


def _no(status: int, text: str) -> JSONResponse:
    return JSONResponse({"detail": text}, status)


def _name(hosts: list[str]) -> str:
    """The name in a Host header; `?` if the header is repeated or malformed."""
    found = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
    return alike(found[1]) if found else "?"


def _network(address: str) -> str:
    """The key for counting guesses: for IPv6 the /64 network, since one home has many addresses."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return address


def queries(scope: Scope) -> bool:
    """Whether a request is OSCQuery's: for the OSC addresses, or for / where the client does not
    accept a page or asks for an attribute.
    """
    path = scope["path"]
    if path == OSC or path.startswith(f"{OSC}/"):
        return True
    attribute = attribute_of(scope["query_string"])
    page = "text/html" in Headers(scope=scope).get("accept", "")
    return path == "/" and (not page or attribute.isupper())


def _reads(scope: Scope) -> bool:
    """Whether a request only reads OSC addresses: OSCQuery's GET, or its WebSocket."""
    if scope["type"] == "websocket":
        return scope["path"] == "/"
    return scope["method"] in ("GET", "HEAD") and queries(scope)


def _asked(scope: Scope) -> str:
    """The token in a link."""
    return parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]


def _shown(scope: Scope) -> str:
    """The token that a request shows."""
    headers = Headers(scope=scope)
    return headers.get("authorization", "").removeprefix("Bearer ") or _cookie(headers)


def _cookie(headers: Mapping[str, str]) -> str:
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())
