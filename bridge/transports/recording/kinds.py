"""The kinds of recording as data: endings, codecs, encoders; and what a URI asks for.

`show.mp4` is H.264, `show.mov?codec=prores` ProRes 4444, `show.webm` VP9 with alpha, and
`show-%04d.png` a picture each; `?minutes=10&megabytes=4000` splits a film, whose parts
`show-%04d.mp4` numbers from 1 on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.transports import TransportError
from bridge.transports.base import number, wished

KEY = 2.0  # seconds from key frame to key frame, at any rate of pictures
FRAGMENT = 0.5  # seconds that wait in memory, and that a held picture lasts until it is sent again
FEWEST = {"minutes": 0.1, "megabytes": 1.0}  # of a part
LAMBDA = 118  # of FFmpeg: what one step of a quality is
NUMBER = re.compile(r"%(0[1-9])?d")  # in the name of a picture, or of a film that is split
MEANT = re.compile(r"%\d*d")  # what somebody took for one


@dataclass(frozen=True, slots=True)
class Encoder:
    """One of FFmpeg's encoders, which must give a picture back before it takes many more."""

    name: str
    pixels: str  # the format of the pictures that it is given
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Codec:
    """`names` as they may be typed, the first one first; `encoders` as they are tried."""

    names: tuple[str, ...]
    title: str
    encoders: tuple[Encoder, ...]
    tags: Mapping[str, str] = field(default_factory=dict[str, str])  # by muxer, if not FFmpeg's own


@dataclass(frozen=True, slots=True)
class Container:
    """A file's `muxer`, the options by which it writes at once, and the `codecs` that it holds."""

    muxer: str
    options: Mapping[str, str]
    codecs: tuple[Codec, ...]


@dataclass(frozen=True, slots=True)
class Film:
    """What a film is to be recorded as: any of the encoders that works."""

    container: Container
    codec: Codec
    encoders: tuple[Encoder, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What stands behind the `?` of a URI; 0 where a film is not to be split."""

    codec: str = ""
    minutes: float = 0.0
    megabytes: float = 0.0


def _x26x(name: str, preset: str, crf: str, params: str) -> Encoder:
    options = {"preset": preset, "tune": "zerolatency", "forced-idr": "1", "crf": crf}
    return Encoder(name, "yuv420p", {**options, f"{name.removeprefix('lib')}-params": params})


def _hardware(of: str) -> tuple[Encoder, ...]:
    """Of Nvidia, Intel, AMD and Apple: each told to keep no picture back."""
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
    {"mp4": "hvc1", "mov": "hvc1"},  # as QuickTime knows it
)
PRORES = Codec(
    ("prores",),
    "ProRes 4444",
    # The first is five times as fast; of FFmpeg before 8 only the other one writes alpha.
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
INSTEAD = f"end it in {', '.join(CONTAINERS)}, or -%04d.png for a file of each picture"


def asked(name: str) -> tuple[str, Wishes]:
    """The path in a URI, and what is asked for behind it; TransportError where that cannot be."""
    path, wishes = wished(name, ("codec", *FEWEST), "a recording")
    numbers = {key: number(key, wishes[key], FEWEST[key]) for key in FEWEST if key in wishes}
    return path, Wishes(codec=wishes.get("codec", "").strip().lower(), **numbers)


def chosen(path: Path, wishes: Wishes) -> Film | None:
    """What a recording's name and wishes say that it is; None for a file of each picture.
    TransportError, with what to take, where they name nothing that can be recorded.
    """
    ending = path.suffix.lower()
    meant = MEANT.findall(path.name)
    if len(meant) > 1:
        raise TransportError(f"{path.name} has {' and '.join(meant)}; number its files with one.")
    if meant and not NUMBER.search(path.name):
        cure = MEANT.sub("%04d", path.name)
        raise TransportError(f"{meant[0]} in {path.name} is no number of a file; write {cure}.")
    if ending in PICTURES:
        if not NUMBER.search(path.name):
            each = path.with_stem(f"{path.stem}-%04d").name
            raise TransportError(
                f"{path.name} is one picture; take {each} for a file of each, or a film as .mp4."
            )
        if wishes != Wishes():
            raise TransportError(f"{path.name} takes nothing behind ?; that is for films as .mp4.")
        return None
    container = CONTAINERS.get(ending)
    if container is None:
        what = f"{ending} is no kind of recording" if ending else "has no ending that says its kind"
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
            raise TransportError(f"{ending} holds no {codec.title}; end the name in {others}.")
    known = ", ".join(codec.names[0] for codec in container.codecs)
    raise TransportError(f"codec={wish} is not known; {ending} takes {known}.")


def numbered(path: Path, number: int) -> Path:
    """The file of that number, of a path whose name has a place for one."""
    return path.with_name(NUMBER.sub(lambda found: found[0] % number, path.name, count=1))


def newest(path: Path) -> int:
    """The highest number that is there; 0 for none. OSError for a folder that cannot be read."""
    before, after = NUMBER.split(path.name, maxsplit=1)[:: NUMBER.groups + 1]
    known = re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}")
    found = (known.fullmatch(file.name) for file in path.parent.iterdir())
    return max((int(one[1]) for one in found if one), default=0)
