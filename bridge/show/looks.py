"""Looks: what a performer has saved of a pipeline's values, by number. A number stays with its look
for as long as that lives; the order in which looks are shown is separate.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from bridge.frames.encode import jpeg
from bridge.frames.frame import Image
from bridge.show import look as written
from bridge.show.folder_lock import FolderLock
from bridge.show.lent import Lent
from bridge.show.look import JPEG_LIMIT, Look, named, ordered
from bridge.show.parked import Parked
from bridge.state.actions import LOOK, ActionError
from bridge.state.store import ParameterStore
from bridge.system import whole_files
from engine.parameters import Value
from engine.system import held

log = logging.getLogger(__name__)

MOST = int(LOOK.spec.maximum or 0)  # looks, and the highest number of one
WIDTH = 160  # pixels of an image


class Looks:
    """Any thread may call any method. Looks are read once, by `read`; reading one later needs no
    disk, except its image. What changes looks waits for the disk, and raises ActionError, with
    nothing changed, if it cannot be saved.
    """

    def __init__(
        self, folder: Path, store: ParameterStore, parked: Parked, lent: Lent, lock: FolderLock
    ) -> None:
        self.skipped: tuple[str, ...] = ()  # files that are no looks, each with the reason
        self._folder = folder / "looks"
        self._list = folder / "looks.json"
        self._store, self._parked, self._lent = store, parked, lent
        self._looks: Mapping[int, Look] = {}  # in their order; replaced by `_use`, never changed
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._spoilt: frozenset[int] = frozenset()  # numbers of files that are no looks
        self._lock = lock

    def read(self) -> None:
        """Read all looks. A file that is none is named in `skipped` and in the log, and left."""
        looks, skipped = written.in_folder(self._folder.parent)
        self.skipped = tuple(written.skipped(path, why) for path, why in skipped.items())
        for line in self.skipped:
            log.warning("%s", line)
        names = {path.name for path in skipped}
        self._spoilt = frozenset(n for n in range(1, MOST + 1) if f"{n}.json" in names)
        self._use(looks)

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed`, which returns at once, whenever there are other looks from now on."""
        self._listeners = (*self._listeners, changed)

    def _use(self, looks: Mapping[int, Look]) -> None:
        self._looks = looks
        for changed in self._listeners:
            changed()

    @property
    def all(self) -> Sequence[Look]:
        """All looks, in their order."""
        return tuple(self._looks.values())

    def get(self, number: int) -> Look:
        """The look of that number; ActionError if there is none."""
        if number not in self._looks:
            raise ActionError(f"There is no look {number}.", 404)
        return self._looks[number]

    def holds(self, look: Look) -> Mapping[str, Value]:
        """The values of a look that are in use: those of parameters that its pipeline has, and that
        are neither parked nor in no look at all. LookupError for an unknown pipeline.
        """
        names, specs, parked = (
            self._lent.names(look.pipeline),
            self._store.specs,
            self._parked.names,
        )
        found: dict[str, Value] = {}
        for given, value in look.values.items():
            name = self._store.now.name(given)
            if name in names and specs[name].in_looks and name not in parked:
                found[given] = value
        return found

    def lacks(self, look: Look) -> list[str]:
        """Why a look cannot be recalled, a sentence each, as far as no disk is needed: its pipeline
        is not installed, a value is out of range, or a text has a blocked word. Missing files are
        named by the recall.
        """
        try:
            content = self.holds(look)
        except LookupError as error:
            return [str(error.args[0])]
        found: list[str] = []
        for given, value in content.items():
            name = self._store.now.name(given)
            try:
                why = self._store.blocked(name, self._accepted(name, value))
            except ValueError as error:
                why = str(error)
            found += [why] if why else []
        return found

    def save(self, number: int | None = None, name: str | None = None) -> Look:
        """Save what runs now under a number, or the next free one. A look that has the number is
        replaced; it keeps its name and place.
        """
        name = None if name is None else named(name)
        with self._lock.writing():
            number = number or self._free()
            before = self._looks.get(number)
            pipeline, values = self._lent.pipeline(), self._store.snapshot.values
            all_of = Look(number=number, name=name or (before.name if before else f"Look {number}"),
                          pipeline=pipeline, values={**values}, saved=_now(),
                          more=before.more if before else {})  # fmt: skip
            look = replace(all_of, values=self.holds(all_of))
            image = self._lent.newest()
            self._put(look)
            if image is None:
                with suppress(OSError):  # that of the look before
                    held.remove(self._image(number))
        if image is not None:
            threading.Thread(
                target=self._picture, args=(look, image), name="look image", daemon=True
            ).start()
        return look

    def rename(self, number: int, name: str) -> Look:
        """Give a look another name."""
        with self._lock.writing():
            look = replace(self.get(number), name=named(name))
            self._put(look)
        return look

    def reorder(self, numbers: Sequence[int]) -> Sequence[Look]:
        """Show these looks first, in this order, and the others after them, in the order that they
        have.
        """
        with self._lock.writing():
            for number in numbers:
                self.get(number)
            looks = ordered(self._looks, numbers)
            self._write(self._list, json.dumps({"order": [*looks]}).encode(), "The order of looks")
            self._use(looks)
        return self.all

    def delete(self, number: int) -> None:
        """Delete a look and its image."""
        with self._lock.writing():
            self.get(number)
            try:
                held.remove(self._path(number))
            except OSError as error:
                told = held.told(error)
                raise ActionError(f"Look {number} cannot be deleted ({told}).") from error
            self._use({n: look for n, look in self._looks.items() if n != number})
            with suppress(OSError):  # of no look: it is overwritten by the next one's
                held.remove(self._image(number))

    def image(self, number: int) -> bytes:
        """A look's image, as JPEG; ActionError if it has none."""
        self.get(number)
        try:
            return whole_files.read(self._image(number), JPEG_LIMIT)
        except (OSError, ValueError) as error:
            raise ActionError(f"Look {number} has no image.", 404) from error

    def exported(self, number: int) -> dict[str, Any]:
        """A look as one object, with its image inside."""
        look = self.get(number)
        try:
            image = self.image(number)
        except ActionError:
            image = b""
        return {**look.told(), "number": number, **written.pictured(image)}

    def take_in(self, found: object) -> Look:
        """Add a look that was exported, under its own number if that is free, else under the next
        free one. ActionError if it is no look. A pipeline or file that this machine lacks may come
        later: recalling the look names it.
        """
        try:
            look = written.read(found, 0)
            image = written.image(found)
            look = replace(look, values=self._valid(look.values))
            asked: object = cast("Mapping[str, Any]", found).get("number")  # `read` accepted it
        except ValueError as error:
            raise ActionError(f"This is no look: {error}") from error
        with self._lock.writing():
            number = asked if isinstance(asked, int) and 1 <= asked <= MOST else 0
            number = self._free() if not number or self._taken(number) else number
            look = replace(look, number=number)
            self._put(look)
            if image:
                self._write(self._image(number), image, f"The image of look {number}")
        return look

    def _valid(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """The values as their parameters accept them; of unknown parameters, as they are."""
        found: dict[str, Value] = {}
        for given, value in values.items():
            name = self._store.now.name(given)
            spec = self._store.specs.get(name)
            if spec is None:
                found[given] = value
                continue
            if not spec.in_looks:
                raise ValueError(f"no look holds {name}.")
            found[name] = self._accepted(name, value)
        return found

    def _accepted(self, name: str, value: Value) -> Value:
        """The value as its parameter accepts it; ValueError with the reason."""
        former = name in self._store.now.values
        return self._store.specs[name].check(
            self._store.now.value(name, value) if former else value
        )

    def _taken(self, number: int) -> bool:
        return number in self._looks or number in self._spoilt

    def _free(self) -> int:
        """The number after the highest; the lowest free one if that is the last."""
        highest = max((*self._looks, *self._spoilt), default=0)
        if highest < MOST:
            return highest + 1
        for number in range(1, MOST):
            if not self._taken(number):
                return number
        raise ActionError(f"All {MOST} looks are in use; delete one.")

    def _put(self, look: Look) -> None:
        """Save a look. The caller holds the lock."""
        path, number = self._path(look.number), look.number
        try:
            content = written.content(look)
        except ValueError as error:
            raise ActionError(
                f"Look {number} is not saved: it is {error}; shorten its texts."
            ) from error
        if number in self._spoilt:  # never lost, whatever it is
            with suppress(OSError):
                held.replace(path, path.with_suffix(".json.bad"))
        if number not in self._looks:
            with suppress(OSError):  # of a look that a crash has deleted in part
                held.remove(self._image(number))
        self._write(path, content, f"Look {number}")
        self._spoilt -= {number}
        self._use({**self._looks, number: look})

    def _write(self, path: Path, content: bytes, what: str) -> None:
        try:
            whole_files.write(path, content)
        except OSError as error:
            told = held.told(error)
            raise ActionError(
                f"{what} is not saved: {path} cannot be written ({told}).", 507
            ) from error

    def _picture(self, look: Look, image: Image) -> None:
        """Save a look's image, in a thread of its own; the look is there without it too. If a show
        is being loaded, it may come with the look in it, or fail.
        """
        data = jpeg(image, WIDTH)
        try:
            with self._lock.writing(wait=True):
                if self._looks.get(look.number) == look:  # neither deleted nor saved again
                    self._write(self._image(look.number), data, f"The image of look {look.number}")
        except ActionError as error:
            log.warning("Look %d has no image: %s", look.number, error)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _image(self, number: int) -> Path:
        return self._folder / f"{number}.jpg"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
