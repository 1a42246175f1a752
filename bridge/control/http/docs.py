"""/docs: the REST API in Swagger UI, served from our own host under our own policy.

Swagger UI's files come from the package fastapi-swagger; none of its code runs here. If the package
is missing, /docs says so and everything else works.
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
    """The folder of Swagger UI's files, or None if not installed. Found without running the
    package: a broken one must not keep the bridge from starting.
    """
    spec = find_spec(PACKAGE)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / INSIDE
        if all((folder / name).is_file() for name in FILES):
            return folder
    return None


def add_docs(app: FastAPI, page: Path) -> None:
    """Serve /docs, from the files in the folder `page`, and the files that it loads."""
    folder = swagger_ui()
    if folder is not None:
        app.mount("/page/swagger", Folder(directory=folder), name="swagger")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        if folder is None:
            raise HTTPException(503, MISSING)
        return HTMLResponse((page / "docs.html").read_text("utf-8"))
