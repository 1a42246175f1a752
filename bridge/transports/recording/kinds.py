"""The kinds of recording as data: endings, codecs, encoders; and what a URI asks for.

`show.mp4` is H.264, `show.mov?codec=prores` ProRes 4444, `show.webm` VP9 with alpha, and
`show-%04d.png` a picture each; `?minutes=10&megabytes=4000` splits a film.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from bridge.transports import TransportError

KEY = 2.0  # seconds from key frame to key frame, at any rate of pictures
FRAGMENT = 0.5  # seconds that wait in memory, and that a held picture lasts until it is sent again
FEWEST = {"minutes": 0.1, "megabytes": 1.0}  # of a part
LAMBDA = 118  # of FFmpeg: what one step of a quality is
QUERY = re.compile(r"(.*)\?(\w+=[^?/\\]*)", re.DOTALL)
NUMBER = re.compile(r"%(0\d)?d")  # in the name of a picture


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
    found = QUERY.fullmatch(name)
    if not found:
        return name, Wishes()
    given = dict(parse_qsl(found[2], keep_blank_values=True))
    numbers = {key: _number(key, given.pop(key)) for key in FEWEST if key in given}
    codec = given.pop("codec", "").strip().lower()
    if given:
        known = ", ".join(f"{key}=" for key in ("codec", *FEWEST))
        raise TransportError(f"A recording has no {next(iter(given))}=; behind ? it takes {known}.")
    return found[1], Wishes(codec=codec, **numbers)


def chosen(path: Path, wishes: Wishes) -> Film | None:
    """What a recording's name and wishes say that it is; None for a file of each picture.
    TransportError, with what to take, where they name nothing that can be recorded.
    """
    ending = path.suffix.lower()
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


def _number(key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not FEWEST[key] <= number < math.inf:
        raise TransportError(f"{key}={text} cannot be; write a number from {FEWEST[key]:g} on.")
    return number
