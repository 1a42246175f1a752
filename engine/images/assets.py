"""Pictures by their names in the assets folder."""

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
KEPT_BYTES = 64_000_000  # of pictures that are held beside those in use
IN_USE = 6  # pictures that one block is made with at most: they stay, however large
COMING = 2 * IN_USE  # pictures that are waited for: when more are asked for, the oldest go
MOST = 200  # pictures, and reasons why there is none, that are kept at all
AGAIN = 1.0  # seconds until a file that is in use is looked at again: it may have changed
SLOW = 3.0  # seconds without an answer of the disk from which on it is told
WHITE = 255
FAILURES = ValueError, MemoryError, cv2.error  # of a picture, told in its place

File: TypeAlias = tuple[Path, int, int]  # its time of change in nanoseconds, its size in bytes
How: TypeAlias = Literal["contained", "stretched"]


class Key(NamedTuple):
    """A file as it was, and what is made of its picture; another one when the file changes."""

    path: Path
    time: int
    bytes: int
    width: int
    height: int
    how: How


def find(folder: Path, name: str) -> File | None:
    """The file of that name, its time and its size; None where there is none in this very folder:
    a name never leads elsewhere. What else a reference may be called, the bridge has looked up.
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
    except OSError:  # gone while it was looked at
        return None
    return path, seen.st_mtime_ns, seen.st_size


class Folder:
    """The files of the assets folder as they were last seen. They are looked at in a thread of
    their own, so a disk that sleeps keeps nobody waiting. All calls come from one thread.
    """

    def __init__(self, path: Path, kind: str) -> None:
        """`kind` is what a file is called where there is none: picture, reference."""
        self._path, self._kind = path, kind
        self._looks = Errands[File | None]("pictures looked at", COMING)
        self._seen: OrderedDict[str, tuple[float, File | None]] = OrderedDict()

    def file(self, name: str, patience: float = 0.0) -> File | str | None:
        """The file of that name, or why there is none, as a sentence; None while that is not known.
        Only what was never seen is waited for, `patience` seconds at most.
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
        return file or f"There is no {self._kind} {_short(name)} in the assets folder."

    @property
    def looking(self) -> int:
        """How many files are looked at."""
        return self._looks.waiting

    def slow(self, waited: float) -> str:
        """That the disk does not answer, as a sentence; empty where it does. `waited` is for how
        many seconds somebody has waited for what files hold.
        """
        longest = max(self._looks.longest, waited)
        if longest < SLOW:
            return ""
        return (
            f"The folder {self._path} has not answered for {longest:.0f} s; what was read before "
            "goes on."
        )

    def close(self) -> None:
        """End the thread."""
        self._looks.close()


class Pictures:
    """Pictures of the assets folder at the sizes they are used at, read in a thread of their own
    and kept: what is known needs no disk. All calls come from one thread, that of the frames.
    """

    def __init__(self, assets: Path) -> None:
        self._folder = Folder(assets, "picture")
        self._images = BackgroundCache[Image]("pictures", COMING, _full, failures=FAILURES)
        self.problems: dict[str, str] = {}  # of this block, by name: why it is not there, or old

    def begin(self) -> None:
        """A block begins: what is told from now on is of its pictures alone."""
        self.problems.clear()

    def get(self, name: str, size: tuple[int, int], how: How) -> tuple[Key, Image] | None:
        """What the picture is known by, and the picture (H, W, 4) at exactly that size, width and
        height: `contained` is whole on white, `stretched` fills it.

        Where the file has changed, and cannot be read yet or at all, the picture is the one of
        before; None where there was none. Never waits; `problems` tells.
        """
        if not name:
            return None
        key, why = self._newest(name, size, how)
        self.problems.pop(name, None)
        if why or (why := self._folder.slow(self._images.longest)):
            self.problems[name] = why
        key = key or self._before(name, size, how)
        # cast: a key that is kept has its picture
        return None if key is None else (key, cast(Image, self._images.known(key)))

    def close(self) -> None:
        """End the threads."""
        self._folder.close()
        self._images.close()

    @property
    def arriving(self) -> int:
        """How many pictures are looked at or being read."""
        return self._folder.looking + self._images.waiting

    @property
    def held(self) -> int:
        """Bytes of the pictures that are kept."""
        return sum(image.nbytes for _, image in self._images.values())

    def _newest(self, name: str, size: tuple[int, int], how: How) -> tuple[Key | None, str]:
        """The picture of the file as it is now, or why there is none, where that is known."""
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
        """The last picture that was read under that name for the same use."""
        for key, _ in self._images.values():
            assert isinstance(key, Key)
            if (key.path.name, (key.width, key.height), key.how) == (name, size, how):
                return key
        return None


def contained(image: Image, width: int, height: int) -> Image:
    """A picture (H, W, 3) whole on a white canvas (height, width, 4), as the authors of VACE place
    it.
    """
    scale = min(width / image.shape[1], height / image.shape[0])
    fitted = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, fitted, interpolation=cv2.INTER_LINEAR)
    canvas = np.full((height, width, 4), WHITE, np.uint8)
    top, left = (height - fitted[1]) // 2, (width - fitted[0]) // 2
    canvas[top : top + fitted[1], left : left + fitted[0], :3] = small
    return canvas


def stretched(image: Image, width: int, height: int) -> Image:
    """A picture (H, W, 3) as (height, width, 4), whatever its shape."""
    canvas = np.full((height, width, 4), WHITE, np.uint8)
    canvas[..., :3] = cv2.resize(image, (width, height))
    return canvas


def _made(key: Key) -> Image:
    """The picture of a file, at the size that is asked for; the file's own is let go."""
    make = contained if key.how == "contained" else stretched
    try:
        image = read(key.path, Need(key.width, key.height, key.how == "stretched"), "reference")
        return make(image, key.width, key.height)
    except MemoryError as error:
        told = str(error) or "This machine has too little memory left for the picture."
        raise MemoryError(told) from error


def _full(known: Mapping[Hashable, Image | str]) -> bool:
    """Whether pictures that are kept take too much; those of one block always may stay."""
    if len(known) <= IN_USE:
        return False
    held = sum(image.nbytes for image in known.values() if not isinstance(image, str))
    return held > KEPT_BYTES or len(known) > MOST


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "…")
