"""REST for the pipelines' weights: what is here, what is missing, and its download."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from bridge.control.bridge_api import BridgeApi
from bridge.control.http.openapi import refused
from bridge.system.aside import SlowError


class Which(BaseModel):
    """The pipeline whose files are meant."""

    model_config = ConfigDict(extra="forbid")
    pipeline: str = Field(description="Its id, as `pipelines` lists it.")


def models(desk: BridgeApi) -> APIRouter:
    """The routes; plain functions run beside the server's loop, for disks may be slow."""
    router = APIRouter()

    @router.get("/models", responses=refused(503))
    def listing() -> dict[str, Any]:
        """Every pipeline's files with sizes in bytes, where they lie, and the room there is."""
        try:
            return desk.weights.listing()
        except SlowError as error:
            raise HTTPException(503, str(error)) from error

    @router.get("/loras", responses=refused(503))
    def loras() -> list[dict[str, Any]]:
        """The LoRAs on this machine, other programs' too: the name that `lora_1` takes, whose it
        is, bytes, when it was modified in seconds since 1970, what it was made for, the pipelines
        that it fits.
        """
        try:
            return desk.weights.loras()
        except SlowError as error:
            raise HTTPException(503, str(error)) from error

    @router.post("/models/download", status_code=202, responses=refused(404, 409))
    def download(given: Which) -> dict[str, Any]:
        """Begin to download what a pipeline lacks; the state tells how it goes."""
        try:
            desk.weights.download(given.pipeline)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        return {"downloading": given.pipeline}

    @router.post("/models/cancel")
    def cancel() -> dict[str, str]:
        """End the download; what has come stays for the next one."""
        desk.weights.cancel()
        return {"done": "cancel"}

    return router
