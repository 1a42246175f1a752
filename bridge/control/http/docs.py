"""/docs: what REST offers, shown by Swagger UI, from our own host and under our own policy.

Swagger UI is no code of ours: the package fastapi-swagger carries its files. Of that package only
these files are used; none of its code runs here. Where it is missing, /docs says so and all else
works.
"""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import HTMLResponse

from bridge.control.http.files import Folder

PACKAGE, INSIDE = "fastapi_swagger", "resources"
FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
MISSING = (
    "This page needs Swagger UI: pip install fastapi-swagger, then restart the bridge; "
    "the REST API is also described in /openapi.json."
)


def swagger_ui() -> Path | None:
    """The folder that holds Swagger UI's files, or None where they are not installed. Found
    without running the package: what is wrong with it must not keep the bridge from starting.
    """
    spec = find_spec(PACKAGE)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / INSIDE
        if all((folder / name).is_file() for name in FILES):
            return folder
    return None


def add_docs(app: FastAPI, page: Path) -> None:
    """Serve /docs, whose own files lie in the folder `page`, and the files that it loads."""
    folder = swagger_ui()
    if folder is not None:
        app.mount("/page/swagger", Folder(directory=folder), name="swagger")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        if folder is None:
            raise HTTPException(503, MISSING)
        return HTMLResponse((page / "docs.html").read_text("utf-8"))
