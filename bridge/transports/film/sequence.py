"""Images and clips in a folder, one after the other."""

import logging
import re
from collections.abc import Generator
from dataclasses import replace
from functools import partial
from pathlib import Path

from bridge.frames.frame import Image
from bridge.system.paths import FILMS, PICTURES
from bridge.transports import TransportError
from bridge.transports.film.animated import AnimatedWebp
from bridge.transports.film.clip import Clip
from bridge.transports.film.pictures import HEAD, check_kind, moves, read
from bridge.transports.film.player import Reel, Shot
from engine.images.decoding import HEIC, header

log = logging.getLogger(__name__)

DENSE = 2  # numbers per file, at most, in a numbered sequence
FIRST = 16  # files, one of which must be readable when a folder is opened
SLIDE = 5.0  # seconds per image in a folder without numbering
NUMBER = re.compile(r"\d+")
WRITTEN = re.compile(r"%0?\d*d|#+|\*")  # in a name: a number, or anything


def reel(path: Path) -> Reel | None:
    """The reel for a file; None for a still image. OSError, or TransportError."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    check_kind(head, path)
    if head[4:8] == b"ftyp" and head[8:12] in HEIC:  # FFmpeg would play one of its tiles
        raise TransportError(
            f"{path} is a HEIC image, which cannot be read; save it as JPEG or PNG."
        )
    ending = path.suffix.lower()
    if ending not in PICTURES and (ending in FILMS or header(head) is None):
        return Clip(path)
    kind = moves(head)
    if kind == "webp":
        return AnimatedWebp(path)
    return Clip(path, "apng" if kind == "apng" else "mov") if kind else None


class Sequence:
    """A folder's files, or those with a name such as `shot_%04d.png`, `shot_####.png` or `shot*`:
    images, each for its duration, and whole clips. The folder is read again in every loop. An
    unreadable file is logged once, and the previous image stays.
    """

    def __init__(self, path: Path, fps: float, *, asked: bool) -> None:
        """`fps` images per second; unless it was `asked` for, a slide show if names are not
        numbered. TransportError if there is no file, or the first few are all unreadable images.
        """
        self._path = path
        files = self._files()
        if not files:
            raise TransportError(f"No image or video found in {path}; check the path.")
        slow = not asked and not _counts(files)
        self._length = SLIDE if slow else 1 / fps
        self.name = f"{len(files)} files of {path.name}"
        self.rate = f"{1 / self._length:.4g}"
        self._left_out: set[Path] = set()
        self._last = self._first(files)  # the last image drawn

    def once(self) -> Generator[Shot, None, None]:
        """The shots of one loop."""
        at, rate = 0.0, f"{1 / self._length:.4g}"
        for path in self._files():
            if _still(path):
                self.rate = rate
                yield Shot(at, self._length, partial(self._drawn, path))
                at += self._length
                continue
            try:
                start = at
                found = reel(path)
                for shot in found.once() if found else ():
                    self.rate = found.rate if found else rate
                    yield replace(shot, at=start + shot.at)
                    at = start + shot.at + shot.length
            except (TransportError, OSError) as error:  # the others may be fine
                log.warning("%s is skipped: %s", path, error)

    def _first(self, files: list[Path]) -> Image | None:
        """The first readable image; None if a clip comes first."""
        failure: TransportError | None = None
        for path in files[:FIRST]:
            if not _still(path):
                return None
            try:
                return read(path)
            except TransportError as error:
                failure = failure or error
        raise failure or TransportError(f"No image found in {self._path}; check the path.")

    def _drawn(self, path: Path) -> Image:
        try:
            self._last = read(path)
            self._left_out.discard(path)
        except TransportError as error:
            if path not in self._left_out:
                log.warning("%s is skipped: %s", path, error)
            if self._last is None:
                raise
            self._left_out.add(path)
        return self._last

    def _files(self) -> list[Path]:
        """The files to show, ordered by the numbers in their names."""
        folder, name = self._path, re.compile(".*")
        if not folder.is_dir():
            folder, name = folder.parent, _names(folder.name)
        try:
            found = [
                path
                for path in folder.iterdir()
                if path.suffix.lower() in PICTURES | FILMS
                and not path.name.startswith(".")
                and name.fullmatch(path.name)
            ]
        except OSError as error:
            raise TransportError(f"{folder} cannot be read: {error.strerror or error}.") from error
        return sorted(found, key=_order)


def is_pattern(path: Path) -> bool:
    """Whether a path names more than one file."""
    return bool(WRITTEN.search(path.name))


def _still(path: Path) -> bool:
    """Whether a file is a still image. Unreadable files count as one: `read` reports them."""
    try:
        return path.suffix.lower() in PICTURES and reel(path) is None
    except (OSError, TransportError):
        return True


def _counts(files: list[Path]) -> bool:
    """Whether file names differ only in one number that counts up, with few gaps."""
    if len({NUMBER.sub("#", path.name) for path in files}) > 1:
        return False
    rows = zip(*(map(int, NUMBER.findall(path.name)) for path in files), strict=True)
    changing = [row for row in rows if len(set(row)) > 1]
    return len(changing) == 1 and changing[0][-1] - changing[0][0] < DENSE * len(files)


def _order(path: Path) -> tuple[list[str], list[int], str]:
    name = path.name.lower()
    return NUMBER.split(name), [int(number) for number in NUMBER.findall(name)], name


def _names(pattern: str) -> re.Pattern[str]:
    parts, place = "", 0
    for found in WRITTEN.finditer(pattern):
        parts += re.escape(pattern[place : found.start()])
        parts += ".*" if found[0] == "*" else r"\d+"
        place = found.end()
    return re.compile(parts + re.escape(pattern[place:]), re.IGNORECASE)
