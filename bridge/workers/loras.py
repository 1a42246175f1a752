"""How much memory LoRAs take, of a folder whose disk may sleep."""

import logging
from functools import partial
from pathlib import Path

from bridge.system.aside import Disk, SlowError
from engine.catalog.controls import CausalLoad
from engine.cost import fit as advice

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds; the engine host asks too, and it has workers to look after
_disk = Disk("The folder of LoRAs")
_known: dict[tuple[Path, str, str, str, str], int] = {}


def lora_bytes(load: CausalLoad, models: Path) -> int:
    """As in `engine.cost.fit`. Where the disk does not answer, what it was the last time; and where
    that is not known, nothing: the worker itself counts again before it loads.
    """
    key = models, load.lora_1, load.lora_2, load.lora_3, load.lora_mode
    if not any(key[1:4]):
        return 0
    try:
        found = _disk.ask(key, partial(advice.lora_bytes, load, models), PATIENCE)
    except SlowError as error:
        log.warning("what the LoRAs take is not known now: %s", error)
        return _known.get(key, 0)
    if len(_known) > 100:
        _known.clear()
    _known[key] = found
    return found
