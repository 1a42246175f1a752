"""One look, and how it is written: read strictly and within bounds, with all that was read kept.

In the folder of a show each is a file, `looks/3.json`, with the image `looks/3.jpg` beside it;
`looks.json` has the order.
"""

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from bridge.state import names
from bridge.state.actions import LOOK, ActionError
from bridge.system import whole_files
from engine.images.decoding import Need, PictureError, decoded
from engine.parameters import LONGEST_TEXT, Value
from engine.system.json_values import is_list, is_object, plain
from engine.system.texts import mended

FORMAT, VERSION = "spout-bridge look", 1
LARGEST = 1 << 20  # bytes of a look's file
JPEG_LIMIT = 256 << 10  # bytes of an image
SIDE = 1024  # pixels of an image's side
MOST_VALUES = 1000
LONGEST_ID = 200  # characters of the name of a pipeline or parameter
OURS = ("format", "version", "number", "name", "pipeline", "values", "saved", "image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look: the id of its pipeline and that pipeline's values by name; `saved` is a time in
    ISO 8601. `more` is what its file has beside that, of a later release: kept as it is.
    """

    number: int
    name: str
    pipeline: str
    values: Mapping[str, Value]
    saved: str
    more: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def told(self) -> dict[str, Any]:
        """Without number and image, as in its file."""
        return {
            **self.more, "format": FORMAT, "version": VERSION, "name": self.name,
            "pipeline": self.pipeline, "saved": self.saved, "values": dict(self.values),
        }  # fmt: skip


def named(text: str) -> str:
    """A look's name as it is kept; ActionError if it is none."""
    try:
        return names.named(text, "A look's")
    except ValueError as error:
        raise ActionError(str(error), 422) from error


def pictured(image: bytes) -> dict[str, str]:
    """An image, as an exported look has it."""
    return {"image": base64.b64encode(image).decode()} if image else {}


def read(found: object, number: int) -> Look:
    """The look of that number in the content of its file, or in an exported one; ValueError with
    the reason if it is none. Values are of the right type, and otherwise unchecked.
    """
    if not is_object(found) or found.get("format") != FORMAT:
        raise ValueError(f'its "format" is not "{FORMAT}".')
    if found.get("version") != VERSION:
        raise ValueError(f'its "version" is not {VERSION}; a newer release may have made it.')
    values = found.get("values")
    if not is_object(values) or len(values) > MOST_VALUES:
        raise ValueError('its "values" are not an object of names and values.')
    return Look(
        number=number,
        name=named(_text(found, "name")),
        pipeline=_text(found, "pipeline"),
        saved=_text(found, "saved"),
        values={_short(name): plain_value(name, value) for name, value in values.items()},
        more=plain({name: value for name, value in found.items() if name not in OURS}),
    )


def content(look: Look) -> bytes:
    """A look's file; ValueError, in a few words, if it is larger than a bridge reads."""
    return whole_files.as_json(look.told(), LARGEST)


def in_folder(folder: Path) -> tuple[dict[int, Look], dict[Path, str]]:
    """The looks in the folder of a show, in their order, and why other files there are skipped."""
    found: dict[int, Look] = {}
    skipped: dict[Path, str] = {}
    files: list[Path] = []
    with suppress(FileNotFoundError, NotADirectoryError):
        files = sorted((folder / "looks").glob("*.json"))
    for path in files:
        try:
            number = int(LOOK.check(path.stem))
            if path.stem != str(number):
                raise ValueError(f"its name is not {number}.json")
            found[number] = read(whole_files.read_json(path, LARGEST), number)
        except (OSError, ValueError) as error:
            skipped[path] = str(error) or type(error).__name__
    first: Sequence[int] = ()
    path = folder / "looks.json"
    try:
        first = _order(whole_files.read_json(path, LARGEST))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        skipped[path] = str(error) or type(error).__name__
    return ordered(found, first), skipped


def _order(found: object) -> Sequence[int]:
    numbers = found.get("order") if is_object(found) else None
    if not is_list(numbers) or not all(isinstance(number, int) for number in numbers):
        raise ValueError("it is no list of numbers")
    # cast: each of them is one
    return cast("Sequence[int]", numbers)


def ordered(looks: Mapping[int, Look], first: Sequence[int]) -> dict[int, Look]:
    """The looks, those `first` before the others."""
    order = dict.fromkeys((*(n for n in first if n in looks), *looks))
    return {number: looks[number] for number in order}


def skipped(path: Path, error: object) -> str:
    """That a file is skipped, in a sentence."""
    return f"{mended(str(path))} is skipped: {str(error).rstrip('.')}."


def image(found: object) -> bytes:
    """The image of an exported look, a JPEG; empty if it has none. ValueError if it is none."""
    text = cast("Mapping[str, Any]", found).get("image", "")  # `read` has accepted it
    if not isinstance(text, str) or len(text) > 4 * -(-JPEG_LIMIT // 3):
        raise ValueError(f"its image is larger than {JPEG_LIMIT >> 10} KB.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("its image is not in base64.") from error
    return checked_image(data) if data else b""


def checked_image(data: bytes) -> bytes:
    """The same image; ValueError if it is no JPEG."""
    try:
        decoded(data, Need(SIDE, SIDE), "its image")
    except PictureError as error:
        raise ValueError("its image is damaged.") from error
    if not data.startswith(b"\xff\xd8\xff"):
        raise ValueError("its image is not a JPEG.")
    return data


def _text(found: Mapping[str, Any], name: str) -> str:
    text = found.get(name)
    if not isinstance(text, str) or len(text) > LONGEST_ID:
        raise ValueError(f'its "{name}" is not a short text.')
    return mended(text)


def _short(name: str) -> str:
    if len(name) > LONGEST_ID:
        raise ValueError("one of its values has a name that is too long.")
    return mended(name)


def plain_value(name: str, value: object) -> Value:
    """A value as JSON has it, bounded; ValueError with the reason if no parameter takes such."""
    if isinstance(value, str) and len(value) <= LONGEST_TEXT:
        return mended(value)
    if isinstance(value, (bool, int)) and abs(value) < 1 << 63:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(f'its value "{mended(name):.80}" is not a number, a text, true or false.')
