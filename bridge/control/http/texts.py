"""Outgoing JSON: without lone surrogates, since names of senders and files come from outside."""

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette import responses

from engine.system.texts import mended


class JSONResponse(responses.JSONResponse):
    """An answer that can always be encoded."""

    def render(self, content: Any) -> bytes:
        """JSON in UTF-8."""
        return encoded(content).encode()


def encoded(content: Any) -> str:
    """JSON that can be encoded, with null for NaN and infinities."""
    try:
        text = _dumped(content)
    except ValueError:  # NaN or infinity in a plug-in's report
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
