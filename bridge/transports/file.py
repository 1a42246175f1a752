"""A film, a picture, or a folder of them, over and over; or a recording into a file."""

import re
from pathlib import Path

from bridge.system.paths import called, read_otherwise, refusal
from bridge.transports import Options, Source, TransportError
from bridge.transports.base import number, wished
from bridge.transports.film.pictures import StillSource
from bridge.transports.film.player import Player
from bridge.transports.film.sequence import Sequence, is_pattern, reel
from bridge.transports.recording import Recording, asked
from engine.system.drives import away, cure

KERNEL = (Path("/proc"), Path("/sys"))  # what looks like files there may wait for ever
# What asks for a rate; any other question mark is of a file's name, and so is `?fps=3.png`
PACED = re.compile(r".+\?fps=(?![^?/\\]*\.[A-Za-z]\w{1,3}$)[^?/\\]*", re.DOTALL)
SLOWEST, FASTEST = 0.001, 240.0  # pictures a second


def check_source(name: str) -> None:
    """TransportError for what cannot be asked of any folder of pictures; looks at no disk."""
    if PACED.fullmatch(name):
        _paced(name)


def open_source(name: str, options: Options) -> Source:
    """`file:PATH` of a film or picture; of a folder, or of pictures whose names count, such as
    `file:shot_%04d.png`, both with `?fps=12` behind them where 30 pictures a second are wrong.
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
            raise TransportError(f"{path} has a rate of its own; fps is for folders of pictures.")
        found = reel(path)
    except OSError as error:  # of a locked drive, or a share whose machine is off
        raise TransportError(f"{path} cannot be opened: {error.strerror or error}.") from error
    return Player(found) if found else StillSource(path)


def open_sink(name: str, options: Options) -> Recording:
    """`file:PATH` to record into, with wishes behind a `?`; an older recording is left alone, the
    new one gets a number.
    """
    path, wishes = asked(name)
    return Recording(_path(path), wishes, options)


def _check_file(path: Path) -> None:
    """TransportError where a path leads to no file, or to one that is none."""
    if not path.is_file():
        if path.exists() and not path.is_dir():  # to open one may wait for ever
            raise TransportError(f"{path} is no file but a pipe or device; give a file.")
        if what := away(path):
            raise TransportError(f"{what}, so no {path}; {cure(path)}, or check the path.")
        raise TransportError(f"There is no file {path}; check the path.")
    if any(path.resolve().is_relative_to(folder) for folder in KERNEL):
        raise TransportError(f"{path} is no clip: it is made by the system; give a file.")


def _path(name: str) -> Path:
    if not name:
        raise TransportError("file: needs a path, as in file:clip.mp4.")
    try:
        path = Path(name).expanduser().absolute()
    except RuntimeError:
        raise TransportError(
            f"There is no home directory for {name}; write the path out."
        ) from None
    if why := refusal(path):
        raise TransportError(why)
    return path


def _paced(name: str) -> tuple[str, float]:
    """The folder in a name, and the pictures a second that are asked for; 0 for none."""
    name, wishes = wished(name, ("fps",), "a folder of pictures")
    return name, number("fps", wishes["fps"], SLOWEST, FASTEST) if "fps" in wishes else 0.0
