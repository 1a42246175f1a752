"""Image uploads: a limited number at once, off the server's loop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from bridge.state import references

MOST = 8  # uploads at once; each holds its file, at most 25 MB, until its turn
PATIENCE = 60.0  # seconds for a file to arrive


class Uploads:
    """Called only from the server's loop."""

    def __init__(self, folder: Path, patience: float = PATIENCE) -> None:
        self._folder = folder
        self._patience = patience
        self._here = 0

    async def take(self, name: str, body: Callable[[], Awaitable[bytes]]) -> dict[str, Any]:
        """Keep an image that arrives as `body`; see `references.add`. AssetError also if too many
        arrive at once (nothing is read then), or if one does not arrive in time.
        """
        references.check_name(name)
        if self._here >= MOST:
            raise references.AssetError(
                f"{MOST} images are already being uploaded; try again in a moment.", 503
            )
        self._here += 1
        try:
            data = await asyncio.wait_for(body(), self._patience)
            return await run_in_threadpool(references.add, self._folder, name, data)
        except TimeoutError:
            raise references.AssetError(
                f"The image did not arrive within {self._patience:g} seconds.", 408
            ) from None
        finally:
            self._here -= 1
