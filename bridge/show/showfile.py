"""A whole show as one file, NAME.show: a zip of JSON and images. Read strictly and within bounds,
whoever made it; fields that this release does not know are kept, and saved again.

    show.json            the pipeline, all values, LoRAs by hash, and what else of the machine the
                         show had: proposals, which nobody has to accept
    looks.json           the looks in their order, each as `export` gives it, with its image
    cues.json …          the other files of the show's folder, as they are
    references/ID.png    the reference images, by content
"""

import hashlib
import json
import platform
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from bridge import __version__
from bridge.show import cues, look, parked, zipped
from bridge.show.look import LONGEST_ID, Look, plain_value
from bridge.show.zipped import BadZip
from bridge.state import references
from bridge.state.actions import LOOK, ActionError
from bridge.state.references import AssetError
from bridge.system import whole_files
from engine.parameters import Value
from engine.system.json_values import each_once, is_list, is_object, plain
from engine.system.texts import mended

FORMAT, VERSION = "spout-bridge show", 1
SUFFIX = ".show"
MANIFEST, LOOKS = "show.json", "looks.json"
LARGEST_JSON = 32 << 20  # bytes of a JSON file inside
BRACKETS, COMMAS = 50_000, 1_000_000  # in it: what is read takes many times its bytes
LARGEST_MIDI = 1 << 18  # bytes of the MIDI maps
MOST_VALUES = 5000
LONGEST_PROPOSAL = 2000  # characters
OURS = ("format", "version", "name", "machine", "saved", "saved_by", "pipeline", "values",
        "references", "loras", "proposals")  # fmt: skip
PICTURE = re.compile(r"references/([0-9a-f]{16})\.png")
HASH = re.compile(r"[0-9a-f]{64}")
LAST_LOOK = int(LOOK.spec.maximum or 0)

# What else of the running bridge is proposed to the next machine: inputs, and settings by name.
INPUTS = ("source", "control", "mask")
PROPOSED = (*INPUTS, "sink", "port", "output_size", "output_fps", "fit", "osc_feedback")


Carried: TypeAlias = tuple[dict[str, Any], Sequence[str]]


def _maps(found: object) -> Carried:
    if not is_object(found) or not is_list(found.get("maps")):
        raise ValueError("it is no list of MIDI maps")
    return plain(found), ()


def _more(found: object) -> Carried:
    if not is_object(found):
        raise ValueError("it is not an object")
    return plain({name: value for name, value in found.items() if name not in OURS}), ()


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a show's folder. `carried` makes of its content what a show has of it, and says
    what is left out, a sentence without its full stop each; ValueError if it is none. `empty` says
    as much as no file. It is read up to `most` bytes.
    """

    carried: Callable[[object], Carried]
    empty: Mapping[str, Any]
    most: int


FILES: Mapping[str, Part] = {
    "cues.json": Part(cues.carried, {"cues": []}, cues.LARGEST),
    "parked.json": Part(parked.carried, {"parked": []}, parked.LARGEST),
    "midi.json": Part(_maps, {"maps": []}, LARGEST_MIDI),
}
MORE = Part(_more, {}, look.LARGEST)  # what a manifest has that this release does not know


@dataclass(frozen=True, slots=True)
class LoraMark:
    """How the file of a LoRA is known: its SHA-256 in hex and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowFile:
    """A show. `looks` are in their order, each with its JPEG or an empty one; `files` as JSON has
    them; `references` are PNGs by the name of their file; `loras` by their name; `proposals` are
    settings as texts; `machine` is the same for files saved on one machine. `more` is what its
    manifest has beside that, of a later release.
    """

    name: str
    pipeline: str
    values: Mapping[str, Value]
    looks: Sequence[tuple[Look, bytes]] = ()
    files: Mapping[str, Any] = field(default_factory=dict[str, Any])
    references: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    loras: Mapping[str, LoraMark] = field(default_factory=dict[str, LoraMark])
    proposals: Mapping[str, str] = field(default_factory=dict[str, str])
    machine: str = ""
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def foreign(self) -> bool:
        """Whether it was saved on another machine."""
        return self.machine != this_machine()


def this_machine() -> str:
    """A mark of this machine that tells nothing about it."""
    return hashlib.sha256(b"spout-bridge " + platform.node().encode()).hexdigest()[:16]


def written(show: ShowFile) -> bytes:
    """The file, which was read once; ActionError if it is too large."""
    pictures = {name: references.mark_of(png) for name, png in show.references.items()}
    manifest = {
        **show.more, "format": FORMAT, "version": VERSION, "name": show.name,
        "machine": this_machine(), "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "saved_by": __version__, "pipeline": show.pipeline, "values": dict(show.values),
        "references": pictures,
        "loras": {name: {"sha256": m.sha256, "size": m.size} for name, m in show.loras.items()},
        "proposals": dict(show.proposals),
    }  # fmt: skip
    looks = [
        {**one.told(), "number": one.number, **look.pictured(image)} for one, image in show.looks
    ]
    files = {MANIFEST: _bytes(manifest), LOOKS: _bytes({"looks": looks})}
    files |= {name: _bytes(found) for name, found in show.files.items()}
    files |= {f"references/{pictures[name]}.png": png for name, png in show.references.items()}
    try:
        data = zipped.packed(files)
    except BadZip as error:
        raise ActionError(f"The show is not saved: its file {error}.") from error
    try:
        _read(zipped.unpacked(data))
    except ValueError as error:
        why = str(error).rstrip(".")
        raise ActionError(
            f"The show is not saved: its file {why}, so no bridge would open it; delete looks that "
            "it can do without."
        ) from error
    return data


def read(data: bytes) -> ShowFile:
    """The show in a file, of which everything is checked that this machine's state does not
    decide; ActionError, in one sentence, if it is none. Images are decoded.
    """
    try:
        return _read(zipped.unpacked(data))
    except (ValueError, RecursionError) as error:
        why = str(error).rstrip(".") if isinstance(error, ValueError) else "is nested too deeply"
        raise ActionError(f"This is no show file: it {why}.") from error


def _read(files: dict[str, bytes]) -> ShowFile:
    if MANIFEST not in files:
        raise BadZip(f"has no {MANIFEST}")
    told = _object(MANIFEST, files.pop(MANIFEST))
    if told.get("format") != FORMAT:
        raise BadZip(f'has a {MANIFEST} whose "format" is not "{FORMAT}"')
    if told.get("version") != VERSION:
        raise BadZip(f'has a {MANIFEST} whose "version" is not {VERSION}; update spout-bridge')
    values = _part(told, "values", MOST_VALUES)
    try:
        plain = {_short(name): plain_value(name, value) for name, value in values.items()}
    except ValueError as error:
        raise BadZip(f"has a bad {MANIFEST}: {error}") from error
    return ShowFile(
        name=_short(told.get("name")),
        machine=_short(told.get("machine")),
        pipeline=_short(told.get("pipeline")),
        values=plain,
        looks=_looks(files.pop(LOOKS, b'{"looks": []}')),
        files={
            name: _part_of(name, part, _object(name, files.pop(name)))
            for name, part in FILES.items()
            if name in files
        },
        loras={_lora_name(n): _mark(m) for n, m in _part(told, "loras", 100).items()},
        proposals=_proposals(_part(told, "proposals", 100)),
        references=_references(_part(told, "references", zipped.MOST), files),
        more=_part_of(MANIFEST, MORE, told),
    )


def _looks(data: bytes) -> list[tuple[Look, bytes]]:
    rows = _object(LOOKS, data).get("looks")
    if not is_list(rows) or len(rows) > LAST_LOOK:
        raise BadZip(f"has a {LOOKS} that is no list of looks")
    found: dict[int, tuple[Look, bytes]] = {}
    for row in rows:
        number = row.get("number") if is_object(row) else None
        if type(number) is not int or not 1 <= number <= LAST_LOOK or number in found:
            raise BadZip(f"has a {LOOKS} in which a number is wrong or occurs twice")
        try:
            found[number] = look.read(row, number), look.image(row)
            look.content(found[number][0])
        except ValueError as error:
            raise BadZip(f"has a look {number} that is none: {error}") from error
    return [*found.values()]


def _part_of(name: str, part: Part, found: object) -> dict[str, Any]:
    """What a part of the folder gets from a file."""
    try:
        carried, left_out = part.carried(found)
        if left_out:
            raise ValueError(left_out[0])
        whole_files.as_json(carried, part.most)
    except ValueError as error:
        raise BadZip(f"has a bad {name}: {error}") from error
    return carried


def _references(told: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The images by name. Every file that is left must be one of them."""
    marks = {str(mark) for mark in told.values()}
    for name in files:
        found = PICTURE.fullmatch(name)
        if not found or found[1] not in marks:
            raise BadZip(f"has a file that does not belong there, {name!r}")
    cleaned: dict[str, bytes] = {}
    for mark in sorted(marks):
        data = files.get(f"references/{mark}.png")
        if data is None:
            raise BadZip(f"lacks a reference image, {mark!r:.40}")
        try:
            cleaned[mark] = references.clean(data, "an image")
        except AssetError as error:
            raise BadZip(f"has a reference that is none: {error}") from error
    for name in told:
        try:
            references.check_name(name)
        except AssetError as error:
            raise BadZip(f"has a reference with a bad name: {error}") from error
    return {name: cleaned[str(mark)] for name, mark in told.items()}


def _proposals(told: Mapping[str, Any]) -> dict[str, str]:
    found = {name: value for name, value in told.items() if name in PROPOSED}
    if not all(isinstance(v, str) and len(v) <= LONGEST_PROPOSAL for v in found.values()):
        raise BadZip(f"has a {MANIFEST} whose proposals are not texts")
    return {name: mended(value) for name, value in found.items()}


def _mark(told: object) -> LoraMark:
    digest = told.get("sha256") if is_object(told) else None
    size = told.get("size") if is_object(told) else None
    if not isinstance(digest, str) or not HASH.fullmatch(digest) or type(size) is not int:
        raise BadZip(f"has a {MANIFEST} with a LoRA without hash and size")
    return LoraMark(digest, size)


def _lora_name(name: str) -> str:
    if not name or len(name) > LONGEST_PROPOSAL:
        raise BadZip(f"has a {MANIFEST} with a LoRA without a name")
    return mended(name)


def _part(told: Mapping[str, Any], name: str, most: int) -> dict[str, Any]:
    found = told.get(name, {})
    if not is_object(found) or len(found) > most:
        raise BadZip(
            f'has a {MANIFEST} whose "{name}" is not an object of at most {most} names and values'
        )
    return found


def _short(text: object) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_ID:
        raise BadZip(f"has a {MANIFEST} with a text that is missing or too long")
    return mended(text)


def _object(name: str, data: bytes) -> dict[str, Any]:
    """A JSON file, whose size in memory is bounded before it is read."""
    much = data.count(b"[") + data.count(b"{") > BRACKETS or data.count(b",") > COMMAS
    if much or len(data) > LARGEST_JSON:
        raise BadZip(f"has a {name} that is too large")
    try:
        found: object = json.loads(
            data.decode(), object_pairs_hook=each_once, parse_constant=_no_number
        )
    except (ValueError, RecursionError) as error:
        raise BadZip(f"has a {name} that is not JSON") from error
    if not is_object(found):
        raise BadZip(f"has a {name} that is not an object")
    return found


def _no_number(text: str) -> float:
    raise ValueError(text)


def _bytes(told: object) -> bytes:
    text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode(errors="replace")
