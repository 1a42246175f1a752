"""REST for the pipelines' weights: which files are present or missing, and their download."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.guard import READS_ONLY
from bridge.control.http.openapi import refused
from bridge.system.aside import SlowError


class Which(BaseModel):
    """The pipeline whose files to download."""

    model_config = ConfigDict(extra="forbid")
    pipeline: str = Field(description="Its id, as listed by `pipelines`.")


def models(desk: BridgeApi) -> APIRouter:
    """The routes; plain functions run off the server's loop, since disks may be slow."""
    router = APIRouter()

    @router.get("/models", responses=refused(503))
    def listing(request: Request) -> dict[str, Any]:
        """Every pipeline's files with locations, sizes in bytes, and the free disk space. The link
        for viewing gets names in place of locations.
        """
        try:
            told = desk.weights.listing()
        except SlowError as error:
            raise HTTPException(503, str(error)) from error
        return _without_places(told) if request.scope.get(READS_ONLY) else told

    @router.get("/loras", responses=refused(503))
    def loras() -> list[dict[str, Any]]:
        """The LoRAs on this machine, other programs' too: the name to pass to `lora_1`, the
        program that owns it, bytes, modification time in seconds since 1970, the model it was made
        for, the pipelines it fits.
        """
        try:
            return desk.weights.loras()
        except SlowError as error:
            raise HTTPException(503, str(error)) from error

    @router.post("/models/download", status_code=202, responses=refused(404, 409))
    def download(given: Which) -> dict[str, Any]:
        """Start downloading a pipeline's missing files; the state shows the progress."""
        try:
            desk.weights.download(given.pipeline)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        return {"downloading": given.pipeline}

    @router.post("/models/cancel")
    def cancel() -> dict[str, str]:
        """Cancel the download; the next one continues from what has arrived."""
        desk.weights.cancel()
        return {"done": "cancel"}

    return router


def _without_places(told: Mapping[str, Any]) -> dict[str, Any]:
    """A listing without folders: what they hold is named, and no command names them."""
    rows = [
        {
            **row,
            "command": "",
            "files": [{**file, "path": Path(file["path"]).name} for file in row["files"]],
        }
        for row in told["pipelines"]
    ]
    return {**told, "folder": Path(told["folder"]).name, "away": "", "pipelines": rows}
