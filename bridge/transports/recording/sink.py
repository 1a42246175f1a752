"""The sink: where a recording goes, when it splits, stops and continues."""

import errno
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from time import perf_counter
from typing import Protocol

from av.error import FFmpegError

from bridge.frames.frame import Frame, Image
from bridge.transports import Options, TransportError
from bridge.transports.base import TransportBase
from bridge.transports.recording.film import FilmFile, working
from bridge.transports.recording.kinds import NUMBER, Wishes, chosen, newest, numbered
from bridge.transports.recording.lookout import Lookout
from bridge.transports.recording.pictures import PictureFiles
from engine.system import drives, held

log = logging.getLogger(__name__)

MEGABYTE = 10**6
LOOK = 1.0  # seconds between checks of the free disk space
LEAST = 200 * MEGABYTE  # kept free: a full disk breaks more than a recording
SHARE = 0.05  # of a small disk, kept free instead
ENOUGH = 2  # times as much to continue a recording that stopped for lack of space
SOON = 300.0  # seconds of remaining space from which a warning is shown
KNOWN = 10.0  # seconds of recording after which its rate of growth is known
RETRY, LONGEST = 2.0, 10.0  # seconds until a stopped recording is retried; the maximum
TOLD = 60.0  # seconds for which a lost file is reported once the recording continues


class Writer(Protocol):
    """The interface of `film.FilmFile` and `pictures.PictureFiles`. Failures raise FFmpegError or
    OSError; `count` frames, `bytes` in total, were written since `began`.
    """

    count: int
    bytes: int
    began: float

    def write(self, image: Image, now: float) -> None: ...

    def hold(self, now: float) -> None: ...

    def finish(self, now: float) -> None: ...

    def abandon(self) -> None: ...


class Recording(TransportBase):
    """One video after another, or one image after another. Existing recordings are kept. Of a
    `steady` output they have exactly its rate.

    A full disk stops the recording, not the show: `problem` reports it meanwhile, and the recording
    continues in a new file once one can be written. So it does, at once, when another program
    deletes, moves or replaces the file.
    """

    keeps_last, needs_beat = False, True

    def __init__(self, path: Path, wishes: Wishes, options: Options) -> None:
        """Test the format, then create the file; TransportError on failure."""
        _check_place(path)
        self._wanted = path
        self._path = path
        self._wishes = wishes
        self._fps, self._steady = options.fps, options.steady
        self._film = chosen(path, wishes)
        size = options.width, options.height
        self._encoder = working(self._film, size, options.fps) if self._film else None
        if (room := Room.of(path.parent)) and room.free < room.least:
            raise TransportError(
                f"Only {_megabytes(room.free)} are free on the disk for {path}, which needs "
                f"{_megabytes(room.least)}; make room, or choose another folder."
            )
        self._lookout: Lookout | None = None  # for the current video, once it is on the disk
        self._lost: list[Path] = []  # names that are not used again
        self._number = 0  # of the last file written, if they are numbered
        self._part = 0  # of the current video
        self._device = _device(path.parent)
        self._writer: Writer | None = self._next()
        self._index: int | None = None
        self._seen = self._looked = 0.0
        self._count = 0
        self._trouble = self._warning = ""
        self._loss = ""  # how the last file was lost
        self._notice, self._notice_until = "", 0.0
        self._continues = ""  # when it does
        self._ended: Path | None = None  # the file in which it stopped
        self._again_at, self._pause = 0.0, RETRY

    def send(self, frame: Frame) -> None:
        """Record one frame, or the same again."""
        now = self._seen = perf_counter()
        try:
            writer = self._ready(now)
            if writer is None:
                return
            if frame.index == self._index and writer.count:
                writer.hold(now)
                return
            writer.write(frame.image, now)
            if self._film and writer.bytes and not self._lookout:
                self._lookout = Lookout(self._path)
        except FileNotFoundError:  # a moved folder
            self._lose()
            return
        except (FFmpegError, OSError) as error:
            full = error.errno == errno.ENOSPC
            why = f"{error.strerror or error}{'. Make room' if full else ''}"
            self._end(why, Room.of(self._path.parent) if full else None)
            return
        except FullError as error:
            self._end(str(error), error.room)
            return
        except TransportError as error:  # the next file cannot be created
            self._end(str(error).rstrip("."))
            return
        self._index = frame.index
        self._count += 1
        if self._trouble:
            log.warning("recording continues in %s", self._path)
            if self._loss:
                self._notice = f"{self._loss}; it continues in {self._path}."
                self._notice_until = now + TOLD
            self._trouble, self._loss, self._ended, self._pause = "", "", None, RETRY

    def close(self) -> None:
        """Finish the file; the last frame lasts until now."""
        if self._writer:
            try:
                self._finish(self._writer)
            except (FFmpegError, OSError) as error:
                log.warning("the end of %s was not recorded (%s)", self._path, error.strerror)
        self._writer = None

    @property
    def written(self) -> int:
        """How many new frames were recorded, in all files."""
        return self._count

    @property
    def status(self) -> str:
        """The file, its format and how much was recorded, or why it stopped."""
        film, encoder = self._film, self._encoder
        by = f", {film.codec.title} by {encoder.name}" if film and encoder else ""
        return self._trouble or f"{self._path.name}{by}, {self._count} frames"

    @property
    def path(self) -> Path:
        """The file written now."""
        return self._path

    @property
    def stopped(self) -> str:
        """Why nothing is recorded now, in a sentence; empty if it is, or will be at once."""
        if not self._trouble or self._again_at <= self._seen:
            return ""
        return f"{self._trouble[0].upper()}{self._trouble[1:]}."

    @property
    def problem(self) -> str:
        """That recording has stopped or soon will, and why, in a sentence; else empty."""
        if not self._trouble:
            return self._notice if self._seen < self._notice_until else self._warning
        trouble = f"{self._trouble[0].upper()}{self._trouble[1:]}"
        return f"{trouble}; it continues in a new file {self._continues}."

    def _ready(self, now: float) -> Writer | None:
        """The current writer; None while recording is stopped."""
        if self._lookout and self._lookout.gone:
            self._lose()
        if self._writer is None:
            if now < self._again_at:
                return None
            self._resume()
        elif now - self._looked >= LOOK:
            self._looked = now
            if self._lookout:
                self._lookout.look()
            self._watch(self._writer, now)
        if self._writer and self._full(self._writer, now):
            writer, self._writer = self._writer, None
            self._finish(writer)
            self._writer = self._next()
        return self._writer

    def _full(self, writer: Writer, now: float) -> bool:
        """Whether a part has reached its limit."""
        minutes, megabytes = self._wishes.minutes, self._wishes.megabytes
        return bool(writer.count) and (
            (minutes > 0 and now - writer.began >= 60 * minutes)
            or (megabytes > 0 and writer.bytes >= megabytes * MEGABYTE)
        )

    def _watch(self, writer: Writer, now: float) -> None:
        """Stop recording while there is room to close the file."""
        room, lasted = Room.of(self._path.parent), now - writer.began
        if room is None:
            return
        if room.free < room.least:
            self._end(str(FullError(room)), room)
        elif writer.count and lasted > KNOWN and writer.bytes:
            left = (room.free - room.least) / (writer.bytes / lasted)
            more = f"{round(left / 60)} more min" if left >= 60 else "less than a minute"
            soon = f"{self._path} has room for {more}; make room."
            self._warning = soon if left < SOON else ""

    def _lose(self) -> None:
        """The file, or an image's folder, lost its name: continue in a new one, at once unless that
        was tried before.
        """
        first = not self._trouble
        self._lost.append(self._path)
        self._end(f"{'the file' if self._film else 'its folder'} was deleted or moved")
        self._loss = f"{self._trouble[0].upper()}{self._trouble[1:]}"
        if first:
            self._again_at = self._seen

    def _end(self, why: str, full: "Room | None" = None) -> None:
        """Stop recording for now; `full` is the state of the disk if that is the reason."""
        self._ended = self._ended or self._path
        told = f"recording to {self._ended} stopped: {why}"
        if told != self._trouble:
            log.warning("%s", told)
        self._trouble, self._warning = told, ""
        self._continues = "as soon as one can be written"
        if full and full.free < full.enough:  # else it is a quota, or over already
            self._continues = f"once {_megabytes(full.enough)} are free"
        self._again_at = self._seen + self._pause
        self._pause = min(LONGEST, 2 * self._pause)
        writer, self._writer = self._writer, None
        if writer:
            try:
                self._finish(writer)
            except (FFmpegError, OSError) as error:
                log.warning("the end of %s was not recorded (%s)", self._path, error.strerror)

    def _resume(self) -> None:
        """Start a new file; TransportError while that is not possible."""
        folder = self._wanted.parent
        # A disk's own folder comes back with the disk.
        if not drives.is_folder(folder) and _device(folder.parent) == self._device:
            with suppress(OSError):  # told by `_check_place`
                folder.mkdir()
        _check_place(self._wanted)
        room = Room.of(self._wanted.parent)
        if room and room.free < room.enough:
            raise FullError(room)
        self._writer = self._next()

    def _next(self) -> Writer:
        """A new file; TransportError if it cannot be created."""
        if not self._film or not self._encoder:
            return PictureFiles(self._path, self._number, self._fps if self._steady else 0.0)
        try:
            self._path = self._free(self._wanted)
            return FilmFile(self._path, self._film, self._encoder, self._fps, steady=self._steady)
        except (FFmpegError, OSError) as error:
            raise TransportError(f"{self._path} cannot be written: {error.strerror}.") from error

    def _free(self, path: Path) -> Path:
        """An unused path: `show.mp4`, then `show-2.mp4` …; for `show-%04d.mp4` the next number,
        from `show-0001.mp4`. OSError if the folder cannot be read.
        """
        if NUMBER.search(path.name):
            self._part = max(newest(path), self._number) + 1
            return numbered(path, self._part)
        others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
        free = (one for one in chain((path,), others) if not one.exists())
        return next(one for one in free if one not in self._lost)

    def _finish(self, writer: Writer) -> None:
        self._lookout = None
        if isinstance(writer, PictureFiles):
            self._number = writer.number
        elif writer.count:
            self._number = self._part
        try:
            writer.finish(self._seen)
        except (FFmpegError, OSError):
            writer.abandon()
            raise
        finally:
            if not writer.count and self._film:
                self._remove()

    def _remove(self) -> None:
        """Delete a video without frames."""
        try:
            held.remove(self._path)
        except OSError as error:
            log.warning("%s is empty and could not be deleted (%s)", self._path, held.told(error))


def _check_place(path: Path) -> None:
    """TransportError if a file's folder is missing, or its path is not a file."""
    if not drives.is_folder(path.parent):
        if what := drives.away(path):
            cure = drives.cure(path)
            raise TransportError(f"{what} to record {path}; {cure}, or choose another.")
        raise TransportError(f"Folder not found: {path.parent}; create it before recording.")
    if path.exists() and not path.is_file():  # a pipe would wait for a reader
        raise TransportError(f"{path} is not a file to record to; choose another path.")


def _device(folder: Path) -> int | None:
    """The disk of a folder; None if it is missing."""
    try:
        return folder.stat().st_dev
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Room:
    """The disk of a folder, in bytes: what is free, what is to be kept free, and what it takes to
    continue a recording.
    """

    free: int
    least: int

    @classmethod
    def of(cls, folder: Path) -> "Room | None":
        """None if the system does not report it."""
        try:
            usage = shutil.disk_usage(folder)
        except OSError:
            return None
        share = round(SHARE * usage.total, -5)  # as exactly as it is shown
        return cls(usage.free, min(LEAST, int(share))) if usage.total else None

    @property
    def enough(self) -> int:
        return ENOUGH * self.least


class FullError(TransportError):
    """The disk is too full; the text asks for room."""

    def __init__(self, room: Room) -> None:
        super().__init__(f"only {_megabytes(room.free)} are free on the disk. Make room")
        self.room = room


def _megabytes(size: int) -> str:
    """Rounded down: 199 MB, 12.5 MB."""
    megabytes = size / MEGABYTE
    return f"{int(megabytes) if megabytes >= 100 else int(10 * megabytes) / 10:g} MB"
