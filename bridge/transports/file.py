"""A video, an image, or a folder of them, looped; or a recording to a file."""

import re
from pathlib import Path

from bridge.system.paths import called, read_otherwise, refusal
from bridge.transports import Options, Source, TransportError
from bridge.transports.base import number, wished
from bridge.transports.film.pictures import StillSource
from bridge.transports.film.player import Player
from bridge.transports.film.sequence import Sequence, is_pattern, reel
from bridge.transports.recording import Recording, asked, chosen
from engine.system.drives import away, cure

KERNEL = (Path("/proc"), Path("/sys"))  # opening files there may block for ever
# A rate option; any other question mark belongs to the file name, and so does `?fps=3.png`
PACED = re.compile(r".+\?fps=(?![^?/\\]*\.[A-Za-z]\w{1,3}$)[^?/\\]*", re.DOTALL)
SLOWEST, FASTEST = 0.001, 240.0  # images per second


def check_source(name: str) -> None:
    """TransportError for a name that no file can have, or invalid options of an image folder; does
    not read the disk.
    """
    _path(name)
    if PACED.fullmatch(name):
        _paced(name)


def check_sink(name: str) -> None:
    """TransportError for a name or options that no recording can have; does not read the disk."""
    path, wishes = asked(name)
    chosen(_path(path), wishes)


def open_source(name: str, options: Options) -> Source:
    """`file:PATH` of a video or image; of a folder, or of numbered images such as
    `file:shot_%04d.png`, both with an optional `?fps=12` to replace the default of 30.
    """
    path, fps = _path(name), 0.0
    try:
        before, mark, _ = name.rpartition("?")
        if mark and not path.exists() and (PACED.fullmatch(name) or _path(before).exists()):
            name, fps = _paced(name)
            path = _path(name)
        if not path.exists() and not is_pattern(path):
            others = (_path(other) for other in read_otherwise(name))
            path = next((other for other in others if other.exists()), None) or called(path) or path
        if path.is_dir() or (is_pattern(path) and not path.exists()):
            return Player(Sequence(path, fps or options.fps, asked=fps > 0))
        _check_file(path)
        if fps:
            raise TransportError(f"{path} has its own frame rate; fps is for folders of images.")
        found = reel(path)
    except OSError as error:  # a locked drive, or a share whose machine is off
        raise TransportError(f"{path} cannot be opened: {error.strerror or error}.") from error
    return Player(found) if found else StillSource(path)


def open_sink(name: str, options: Options) -> Recording:
    """`file:PATH` to record to, with options after a `?`; an existing recording is kept, the new
    one gets a number.
    """
    path, wishes = asked(name)
    return Recording(_path(path), wishes, options)


def _check_file(path: Path) -> None:
    """TransportError if a path is missing or not a regular file."""
    if not path.is_file():
        if path.exists() and not path.is_dir():  # opening one may block for ever
            raise TransportError(f"{path} is a pipe or device, not a file; give a file.")
        if what := away(path):
            raise TransportError(f"{what} for {path}; {cure(path)}, or check the path.")
        raise TransportError(f"File not found: {path}; check the path.")
    if any(path.resolve().is_relative_to(folder) for folder in KERNEL):
        raise TransportError(f"{path} is a system file, not a clip; give a file on disk.")


def _path(name: str) -> Path:
    if not name:
        raise TransportError("file: needs a path, as in file:clip.mp4.")
    try:
        path = Path(name).expanduser().absolute()
    except RuntimeError:
        raise TransportError(f"No home directory found for {name}; write the full path.") from None
    if why := refusal(path):
        raise TransportError(why)
    return path


def _paced(name: str) -> tuple[str, float]:
    """The folder in a name, and the requested images per second; 0 if not given."""
    name, wishes = wished(name, ("fps",), "a folder of images")
    return name, number("fps", wishes["fps"], SLOWEST, FASTEST) if "fps" in wishes else 0.0
