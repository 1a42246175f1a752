"""Texts that come and go by HTTP: JSON that is UTF-8, without halves of surrogate pairs.

`"\\ud83d"` is good JSON, and nothing that is told of it afterwards could be encoded. So a body is
mended before anything reads it, and answers are mended too: what a foreign sender or a file is
called comes from outside as well.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from starlette import responses
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.texts import mended

# One escape after the other, so that no backslash counts twice: a whole pair, a half, any other.
ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
INSTEAD = rb"\ufffd"


class JSONResponse(responses.JSONResponse):
    """An answer that can always be encoded."""

    def render(self, content: Any) -> bytes:
        """JSON in UTF-8."""
        return encoded(content).encode()


def encoded(content: Any) -> str:
    """JSON that has an encoding, with null for numbers that JSON has not."""
    try:
        text = _dumped(content)
    except ValueError:  # NaN or an infinity, of a plug-in's report
        text = _dumped(_finite(content))
    return mended(text)


def _dumped(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(part) for key, part in content.items()}
    return [_finite(part) for part in content] if isinstance(content, (list, tuple)) else content


class Mended:
    """Wraps an ASGI app: its JSON bodies are read whole, and have nothing that cannot be told. What
    is no UTF-8 is answered with 400.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_json(scope):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                await self._app(scope, _again(message, receive), send)
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if refusal := _refusal(bytes(body)):
            await refusal(scope, receive, send)
            return
        whole = ESCAPE.sub(_escape, bytes(body))
        first: Message = {"type": "http.request", "body": whole, "more_body": False}
        await self._app(scope, _again(first, receive), send)


def _refusal(body: bytes) -> responses.Response | None:
    """The answer to what is no UTF-8; UTF-16 and UTF-32 have zeros, which JSON has not."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        text = f"The body is not UTF-8 (at byte {error.start}: {body[error.start]:#04x})"
    else:
        if b"\0" not in body:
            return None
        text = f"The body is not UTF-8 (at byte {body.index(0)}: 0x00)"
    return JSONResponse({"detail": f"{text}; send JSON as UTF-8."}, 400)


def _escape(found: re.Match[bytes]) -> bytes:
    return INSTEAD if found[1] else found[0]


def _is_json(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.strip().lower().startswith(b"application/json")
        for name, value in scope["headers"]
    )


def _again(first: Message, receive: Receive) -> Receive:
    """Give a message that was taken already, then what comes."""
    waiting = [first]

    async def inner() -> Message:
        return waiting.pop() if waiting else await receive()

    return inner
