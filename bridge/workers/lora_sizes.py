"""How much memory LoRAs take, by the size of their files, from disks that may be asleep."""

import logging
from functools import partial

from bridge.system.aside import Disk, SlowError
from engine.catalog.controls import CausalLoad
from engine.files.library import Library
from engine.parameters import Load

log = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds; the engine host asks too and must keep watching its workers
KEPT = 100  # combinations of LoRAs whose size is cached


class LoraSizes:
    """The LoRAs of one library. Any thread may ask."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._disk = Disk("The folder of LoRAs")
        self._known: dict[tuple[str, str, str, str], int] = {}

    def bytes(self, load: Load) -> int:
        """As `Library.lora_bytes`; 0 for a pipeline without LoRAs. If the disk does not answer, the
        last known size, or 0 if unknown: the worker itself counts again before it loads.
        """
        if not isinstance(load, CausalLoad) or load.weights == "demo":
            return 0
        key = load.lora_1, load.lora_2, load.lora_3, load.lora_mode
        if not any(key[:3]):
            return 0
        try:
            found = self._disk.ask(key, partial(self._library.lora_bytes, load), PATIENCE)
        except SlowError as error:
            log.warning("size of the LoRAs unknown: %s", error)
            return self._known.get(key, 0)
        if len(self._known) > KEPT:
            self._known.clear()
        self._known[key] = found
        return found
