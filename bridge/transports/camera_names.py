"""The cameras of this machine with their vendor names. Opens none of them."""

import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

DEVICES = Path("/dev")
SYSTEM = Path("/sys/class/video4linux")


def cameras() -> Mapping[int, str]:
    """Names by number; a name may be empty. On Windows the numbers are DirectShow's. Empty if the
    system does not list cameras.
    """
    if sys.platform == "win32":
        return directshow()
    return linux() if sys.platform == "linux" else {}


def linux() -> Mapping[int, str]:
    """The devices video0, video1 …; folders with such names do not count."""
    found: dict[int, str] = {}
    for path in DEVICES.glob("video*"):
        number = path.name.removeprefix("video")
        with suppress(OSError):  # just unplugged
            if number.isdecimal() and stat.S_ISCHR(path.stat().st_mode):
                found[int(number)] = _name(SYSTEM / path.name / "name")
    return dict(sorted(found.items()))


def directshow() -> Mapping[int, str]:
    """What FFmpeg lists: cameras first, then microphones. Some virtual cameras do not report their
    media type.
    """
    listed: Any = getattr(av, "enumerate_input_devices", None)  # PyAV has it since version 17
    if listed is None:
        return {}
    try:
        devices = listed("dshow")
    except (FFmpegError, OSError, ValueError):  # no devices, or FFmpeg was built without dshow
        return {}
    seen = [d for d in devices if "video" in d.media_types or not set(d.media_types) & {"audio"}]
    return {number: str(device.description) for number, device in enumerate(seen)}


def _name(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
