"""Questions to a server of engines by HTTP. Free of everything but the standard library."""

import json
import urllib.error
import urllib.request
from contextlib import suppress
from http.client import HTTPException
from typing import Any

from engine.remote.address import Server, why_not

LARGEST = 8 << 20  # bytes of an answer


class RefusedError(ValueError):
    """The server has refused: its own sentence, and the status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


def answer(
    server: Server, path: str, given: Any = None, patience: float = 3.0, method: str | None = None
) -> Any:
    """The answer to what is `given`, or of a page. RefusedError if the server refuses; OSError or
    ValueError if it does not answer within `patience` seconds, or not in JSON.
    """
    data = None if given is None else json.dumps(given).encode()
    headers = {**server.headers, "Content-Type": "application/json"}
    request = urllib.request.Request(server.page(path), data, headers, method=method)
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=server.context()),
        urllib.request.ProxyHandler({} if server.is_here else None),
    )
    try:
        with opener.open(request, timeout=patience) as found:
            return json.loads(found.read(LARGEST))
    except urllib.error.HTTPError as error:
        raise RefusedError(_detail(server, error), error.code) from None
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else error from None
    except HTTPException as error:
        raise OSError(f"it does not answer as a server does ({error!r})") from None


def _detail(server: Server, error: urllib.error.HTTPError) -> str:
    """What a refusal says."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        return str(json.loads(error.read(LARGEST))["detail"])
    return why_not(server, error, error.code)
