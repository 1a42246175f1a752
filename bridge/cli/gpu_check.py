"""`spout-bridge gpu-check`: whether the engine computes correctly and fast on this card."""

import json
import platform
import subprocess
import sys
import time
from argparse import Namespace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bridge import __version__
from bridge.errors import CommandError, UsageError
from bridge.settings import Settings
from bridge.system.paths import place
from bridge.system.processes import kill_with_parent, speaking_utf8
from engine.system.devices import chosen, driver, environment, gpus
from engine.system.installation import with_extra

QUICK = 1.5  # minutes


def check(options: Namespace, settings: Settings) -> int:
    """Run it in a separate process, which may import torch; its exit status. CommandError without
    torch, which reading reports does not need, UsageError for a GPU that is not there.
    """
    order: dict[str, Any] = {"compare": [str(place(path)) for path in options.compare or ()]}
    if not options.compare:
        if find_spec("torch") is None:
            raise CommandError(f"This needs the extra `engine`: {with_extra('engine')}.")
        try:
            chosen(settings.gpu, gpus(), cpu=settings.device == "cpu")
        except ValueError as error:
            raise UsageError(str(error)) from None
        order |= {
            "quick": options.quick,
            "minutes": QUICK if options.quick else options.minutes,
            "only": options.only,
            "device": settings.device,
            "resume": bool(options.resume),
            "path": str(_path(options)),
            "machine": machine(),
        }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "engine.gpu_check"],
        stdin=subprocess.PIPE,
        env=speaking_utf8() | environment(settings.gpu),
    )
    kill_with_parent(process)
    try:
        process.communicate(json.dumps(order).encode())
    except KeyboardInterrupt:  # which it got too; it says how to continue
        process.wait()
    return process.returncode


def machine() -> dict[str, str]:
    """What a report is of, and what must be the same to continue it."""
    return {
        "spout-bridge": __version__,
        "torch": version("torch"),
        "system": f"{platform.system()} {platform.machine()}",
        "cards": ", ".join(gpu.name for gpu in gpus()) or "none",
        "driver": driver().version or "none",
    }


def _path(options: Namespace) -> Path:
    if options.resume:
        return place(options.resume)
    if options.write:
        return place(options.write)
    return place(time.strftime("gpu-check-%Y%m%d-%H%M%S.json"))
