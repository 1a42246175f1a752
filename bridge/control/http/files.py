"""Static files, each with a content type set here.

Python reads types from the Windows registry, where an installer may have set .js to text/plain;
browsers would not run such a script (we forbid guessing), and the page would stay blank.
"""

import os
from os import PathLike
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".bmp": "image/bmp",
    ".avif": "image/avif",
}


def sent(path: Path) -> FileResponse:
    """A file with its content type."""
    return FileResponse(path, media_type=_type(path))


class Folder(StaticFiles):
    """The files of a folder, each with its content type."""

    def file_response(
        self,
        full_path: str | PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """One file; called by starlette."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if "content-type" in response.headers:  # absent if the browser has it cached
            response.headers["content-type"] = _type(Path(full_path))
        return response


def _type(path: Path) -> str:
    return TYPES.get(path.suffix.lower(), "application/octet-stream")
