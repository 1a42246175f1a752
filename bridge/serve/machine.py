"""What bridges elsewhere ask about this machine: what pipelines lack, what fits, downloads."""

from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool

from bridge import __version__
from bridge.system.aside import SlowError
from bridge.workers.machine import LocalMachine
from engine.catalog.rows import Catalog, PipelineRow
from engine.parameters import Load
from engine.remote import wire


class Asked(BaseModel):
    """A pipeline with the values it would be loaded with."""

    model_config = ConfigDict(extra="forbid")
    pipeline: str
    load: dict[str, Any]
    size: str = "auto"


class Wanted(BaseModel):
    """A pipeline whose files are to be downloaded; `at` tells one request from the next."""

    model_config = ConfigDict(extra="forbid")
    pipeline: str
    at: float = 0.0


def machine_routes(machine: LocalMachine, catalog: Catalog) -> APIRouter:
    """The routes below `wire.MACHINE`; plain functions run off the server's loop."""
    router = APIRouter(prefix=wire.MACHINE)

    def of(asked: Asked) -> tuple[PipelineRow, Load]:
        try:
            row = catalog[asked.pipeline]
            return row, row.load.model_validate(asked.load)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        except ValidationError as error:
            raise HTTPException(422, f"{asked.pipeline}: {error.errors()[0]['msg']}.") from error

    @router.get("")
    def about() -> dict[str, Any]:
        """What it has now."""
        found = machine.gpus()
        return {
            "release": __version__,
            "version": wire.VERSION,
            "gpus": [asdict(gpu) for gpu in found],
            "gpu_load": asdict(machine.gpu_load(found[0].name if found else "")),
            "free": asdict(machine.free()),
            "pipelines": [row.id for row in catalog.rows.values() if not row.missing],
            "download": asdict(machine.weights.now),
        }

    @router.post("/lack")
    def lack(asked: Asked) -> dict[str, str]:
        """What a pipeline lacks here, in a sentence; empty if nothing."""
        return {"lack": str(machine.weights.lack(*of(asked)) or "")}

    @router.get("/models")
    def models() -> dict[str, Any]:
        """Every pipeline's files."""
        try:
            return machine.weights.listing()
        except SlowError as error:
            raise HTTPException(503, str(error)) from error

    @router.post("/download", status_code=202)
    async def download(wanted: Wanted) -> dict[str, str]:
        """Download a pipeline's files here."""
        try:
            await run_in_threadpool(machine.weights.download, wanted.pipeline)
        except LookupError as error:
            raise HTTPException(404, str(error.args[0])) from error
        except ValueError as error:
            raise HTTPException(409, str(error)) from error
        return {"downloading": wanted.pipeline}

    @router.post("/{how}")
    def fit(how: Literal["fit", "fit_alone", "fit_beside", "gpu_fit"], asked: Asked) -> Any:
        """How it fits into the memory here."""
        return asdict(getattr(machine, how)(*of(asked), asked.size))

    return router
