"""Settings, chosen at start by flag or by SPOUT_BRIDGE_<NAME> in the environment."""

import os
import sys
from collections.abc import Collection
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin
from urllib.parse import urlsplit

from annotated_types import Ge, Le
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from bridge.system.ice import IceServer
from bridge.system.ice import checked as checked_ice
from bridge.system.paths import bare, bridge_name, meant, path_of, place
from engine import sizes
from engine.parameters import Size, digits, measured
from engine.remote.address import checked, is_address
from engine.system.data_folder import data_folder
from engine.system.texts import mended

ENGINES = ("process", "thread")  # on this machine
PREFIX = "SPOUT_BRIDGE_"  # of environment variables
DRIFTED = 2.0  # standard deviations, from which a show re-anchors unless told otherwise
NEAR = 0.6  # similarity, 0 to 1, from which a name is suggested


def webhook(url: str) -> str:
    """The URL, or empty; ValueError, whose text does not quote it, since it may hold a secret."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port or bracketed address
        good = False
    if url and (not good or not url.isascii() or any(c.isspace() or ord(c) < 32 for c in url)):
        raise ValueError("takes a URL such as https://example.org/hook")
    return url


ExactSize: TypeAlias = Annotated[str, AfterValidator(sizes.exact)]
Uri: TypeAlias = Annotated[str, AfterValidator(meant)]
NoSize: TypeAlias = Annotated[str, AfterValidator(lambda text: text and sizes.exact(text))]


def engine_place(text: str) -> str:
    """Where an engine runs, in its plain form; ValueError for what is neither. Whether ws:// may be
    used, `Settings` decides.
    """
    if not text or text in ENGINES:
        return text
    if is_address(text):
        return checked(text, insecure=True)
    raise ValueError(f"takes {' or '.join(ENGINES)} or an address such as wss://studio.local:8443")


def unknown_variables() -> dict[str, str]:
    """Unknown SPOUT_BRIDGE_<NAME> variables in the environment, each with the closest known name,
    or an empty string.
    """
    known = [name.upper() for name in Settings.model_fields]
    given = [name for name in os.environ if name.upper().startswith(PREFIX)]
    strange = {name: rest for name in given if (rest := name.upper()[len(PREFIX) :]) not in known}
    near = {name: get_close_matches(rest, known, 1, NEAR) for name, rest in strange.items()}
    return {name: f"{PREFIX}{found[0]}" if found else "" for name, found in near.items()}


def said(name: str, flags: Collection[str]) -> str:
    """A setting by the name under which a user gave it: `--port`, or SPOUT_BRIDGE_PORT if it is not
    among the `flags` and in the environment.
    """
    variable = f"{PREFIX}{name.upper()}"
    if name not in flags and variable in (given.upper() for given in os.environ):
        return variable
    return f"--{name.replace('_', '-')}"


def shown_default(field: FieldInfo) -> str:
    """A setting's default as typed; empty for none, and for a folder of this user."""
    default = field.default
    if default is PydanticUndefined or default is None or isinstance(default, bool):
        return ""
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def accepts(name: str) -> str:
    """What a setting accepts, to follow its name: `takes a whole number from 0 to 8`."""
    field = Settings.model_fields[name]
    kinds: tuple[Any, ...] = get_args(field.annotation) or (field.annotation,)
    if get_origin(field.annotation) is Literal:
        return f"takes {' or '.join(kinds)}"
    nouns = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
    words = next((nouns[kind] for kind in kinds if kind in nouns), "text")
    bounds = {type(mark): mark for mark in field.metadata}
    low, high = bounds.get(Ge), bounds.get(Le)
    words += f" from {low.ge:g}" if low else ""
    words += f" to {high.le:g}" if high else " on" if low else ""
    return f"takes {words}"


# Headings of the help: each starts at the setting named.
GROUPS = {
    "source": "input and output",
    "pipeline": "pipeline",
    "host": "page and REST",
    "osc_feedback": "OSC",
    "midi": "MIDI",
    "fallback": "when something fails",
    "folder": "files and process",
}


class Settings(BaseModel):
    """Every field is a flag of `spout-bridge run` and a variable SPOUT_BRIDGE_<FIELD>."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    source: Uri = Field(
        default="",
        description="where frames come from; by default Spout on Windows, the demo elsewhere",
    )
    control: Uri = Field(
        default="",
        description="live control video for VACE, by URI: depth, pose, edges, or none",
    )
    mask: Uri = Field(
        default="",
        description="live mask for VACE, by URI: white where the image may change, or none",
    )
    sink: Uri = Field(
        default="",
        description="where frames are sent; by default <Name>Out: Spout on Windows, shm elsewhere",
    )
    output_size: ExactSize = Field(
        default="1280x720", description="size of the frames sent, for the whole run"
    )
    output_fps: float = Field(
        default=60,
        ge=1,
        le=240,
        description="most frames sent per second, for the whole run; the rate of Spout and files",
    )
    gpu_scale: NoSize = Field(
        default="",
        description="largest size at which Spout frames are read; the GPU scales larger ones down",
    )
    fit: Literal["cover", "contain", "stretch"] = Field(
        default="cover", description="how frames of another shape are fitted"
    )
    alpha: Literal["opaque", "input"] = Field(
        default="opaque", description="alpha sent: opaque, or as the pipeline gives it"
    )
    name: Annotated[str, AfterValidator(bridge_name)] = Field(
        default="Bridge", description="name of this bridge; its output is <Name>Out"
    )
    pipeline: str = Field(default="stylize", description="pipeline to start with")
    size: Size = Field(default="auto", description="engine size: auto or WIDTHxHEIGHT")
    gpu: int | None = Field(
        default=None,
        ge=0,
        description="GPU for the engine, numbered as in nvidia-smi; Spout needs its host's GPU",
    )
    device: Literal["auto", "cpu"] = Field(
        default="auto",
        description="what the engine computes on: auto, an NVIDIA GPU if there is one, or cpu",
    )
    engine: Annotated[str, AfterValidator(engine_place)] = Field(
        default="process",
        description="where the engine runs: process, wss://HOST:PORT of `spout-bridge serve` on "
        "another machine, or cluster://HOST:PORT; thread is for tests",
    )
    standby: Annotated[str, AfterValidator(engine_place)] = Field(
        default="",
        description="wss://HOST:PORT of a second server, whose engine takes over when the line to "
        "the first is lost",
    )
    engine_token: str = Field(
        default="", description="token of these servers, or @FILE that holds it"
    )
    engine_ca: Path | None = Field(
        default=None, description="file of the authority that signed their certificates"
    )
    engine_coding: Literal["h264", "jpeg", "raw"] = Field(  # as in `engine/remote/codec.py`
        default="h264",
        description="how frames are sent to them: h264, or in a fast network jpeg or raw",
    )
    insecure: bool = Field(
        default=False, description="allow ws:// from and to other machines, which anyone can read"
    )
    models: Path | None = Field(
        default=None, description="folder of the weights; by default models in --folder"
    )
    more_models: tuple[Path, ...] = Field(
        default=(),
        description="more folders with weights, such as those of ComfyUI or on another disk",
    )
    cache: Path | None = Field(
        default=None,
        description="folder for compiled programs, which make later starts faster; by default "
        "cache in --folder",
    )
    host: str = Field(
        default="127.0.0.1",
        description="address to serve HTTP on; any but loopback needs --token",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="port for HTTP (TCP) and OSC (UDP)")
    lan: bool = Field(
        default=False,
        description="open the page to the network, with a token that this machine needs too",
    )
    new_token: bool = Field(
        default=False, description="make another token for --lan; the links with the old one end"
    )
    token: str = Field(default="", description="secret required for HTTP, from this machine too")
    allow_host: tuple[str, ...] = Field(
        default=(), description="more host names that browsers may use for this machine"
    )
    osc_feedback: tuple[str, ...] = Field(
        default=("127.0.0.1:9000",),
        description="HOST:PORT,… to send OSC feedback to, or none",
    )
    osc_lan: bool = Field(default=False, description="open OSC to the addresses of --osc-allow")
    osc_allow: tuple[str, ...] = Field(
        default=(), description="addresses or networks that may send OSC"
    )
    mdns: bool = Field(
        default=False,
        description="announce OSC and OSCQuery by mDNS, to the network where they are open to it",
    )
    osc_timetags: bool = Field(
        default=False, description="let OSC bundles wait up to a second for their time tags"
    )
    ice_servers: Annotated[tuple[str, ...], AfterValidator(checked_ice)] = Field(
        default=(),
        description="stun:HOST:PORT, turn:USER:PASSWORD@HOST:PORT: servers that help whip: and "
        "whep: through routers",
    )
    midi: tuple[str, ...] = Field(
        default=(),
        description="NAME,… of MIDI ports of this machine to open, or parts of their names; see "
        "`spout-bridge list midi`",
    )
    fallback: Uri = Field(
        default="hold",
        description="shown while the engine delivers no frames: PIPELINE, file:CLIP, card or hold",
    )
    reanchor: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="drift, in standard deviations, from which the stream forgets its past images; "
        "0 for never; unless set, 2 with --fallback or FILE.show, else 0",
    )
    blocked_words: Path | None = Field(
        default=None,
        description="file of words that no prompt may have, one word or phrase a line, # comments",
    )
    alarm: Annotated[str, AfterValidator(webhook)] = Field(
        default="",
        description="http(s) URL notified when the engine fails and when it is back",
    )
    hang_s: float | None = Field(
        default=None,
        ge=0.5,
        le=600,
        description="seconds without a frame until a worker is restarted, or five blocks' time if "
        "longer; 3 unless set",
    )
    load_s: float = Field(default=600, ge=1, le=7200, description="maximum loading time in seconds")
    settle_s: float = Field(
        default=5,
        ge=0,
        le=600,
        description="seconds of running after which the count of crashes is reset",
    )
    folder: Path = Field(
        default_factory=data_folder, description="folder for assets, the journal and the log"
    )
    fresh: bool = Field(
        default=False, description="start clean: restore nothing from the previous run"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="lowest level written to the log, <folder>/logs/<Name>.log"
    )
    allow_sleep: bool = Field(
        default=False, description="let Windows and its displays sleep while the bridge runs"
    )
    stop_on_stdin_end: bool = Field(
        default=False, description="stop as on Ctrl-C when standard input, a pipe, is closed"
    )

    _flags: frozenset[str] = PrivateAttr(default=frozenset())

    def __init__(self, **given: Any) -> None:
        """`given` are the flags; the environment supplies the rest."""
        super().__init__(**{**_from_environment(), **given})
        self._flags = frozenset(given)

    def said(self, name: str) -> str:
        """A setting by the name under which it was given; see `said`."""
        return said(name, self._flags)

    @model_validator(mode="before")
    @classmethod
    def _mend(cls, values: Any) -> Any:
        """Bytes that are not UTF-8 arrive as lone surrogates, which are valid in a path only.
        Paths are pasted with quotes; cmd.exe's `set NAME=x & …` leaves a space after x.
        """
        counted = {name for name, field in cls.model_fields.items() if _is_number(field)}
        paths = {name for name, field in cls.model_fields.items() if _is_path(field)}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        mends = {name: mended(text) for name, text in texts.items() if name not in paths}
        mends |= {name: bare(text) for name, text in mends.items() if name != "source"}
        mends |= {name: _plain(name, mends[name]) for name in counted & mends.keys()}
        folders = [name for name in ("folder", "models", "cache", "blocked_words") if name in texts]
        single = {name: place(texts[name]) for name in folders}
        return {**values, **mends, **single}

    @field_validator(
        "osc_feedback",
        "osc_allow",
        "allow_host",
        "ice_servers",
        "midi",
        "more_models",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            parts = (path_of(part) for part in value.split(","))
            found = (part for part in parts if part not in ("", "none"))
            return tuple(map(place, found) if info.field_name == "more_models" else found)
        return value

    @model_validator(mode="after")
    def _private(self) -> "Settings":
        """ws:// only where nobody can listen; a standby only beside a server."""
        for name in ("engine", "standby"):
            if is_address(url := getattr(self, name)):
                checked(url, insecure=self.insecure)
        if self.standby and self.standby == self.engine:
            raise ValueError("--standby is a second server; it cannot be that of --engine")
        if self.standby and not (is_address(self.engine) and is_address(self.standby)):
            raise ValueError("--standby takes the address of a second server, beside --engine URL")
        return self

    @property
    def engines(self) -> tuple[str, ...]:
        """The addresses of servers whose engines are used, the first one first."""
        return tuple(url for url in (self.engine, self.standby) if is_address(url))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show: tokens, passwords, and all of a webhook's URL but the host."""
        alarm = urlsplit(self.alarm)
        passwords = (IceServer.of(each).password for each in self.ice_servers)
        return (self.token, self.engine_token, alarm.path.strip("/"), alarm.query, *passwords)

    @property
    def source_uri(self) -> str:
        """The source, or the default on this system."""
        return self.source or (f"{self._local}:" if self._local == "spout" else "demo:")

    @property
    def sink_uri(self) -> str:
        """The sink, or the default with this bridge's name."""
        return self.sink or f"{self._local}:{self.output_name}"

    @property
    def _local(self) -> str:
        """The transport used by other programs on this machine."""
        return "spout" if sys.platform == "win32" else "shm"

    @property
    def input_name(self) -> str:
        """The sender preferred when there are several."""
        return f"{self.name}In"

    @property
    def output_name(self) -> str:
        """The sender name shown to other programs."""
        return f"{self.name}Out"

    @property
    def limit(self) -> tuple[int, int] | None:
        """The largest size received, for a source that can scale."""
        return sizes.sides(self.gpu_scale) if self.gpu_scale else None

    @property
    def output(self) -> tuple[int, int]:
        """Width and height of the frames sent."""
        return sizes.exact_sides(self.output_size)

    @property
    def reanchor_at(self) -> float:
        """The drift from which the stream re-anchors, in standard deviations; 0 for never."""
        unset = 0.0 if self.fallback == "hold" else DRIFTED
        return unset if self.reanchor is None else self.reanchor

    @property
    def models_folder(self) -> Path:
        """The folder of the pipelines' weights."""
        return self.models or self.folder / "models"

    @property
    def cache_folder(self) -> Path:
        """The folder of what makes later starts faster."""
        return self.cache or self.folder / "cache"

    @property
    def assets(self) -> Path:
        """The folder of reference images."""
        return self.folder / "assets"


def _from_environment() -> dict[str, str]:
    """Settings in the environment, as text, their names in any case."""
    given = {name.upper(): text for name, text in os.environ.items()}
    names = {name: f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return {name: given[variable] for name, variable in names.items() if variable in given}


def _plain(name: str, text: str) -> str:
    """A number as typed, `29,97` or `10 min` too, as Python reads it; any other text unchanged. The
    end of a setting's name is its unit.
    """
    with suppress(ValueError):
        return digits(measured(text, name.rpartition("_")[2]))
    return text


def _is_number(field: FieldInfo) -> bool:
    return bool({int, float} & {field.annotation, *get_args(field.annotation)})


def _is_path(field: FieldInfo) -> bool:
    return Path in (field.annotation, *get_args(field.annotation))
