"""The sink: where a recording goes, when it is split, what ends it and when it goes on."""

import errno
import logging
import shutil
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Protocol

from av.error import FFmpegError

from bridge.frames.frame import Frame, Image
from bridge.transports import Options, TransportError
from bridge.transports.base import TransportBase
from bridge.transports.recording.film import FilmFile, working
from bridge.transports.recording.kinds import NUMBER, Wishes, chosen, newest, numbered
from bridge.transports.recording.pictures import PictureFiles
from engine.system import drives, held

log = logging.getLogger(__name__)

MEGABYTE = 10**6
LOOK = 1.0  # seconds between looks at the room on the disk
LEAST = 200 * MEGABYTE  # that stay free: a full disk takes more down than a recording
ENOUGH = 2 * LEAST  # to go on with a recording that has ended for want of room
SOON = 300.0  # seconds for which there is still room, from which on it is told
KNOWN = 10.0  # seconds of a recording that say how fast it grows
RETRY, LONGEST = 2.0, 10.0  # seconds until a recording that has ended is tried again; at most


class Writer(Protocol):
    """What `film.FilmFile` and `pictures.PictureFiles` are. What fails raises FFmpegError or
    OSError; `count` pictures of `bytes` in all were written since `began`.
    """

    count: int
    bytes: int
    began: float

    def write(self, image: Image, now: float) -> None: ...

    def hold(self, now: float) -> None: ...

    def finish(self, now: float) -> None: ...

    def abandon(self) -> None: ...


class Recording(TransportBase):
    """One film after another, or one picture after another. An older recording is left alone.

    A disk that is full ends the recording, not the show: `problem` tells for as long, and it goes
    on in a new file once that can be written.
    """

    keeps_last, needs_beat = False, True

    def __init__(self, path: Path, wishes: Wishes, options: Options) -> None:
        """Try the kind, then make the file; TransportError where that cannot be."""
        _check_place(path)
        self._wanted = path
        self._path = path
        self._wishes = wishes
        self._fps = options.fps
        self._film = chosen(path, wishes)
        size = options.width, options.height
        self._encoder = working(self._film, size, options.fps) if self._film else None
        if (room := _room(path.parent)) is not None and room < LEAST:
            raise TransportError(
                f"Only {_megabytes(room)} are free where {path} would be; make room, or choose "
                "another folder."
            )
        self._writer: Writer | None = self._next()
        self._index: int | None = None
        self._seen = self._looked = 0.0
        self._count = 0
        self._trouble = self._warning = ""
        self._ended: Path | None = None  # the file with which it ended
        self._again_at, self._pause = 0.0, RETRY

    def send(self, frame: Frame) -> None:
        """Record one picture; the same picture again only lasts longer."""
        now = self._seen = perf_counter()
        try:
            writer = self._ready(now)
            if writer is None:
                return
            if frame.index == self._index and writer.count:
                writer.hold(now)
                return
            writer.write(frame.image, now)
        except (FFmpegError, OSError) as error:
            full = ", so make room" if error.errno == errno.ENOSPC else ""
            self._end(f"{error.strerror or error}{full}")
            return
        except TransportError as error:  # the next file cannot be made
            self._end(str(error).rstrip("."))
            return
        self._index = frame.index
        self._count += 1
        if self._trouble:
            log.warning("recording goes on in %s", self._path)
            self._trouble, self._ended, self._pause = "", None, RETRY

    def close(self) -> None:
        """Finish the file; the last picture lasts until now."""
        if self._writer:
            try:
                self._finish(self._writer)
            except (FFmpegError, OSError) as error:
                log.warning("the end of %s is not recorded (%s)", self._path, error.strerror)
        self._writer = None

    @property
    def status(self) -> str:
        """The file, its kind and how much was recorded, or why it ended."""
        film, encoder = self._film, self._encoder
        by = f", {film.codec.title} by {encoder.name}" if film and encoder else ""
        return self._trouble or f"{self._path.name}{by}, {self._count} pictures"

    @property
    def problem(self) -> str:
        """That nothing is recorded any more, or soon, and why, in a sentence; empty for neither."""
        if not self._trouble:
            return self._warning
        trouble = f"{self._trouble[0].upper()}{self._trouble[1:]}"
        return f"{trouble}; it goes on in a new file once that can be written."

    def _ready(self, now: float) -> Writer | None:
        """What is to be written to now; None while there is nothing."""
        if self._writer is None:
            if now < self._again_at:
                return None
            self._resume()
        elif now - self._looked >= LOOK:
            self._looked = now
            self._watch(self._writer, now)
        if self._writer and self._full(self._writer, now):
            writer, self._writer = self._writer, None
            self._finish(writer)
            self._writer = self._next()
        return self._writer

    def _full(self, writer: Writer, now: float) -> bool:
        """Whether a part is as long as it is to be."""
        minutes, megabytes = self._wishes.minutes, self._wishes.megabytes
        return bool(writer.count) and (
            (minutes > 0 and now - writer.began >= 60 * minutes)
            or (megabytes > 0 and writer.bytes >= megabytes * MEGABYTE)
        )

    def _watch(self, writer: Writer, now: float) -> None:
        """End the recording while there is room to close it."""
        room, lasted = _room(self._path.parent), now - writer.began
        if room is None:
            return
        if room < LEAST:
            self._end(f"only {_megabytes(room)} are free on its disk, so make room")
        elif writer.count and lasted > KNOWN and writer.bytes:
            left = (room - LEAST) / (writer.bytes / lasted)
            soon = f"{self._path} has room for {max(1, round(left / 60))} min more; make room."
            self._warning = soon if left < SOON else ""

    def _end(self, why: str) -> None:
        """Record nothing for now."""
        self._ended = self._ended or self._path
        told = f"recording into {self._ended} ended: {why}"
        if told != self._trouble:
            log.warning("%s", told)
        self._trouble, self._warning = told, ""
        self._again_at = self._seen + self._pause
        self._pause = min(LONGEST, 2 * self._pause)
        writer, self._writer = self._writer, None
        if writer:
            try:
                self._finish(writer)
            except (FFmpegError, OSError) as error:
                log.warning("the end of %s is not recorded (%s)", self._path, error.strerror)

    def _resume(self) -> None:
        """Begin a new file; TransportError where that cannot be yet."""
        _check_place(self._wanted)
        room = _room(self._wanted.parent)
        if room is not None and room < ENOUGH:
            raise TransportError(f"only {_megabytes(room)} are free on its disk, so make room")
        self._writer = self._next()

    def _next(self) -> Writer:
        """A new file; TransportError where it cannot be made."""
        if not self._film or not self._encoder:
            return PictureFiles(self._path)
        try:
            self._path = _free(self._wanted)
            return FilmFile(self._path, self._film, self._encoder, self._fps)
        except (FFmpegError, OSError) as error:
            raise TransportError(f"{self._path} cannot be written: {error.strerror}.") from error

    def _finish(self, writer: Writer) -> None:
        try:
            writer.finish(self._seen)
        except (FFmpegError, OSError):
            writer.abandon()
            raise
        finally:
            if not writer.count and self._film:
                self._remove()

    def _remove(self) -> None:
        """A film without a picture is nothing to keep."""
        try:
            held.remove(self._path)
        except OSError as error:
            log.warning("%s is empty and stays (%s)", self._path, held.told(error))


def _check_place(path: Path) -> None:
    """TransportError where there is no folder for a file, or something else in its place."""
    if not drives.is_folder(path.parent):
        if what := drives.away(path):
            cure = drives.cure(path)
            raise TransportError(f"{what} to record {path} on; {cure}, or choose another.")
        raise TransportError(f"There is no folder {path.parent} to record into; make it first.")
    if path.exists() and not path.is_file():  # a pipe would wait for whoever reads it
        raise TransportError(f"{path} is no file to record into; give another path.")


def _free(path: Path) -> Path:
    """A path where nothing is yet: `show.mp4`, then `show-2.mp4` …; of `show-%04d.mp4` the one
    after the last, from `show-0001.mp4` on. OSError for a folder that cannot be read.
    """
    if NUMBER.search(path.name):
        return numbered(path, newest(path) + 1)
    others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return path if not path.is_file() else next(free for free in others if not free.exists())


def _room(folder: Path) -> int | None:
    """Bytes that are free; None where the system does not say, and writing will tell."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return usage.free if usage.total else None


def _megabytes(room: int) -> str:
    return f"{room // MEGABYTE} MB"
