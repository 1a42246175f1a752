"""REST for the pipelines' weights: which files are present or missing, and their download."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from bridge.control.bridge_api import BridgeApi
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
    def listing() -> dict[str, Any]:
        """Every pipeline's files with locations, sizes in bytes, and the free disk space."""
        try:
            return desk.weights.listing()
        except SlowError as error:
            raise HTTPException(503, str(error)) from error

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
