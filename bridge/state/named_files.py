"""The files that values name: images in the assets folder, LoRAs on this machine."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from bridge.state.references import refer
from bridge.system.aside import Disk, SlowError
from bridge.system.paths import path_of
from engine.files.library import Library

AT_START = 3.0  # seconds allowed for a disk to answer before the run starts
LATER = 10.0  # the same later: a sleeping disk may be waking up


class NamedFiles:
    """Finds the file meant. Any thread may call; it waits for the disk, at most `patience`
    seconds.
    """

    def __init__(self, assets: Path, library: Library) -> None:
        self.patience = AT_START
        self._assets, self._library = assets, library
        self._assets_disk = Disk(f"The folder {assets}")
        self._models_disk = Disk(f"The folder {library.models}")

    def picture(self, given: str) -> str:
        """The name of the image meant; ValueError if there is none, or the disk does not answer."""
        return self._found(self._assets_disk, path_of(given), partial(refer, self._assets))

    def lora(self, given: str) -> str:
        """The same for a LoRA."""
        return self._found(self._models_disk, path_of(given), self._lora)

    def lora_stamp(self, name: str) -> object:
        """A value that changes with the file of a LoRA; None if it is missing, or the disk does not
        answer.
        """
        look = partial(self._library.lora_stamp, name)
        with suppress(SlowError):
            return self._models_disk.ask(("stamp", name), look, self.patience)
        return None

    def _lora(self, given: str) -> str:
        return self._library.lora(given).name

    def _found(self, disk: Disk, given: str, find: Callable[[str], str]) -> str:
        try:
            return disk.ask(given, partial(find, given), self.patience)
        except SlowError as error:
            raise ValueError(str(error)) from error
