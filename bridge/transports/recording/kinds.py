"""The recording formats as data: extensions, codecs, encoders; and the options in a URI.

`show.mp4` is H.264, `show.mov?codec=prores` ProRes 4444, `show.webm` VP9 with alpha, and
`show-%04d.png` one image per tick; `?minutes=10&megabytes=4000` splits a video, whose parts
`show-%04d.mp4` numbers from 1. Which name is free: `_free` in `sink.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.transports import TransportError
from bridge.transports.base import number, wished

KEY = 2.0  # seconds between key frames, at any frame rate
# Seconds buffered in memory and, without a fixed rate, until a held frame is written again
FRAGMENT = 0.5
FEWEST = {"minutes": 0.1, "megabytes": 1.0}  # of a part
LAMBDA = 118  # FFmpeg's scale of one quality step
NUMBER = re.compile(r"%(0[1-9])?d")  # in the name of an image, or of a split video
MEANT = re.compile(r"%\d*d")  # what a user may mean as one


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of FFmpeg's encoders; it must return frames with little delay."""

    name: str
    pixels: str  # its input pixel format
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Codec:
    """`names` as they may be typed, the preferred one first; `encoders` in the order tried."""

    names: tuple[str, ...]
    title: str
    encoders: tuple[Encoder, ...]
    tags: Mapping[str, str] = field(default_factory=dict[str, str])  # by muxer, if not FFmpeg's own


@dataclass(frozen=True, slots=True)
class Container:
    """A file's `muxer`, its options for writing at once, and the `codecs` it can hold."""

    muxer: str
    options: Mapping[str, str]
    codecs: tuple[Codec, ...]


@dataclass(frozen=True, slots=True)
class Film:
    """The format of a video: any of the encoders that works."""

    container: Container
    codec: Codec
    encoders: tuple[Encoder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """The options after the `?` of a URI; 0 means not split."""

    codec: str = ""
    minutes: float = 0.0
    megabytes: float = 0.0


def _x26x(name: str, preset: str, crf: str, params: str) -> Encoder:
    options = {"preset": preset, "tune": "zerolatency", "forced-idr": "1", "crf": crf}
    return Encoder(name, "yuv420p", {**options, f"{name.removeprefix('lib')}-params": params})


def _hardware(of: str) -> tuple[Encoder, ...]:
    """Encoders of Nvidia, Intel, AMD and Apple, each set to hold back no frame."""
    return (
        Encoder(
            f"{of}_nvenc", "nv12",
            {"preset": "p4", "rc": "vbr", "cq": "21", "b": "0", "delay": "0", "zerolatency": "1",
             "forced-idr": "1", "bf": "0"},
        ),
        Encoder(
            f"{of}_qsv", "nv12",
            {"global_quality": "21", "async_depth": "1", "forced_idr": "1", "bf": "0"},
        ),
        Encoder(
            f"{of}_amf", "nv12",
            {"usage": "lowlatency", "rc": "cqp", "qp_i": "20", "qp_p": "22", "forced_idr": "1",
             "bf": "0"},
        ),
        Encoder(
            f"{of}_videotoolbox", "nv12",
            {"global_quality": str(65 * LAMBDA), "flags": "+qscale", "realtime": "1", "bf": "0"},
        ),
    )  # fmt: skip


QUIET = "log-level=error"
H264 = Codec(
    ("h264", "avc"),
    "H.264",
    (*_hardware("h264"), _x26x("libx264", "veryfast", "20", QUIET)),
)
HEVC = Codec(
    ("hevc", "h265"),
    "HEVC",
    (*_hardware("hevc"), _x26x("libx265", "superfast", "22", QUIET)),
    {"mp4": "hvc1", "mov": "hvc1"},  # as QuickTime expects
)
PRORES = Codec(
    ("prores",),
    "ProRes 4444",
    # The first is five times as fast; before FFmpeg 8 only the second writes alpha.
    (
        Encoder("prores_aw", "yuva444p10le", {"profile": "4"}),
        Encoder("prores_ks", "yuva444p10le", {"profile": "4", "alpha_bits": "16"}),
    ),
)
VP9 = Codec(
    ("vp9",),
    "VP9 with alpha",
    (
        Encoder(
            "libvpx-vp9", "yuva420p",
            {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "lag-in-frames": "0",
             "auto-alt-ref": "0", "crf": "24", "b": "0"},
        ),
    ),
)  # fmt: skip
CODECS = (H264, HEVC, PRORES, VP9)

_MP4 = {"frag_duration": str(round(FRAGMENT * 1e6))}
_MATROSKA = {"cluster_time_limit": str(round(FRAGMENT * 1e3))}
CONTAINERS = {
    ".mp4": Container("mp4", _MP4, (H264, HEVC)),
    ".m4v": Container("mp4", _MP4, (H264, HEVC)),
    ".mov": Container("mov", _MP4, (H264, HEVC, PRORES)),
    ".mkv": Container("matroska", _MATROSKA, (H264, HEVC, PRORES, VP9)),
    ".webm": Container("webm", _MATROSKA, (VP9,)),
    ".ts": Container("mpegts", {}, (H264, HEVC)),
}
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
INSTEAD = f"end it in {', '.join(CONTAINERS)}, or -%04d.png for one file per frame"


def asked(name: str) -> tuple[str, Wishes]:
    """The path in a URI and its options; TransportError if they are invalid."""
    path, wishes = wished(name, ("codec", *FEWEST), "a recording")
    numbers = {key: number(key, wishes[key], FEWEST[key]) for key in FEWEST if key in wishes}
    return path, Wishes(codec=wishes.get("codec", "").strip().lower(), **numbers)


def chosen(path: Path, wishes: Wishes) -> Film | None:
    """The format given by a recording's name and options; None for one file per frame.
    TransportError, with the cure, if they name no recordable format.
    """
    ending = path.suffix.lower()
    meant = MEANT.findall(path.name)
    if len(meant) > 1:
        raise TransportError(f"{path.name} has {' and '.join(meant)}; use one to number its files.")
    if meant and not NUMBER.search(path.name):
        cure = MEANT.sub("%04d", path.name)
        raise TransportError(f"{meant[0]} in {path.name} is not a file number; write {cure}.")
    if ending in PICTURES:
        if not NUMBER.search(path.name):
            each = path.with_stem(f"{path.stem}-%04d").name
            raise TransportError(
                f"{path.name} is a single image; use {each} for one file per frame, or .mp4 "
                "for a video."
            )
        if wishes != Wishes():
            raise TransportError(
                f"{path.name} takes no options after ?; they are for videos such as .mp4."
            )
        return None
    container = CONTAINERS.get(ending)
    if container is None:
        what = f"{ending} is not a recording format" if ending else "the file extension is missing"
        raise TransportError(f"{path.name}: {what}; {INSTEAD}.")
    return _film(ending, container, wishes.codec)


def _film(ending: str, container: Container, wish: str) -> Film:
    if not wish:
        codec = container.codecs[0]
        return Film(container, codec, codec.encoders)
    for codec in CODECS:
        encoders = tuple(one for one in codec.encoders if wish in (*codec.names, one.name))
        if encoders and codec in container.codecs:
            return Film(container, codec, encoders)
        if encoders:
            others = " or ".join(end for end, one in CONTAINERS.items() if codec in one.codecs)
            raise TransportError(f"{ending} cannot hold {codec.title}; end the name in {others}.")
    known = ", ".join(codec.names[0] for codec in container.codecs)
    raise TransportError(f"Unknown codec={wish}; {ending} takes {known}.")


def numbered(path: Path, number: int) -> Path:
    """The file with that number, for a path with a number placeholder."""
    return path.with_name(NUMBER.sub(lambda found: found[0] % number, path.name, count=1))


def newest(path: Path) -> int:
    """The highest existing number; 0 for none. OSError if the folder cannot be read."""
    before, after = NUMBER.split(path.name, maxsplit=1)[:: NUMBER.groups + 1]
    known = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
    found = (known.fullmatch(file.name) for file in path.parent.iterdir())
    return max((int(one[1]) for one in found if one), default=0)
