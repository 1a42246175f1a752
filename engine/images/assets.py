"""Images by name in the assets folder."""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Literal, NamedTuple, TypeAlias, cast

import cv2
import numpy as np

from engine.images.decoding import Need, read
from engine.pipeline import Image
from engine.system.background import BackgroundCache
from engine.system.errands import Errands

LONGEST = 200  # bytes of a name; file systems end at 255
KEPT_BYTES = 64_000_000  # of images kept in addition to those in use
IN_USE = 6  # most images used by one block: they stay, whatever their size
COMING = 2 * IN_USE  # pending images: if more are requested, the oldest are dropped
MOST = 200  # images and errors kept in total
AGAIN = 1.0  # seconds between checks of a file in use for changes
SLOW = 3.0  # seconds without a disk response until it is reported
WHITE = 255
FAILURES = ValueError, MemoryError, cv2.error  # of an image, reported in its place

File: TypeAlias = tuple[Path, int, int]  # modification time in nanoseconds, size in bytes
How: TypeAlias = Literal["contained", "stretched"]


class Key(NamedTuple):
    """A version of a file, and how its image is used; changes with the file."""

    path: Path
    time: int
    bytes: int
    width: int
    height: int
    how: How


def find(folder: Path, name: str) -> File | None:
    """The file of this name, its time and size; None if it is not directly in this folder: a name
    never points elsewhere. The bridge has already resolved other names of references.
    """
    if not name or name.startswith(".") or len(name.encode(errors="replace")) > LONGEST:
        return None
    if any(character in '/\\:*?"<>|' or character < " " for character in name):
        return None
    path = folder / name
    try:
        if not path.is_file() or not path.resolve(strict=True).is_relative_to(folder.resolve()):
            return None
        seen = path.stat()
    except OSError:  # removed meanwhile
        return None
    return path, seen.st_mtime_ns, seen.st_size


class Folder:
    """The files of the assets folder as last seen. They are checked in a separate thread, so a
    sleeping disk blocks nothing. All calls come from one thread.
    """

    def __init__(self, path: Path, kind: str) -> None:
        """`kind` is the word for a missing file: image, reference."""
        self._path, self._kind = path, kind
        self._looks = Errands[File | None]("image lookups", COMING)
        self._seen: OrderedDict[str, tuple[float, File | None]] = OrderedDict()

    def file(self, name: str, patience: float = 0.0) -> File | str | None:
        """The file of this name, or a sentence if it is missing; None while unknown. Waits only for
        files never seen before, at most `patience` seconds.
        """
        when, file = seen = self._seen.get(name) or (0.0, None)
        if not when or perf_counter() - when >= AGAIN:
            self._looks.ask(name, partial(find, self._path, name))
            look = self._looks.taken(name, 0.0 if when else patience)
            if look:
                when, file = seen = perf_counter(), look.result()
        if not when:
            return None
        self._seen[name] = seen
        self._seen.move_to_end(name)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)
        return file or f"{self._kind.capitalize()} {_short(name)} not found in the assets folder."

    @property
    def looking(self) -> int:
        """Number of pending file checks."""
        return self._looks.waiting

    def slow(self, waited: float) -> str:
        """A sentence if the disk does not respond; else empty. `waited` is the longest wait for a
        file's content, in seconds.
        """
        longest = max(self._looks.longest, waited)
        if longest < SLOW:
            return ""
        return (
            f"The folder {self._path} has not answered for {longest:.0f} s; images already read "
            "stay in use."
        )

    def close(self) -> None:
        """End the thread."""
        self._looks.close()


class Pictures:
    """Images of the assets folder at the sizes in use, read in a separate thread and cached: known
    images need no disk. All calls come from the frame thread.
    """

    def __init__(self, assets: Path) -> None:
        self._folder = Folder(assets, "image")
        self._images = BackgroundCache[Image]("images", COMING, _full, failures=FAILURES)
        self.problems: dict[str, str] = {}  # of this block: name to why it is missing or old

    def begin(self) -> None:
        """Start a block: `problems` then covers only its images."""
        self.problems.clear()

    def get(self, name: str, size: tuple[int, int], how: How) -> tuple[Key, Image] | None:
        """The key and image (H, W, 4) at exactly this width and height: `contained` fits it on
        white, `stretched` fills the size.

        If the file has changed and cannot be read (yet), returns the previous image; None if there
        was none. Never waits; see `problems`.
        """
        if not name:
            return None
        key, why = self._newest(name, size, how)
        self.problems.pop(name, None)
        if why or (why := self._folder.slow(self._images.longest)):
            self.problems[name] = why
        key = key or self._before(name, size, how)
        # cast: a cached key has its image
        return None if key is None else (key, cast(Image, self._images.known(key)))

    def prepare(self, name: str, size: tuple[int, int], how: How) -> bool:
        """Whether `get` would return the file's current image now; else it is being read.
        ValueError, in a sentence, if it cannot be.
        """
        key, why = self._newest(name, size, how)
        if why:
            raise ValueError(why)
        return key is not None

    def close(self) -> None:
        """End the threads."""
        self._folder.close()
        self._images.close()

    @property
    def arriving(self) -> int:
        """Number of images being checked or read."""
        return self._folder.looking + self._images.waiting

    @property
    def held(self) -> int:
        """Bytes of the cached images."""
        return sum(image.nbytes for _, image in self._images.values())

    def _newest(self, name: str, size: tuple[int, int], how: How) -> tuple[Key | None, str]:
        """The current image of the file, or why there is none, as far as known."""
        file = self._folder.file(name)
        if file is None or isinstance(file, str):
            return None, file or ""
        key = Key(*file, *size, how)
        self._images.ask(key, partial(_made, key))
        known = self._images.get(key)
        if known is None or isinstance(known, str):
            return None, known or ""
        return key, ""

    def _before(self, name: str, size: tuple[int, int], how: How) -> Key | None:
        """The last image read under this name for the same use."""
        for key, _ in self._images.values():
            assert isinstance(key, Key)
            if (key.path.name, (key.width, key.height), key.how) == (name, size, how):
                return key
        return None


def contained(image: Image, width: int, height: int) -> Image:
    """An image (H, W, 3) fitted on white (height, width, 4), as in VACE's reference code."""
    scale = min(width / image.shape[1], height / image.shape[0])
    fitted = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, fitted, interpolation=cv2.INTER_LINEAR)
    canvas = np.full((height, width, 4), WHITE, np.uint8)
    top, left = (height - fitted[1]) // 2, (width - fitted[0]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0], :3] = small
    return canvas


def stretched(image: Image, width: int, height: int) -> Image:
    """An image (H, W, 3) stretched to (height, width, 4)."""
    canvas = np.full((height, width, 4), WHITE, np.uint8)
    canvas[..., :3] = cv2.resize(image, (width, height))
    return canvas


def _made(key: Key) -> Image:
    """The image of a file at the requested size."""
    make = contained if key.how == "contained" else stretched
    try:
        image = read(key.path, Need(key.width, key.height, key.how == "stretched"), "reference")
        return make(image, key.width, key.height)
    except MemoryError as error:
        told = str(error) or "This machine has too little free memory for the image."
        raise MemoryError(told) from error


def _full(known: Mapping[Hashable, Image | str]) -> bool:
    """Whether the cache is full; the images of one block may always stay."""
    if len(known) <= IN_USE:
        return False
    held = sum(image.nbytes for image in known.values() if not isinstance(image, str))
    return held > KEPT_BYTES or len(known) > MOST


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
