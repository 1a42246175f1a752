"""Settings: what is chosen at start, by flag or by SPOUT_BRIDGE_<NAME> in the environment."""

import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin
from urllib.parse import urlsplit

from annotated_types import Ge, Le
from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bridge.system.paths import bare, bridge_name, meant, path_of, place
from engine import sizes
from engine.parameters import Size, digits, typed
from engine.system.texts import mended

PREFIX = "SPOUT_BRIDGE_"  # of variables of the environment
NEAR = 0.6  # how alike two of them are, from 0 to 1, for the one to be meant

ExactSize: TypeAlias = Annotated[str, AfterValidator(sizes.exact)]
Uri: TypeAlias = Annotated[str, AfterValidator(meant)]
NoSize: TypeAlias = Annotated[str, AfterValidator(lambda text: text and sizes.exact(text))]


def data_folder() -> Path:
    """Where this machine keeps a program's own files; RuntimeError where it knows no home.

    Not by platformdirs, which heeds XDG_DATA_HOME on macOS and no LOCALAPPDATA on Windows: journals
    would be lost, and TouchDesigner's loader, which has no packages, must find the same place.
    """
    if sys.platform == "win32":
        return _named("LOCALAPPDATA", Path.home) / "spout-bridge"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "spout-bridge"
    return _named("XDG_DATA_HOME", lambda: Path.home() / ".local" / "share") / "spout-bridge"


def _named(variable: str, usual: Callable[[], Path]) -> Path:
    """The folder that a variable of the environment names; one that is not whole does not count."""
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else usual()


def unknown_variables() -> dict[str, str]:
    """The variables SPOUT_BRIDGE_<NAME> of the environment that are none of ours, each with the
    nearest that is; empty for none.
    """
    known = [name.upper() for name in Settings.model_fields]
    given = [name for name in os.environ if name.upper().startswith(PREFIX)]
    strange = {name: rest for name in given if (rest := name.upper()[len(PREFIX) :]) not in known}
    near = {name: get_close_matches(rest, known, 1, NEAR) for name, rest in strange.items()}
    return {name: f"{PREFIX}{found[0]}" if found else "" for name, found in near.items()}


def shown_default(field: FieldInfo) -> str:
    """A setting's default as one would type it; empty for none, and for a folder of this user."""
    default = field.default
    if default is PydanticUndefined or default is None or isinstance(default, bool):
        return ""
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


def accepts(name: str) -> str:
    """What a setting takes, in words that follow its name: `takes a whole number from 0 to 8`."""
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


# What the help calls the settings from each of these on.
GROUPS = {
    "source": "input and output",
    "pipeline": "pipeline",
    "host": "page and REST",
    "osc_feedback": "OSC",
    "fallback": "when something fails",
    "folder": "files and life",
}


class Settings(BaseSettings):
    """Every field is a flag of `spout-bridge run` and a variable SPOUT_BRIDGE_<FIELD>."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, validate_default=True
    )

    source: Uri = Field(
        default="",
        description="where pictures come from; by default Spout on Windows, elsewhere the demo",
    )
    control: Uri = Field(
        default="",
        description="live control video for VACE: depth, pose or edges, by its URI; none for none",
    )
    mask: Uri = Field(
        default="",
        description="live mask for VACE, white where it may change the picture; none for none",
    )
    sink: Uri = Field(
        default="", description="where they go; by default <Name>Out by Spout on Windows, else shm"
    )
    output_size: ExactSize = Field(
        default="1280x720", description="size that is sent, for the whole run"
    )
    output_fps: float = Field(
        default=60, ge=1, le=240, description="pictures sent a second, for the whole run"
    )
    gpu_scale: NoSize = Field(
        default="",
        description="largest size that Spout's pictures are read at; the GPU scales larger ones",
    )
    fit: Literal["cover", "contain", "stretch"] = Field(
        default="cover", description="how a picture of another shape is fitted"
    )
    alpha: Literal["opaque", "input"] = Field(
        default="opaque", description="send full alpha, or what the pipeline gives"
    )
    name: Annotated[str, AfterValidator(bridge_name)] = Field(
        default="Bridge", description="of this bridge: <Name>Out"
    )
    pipeline: str = Field(default="stylize", description="the pipeline to start with")
    size: Size = Field(default="auto", description="size of the engine: auto or WIDTHxHEIGHT")
    gpu: int | None = Field(
        default=None,
        ge=0,
        description="GPU of the engine, as nvidia-smi counts; Spout needs the one of its host",
    )
    engine: Literal["process", "thread"] = Field(
        default="process", description="where the engine runs; thread is for tests"
    )
    models: Path | None = Field(
        default=None, description="where weights are; by default models in the folder"
    )
    more_models: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description="more folders with weights: those of ComfyUI, of another disk"
    )
    host: str = Field(default="127.0.0.1", description="address for HTTP; others need --token")
    port: int = Field(default=8000, ge=0, le=65535, description="for HTTP (TCP) and OSC (UDP)")
    lan: bool = Field(default=False, description="open the page to the network, with a new token")
    token: str = Field(default="", description="secret that HTTP off this machine must show")
    allow_host: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="more names by which browsers may call this machine"
    )
    osc_feedback: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("127.0.0.1:9000",), description="HOST:PORT,… that OSC answers go to; none for none"
    )
    osc_lan: bool = Field(default=False, description="open OSC to the addresses of --osc-allow")
    osc_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="addresses or networks that may send OSC"
    )
    osc_timetags: bool = Field(
        default=False, description="let OSC bundles wait up to a second for their time tags"
    )
    fallback: Uri = Field(
        default="hold",
        description="shown while the engine gives nothing: PIPELINE, file:CLIP, card or hold",
    )
    alarm: str = Field(
        default="",
        description="http(s) URL that is told when the engine fails, and when it is back",
    )
    hang_s: float | None = Field(
        default=None,
        ge=0.5,
        le=600,
        description="seconds without a picture until a worker is ended, or five blocks' time where "
        "that is longer; 3 unless given",
    )
    load_s: float = Field(
        default=600, ge=1, le=7200, description="seconds that loading may take at most"
    )
    settle_s: float = Field(
        default=5, ge=0, le=600, description="seconds of running that clear the count of deaths"
    )
    folder: Path = Field(
        default_factory=data_folder, description="for assets, the journal and the log"
    )
    fresh: bool = Field(default=False, description="start clean: restore nothing of the run before")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least that is written to the log, <folder>/logs/<Name>.log"
    )
    allow_sleep: bool = Field(
        default=False, description="let Windows and its displays go to sleep while the bridge runs"
    )
    stop_on_stdin_end: bool = Field(
        default=False, description="end as by Ctrl-C when standard input ends, which is a pipe"
    )

    @model_validator(mode="before")
    @classmethod
    def _mend(cls, values: Any) -> Any:
        """Bytes that are no UTF-8 arrive as halves of surrogate pairs; in a path they mean it.
        Paths are pasted with their quotes; cmd.exe's `set NAME=x & …` leaves a blank behind x.
        """
        counted = {name for name, field in cls.model_fields.items() if _is_number(field)}
        paths = {name for name, field in cls.model_fields.items() if _is_path(field)}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        mends = {name: mended(text) for name, text in texts.items() if name not in paths}
        mends |= {name: bare(text) for name, text in mends.items() if name != "source"}
        mends |= {name: _plain(mends[name]) for name in counted & mends.keys()}
        single = {name: place(texts[name]) for name in ("folder", "models") if name in texts}
        return {**values, **mends, **single}

    @field_validator("osc_feedback", "osc_allow", "allow_host", "more_models", mode="before")
    @classmethod
    def _split(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            parts = (path_of(part) for part in value.split(","))
            found = (part for part in parts if part not in ("", "none"))
            return tuple(map(place, found) if info.field_name == "more_models" else found)
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log may show: the token, and of a webhook's address all but the machine."""
        try:
            alarm = urlsplit(self.alarm)
        except ValueError:  # it is refused in a sentence that has nothing of it
            return (self.token, self.alarm)
        return (self.token, alarm.path.strip("/"), alarm.query)

    @property
    def source_uri(self) -> str:
        """The source, or the default one of this system."""
        return self.source or (f"{self._local}:" if self._local == "spout" else "demo:")

    @property
    def sink_uri(self) -> str:
        """The sink, or the default one of this bridge's name."""
        return self.sink or f"{self._local}:{self.output_name}"

    @property
    def _local(self) -> str:
        """The transport that other programs of this machine speak."""
        return "spout" if sys.platform == "win32" else "shm"

    @property
    def input_name(self) -> str:
        """The sender that is taken up where there are several."""
        return f"{self.name}In"

    @property
    def output_name(self) -> str:
        """The name that other programs pick."""
        return f"{self.name}Out"

    @property
    def limit(self) -> tuple[int, int] | None:
        """The largest size that is received, where the source can scale."""
        return sizes.sides(self.gpu_scale) if self.gpu_scale else None

    @property
    def output(self) -> tuple[int, int]:
        """Width and height of what is sent."""
        return sizes.exact_sides(self.output_size)

    @property
    def models_folder(self) -> Path:
        """Where the pipelines' weights are."""
        return self.models or self.folder / "models"

    @property
    def assets(self) -> Path:
        """The folder of reference images."""
        return self.folder / "assets"


def _plain(text: str) -> str:
    """A number as it is typed, `29,97` too, as Python reads it; any other text as it is."""
    with suppress(ValueError):
        number, unit = typed(text)
        if not unit:
            return digits(number)
    return text


def _is_number(field: FieldInfo) -> bool:
    return bool({int, float} & {field.annotation, *get_args(field.annotation)})


def _is_path(field: FieldInfo) -> bool:
    return Path in (field.annotation, *get_args(field.annotation))


def new_token() -> str:
    """A secret for the page, where nobody chose one."""
    return secrets.token_urlsafe(24)
