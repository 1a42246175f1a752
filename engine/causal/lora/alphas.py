"""A LoRA's strength as stored outside its tensors: in its metadata, or in a file next to it.

A layer's weight gains `alpha / rank` times its matrices' product, or `alpha / sqrt(rank)` if the
LoRA is rank-stabilised. kohya writes each alpha as a tensor; diffusers and PEFT write them to the
metadata of the file or to `adapter_config.json`.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from safetensors import safe_open

from engine.files.errors import SHOWN, CheckpointError, shown
from engine.files.kinds import SAFETENSORS, SUFFIXES
from engine.files.lora_keys import STRANGERS, WAN22

CONFIG = "adapter_config.json"  # PEFT's, next to `adapter_model.safetensors`
ITS_METADATA = "its metadata"
ITS_MODEL = "adapter_model"
LARGEST = 1 << 20  # bytes of a config
NESTED = ("lora_adapter_metadata", "adapter_config", "peft_config", "lora_config")
WORDS = ("lora_alpha", "r", "use_rslora", "alpha_pattern", "rank_pattern")
RS_ARGUMENTS = ("rs_lora", "use_rslora", "rank_stabilized")  # of kohya's networks and LyCORIS's
JOKERS = (".*", r"\d+", "[0-9]+")  # the wildcards of a pattern
MOST_JOKERS = 2  # in one pattern: more would be slow to match
MOST_PATTERNS = 2000  # the largest network has 500 layers


class Pattern:
    """A PEFT layer pattern: a layer's name or its end, with a few wildcards. The format allows any
    regular expression, but a file could contain one that never finishes.
    """

    def __init__(self, text: str) -> None:
        """ValueError if the text is not such a pattern."""
        plain = text.removeprefix("^").removesuffix("$").replace("\\.", ".")
        pieces = re.split("|".join(f"({re.escape(joker)})" for joker in JOKERS), plain)
        pieces = [piece for piece in pieces if piece]
        jokers = [piece for piece in pieces if piece in JOKERS]
        self._plain = "" if jokers else plain
        rest = "".join(piece for piece in pieces if piece not in JOKERS)
        if not re.fullmatch(r"[\w.-]+", rest) or len(jokers) > MOST_JOKERS:
            raise ValueError(f"{shown(text)} is not a layer pattern")
        made = "".join(piece if piece in JOKERS else re.escape(piece) for piece in pieces)
        self._regex = re.compile(made if text.startswith("^") else rf"(?:.*\.)?{made}")

    def means(self, layer: str) -> bool:
        """Whether this matches a layer's dotted name; the pattern may have a longer prefix."""
        return bool(self._regex.fullmatch(layer)) or self._plain.endswith(f".{layer}")


@dataclass(frozen=True)
class Alphas:
    """The alphas stored outside the tensors, and where: `alpha` for all layers except those that
    match `patterns`. `ranks` are all ranks given; empty if none are. With `kohya` they apply only
    to keys in kohya's style, because a converter that writes other keys has already multiplied
    them in. `note` is why a config next to the file is ignored; empty if it is used.
    """

    source: str = ""
    alpha: float | None = None
    patterns: Sequence[tuple[Pattern, float]] = ()
    ranks: frozenset[int] = frozenset()
    stabilised: bool = False
    kohya: bool = False
    note: str = ""

    def of(self, names: Sequence[str]) -> float | None:
        """The alpha of a layer, by all its dotted names; None if not given."""
        for pattern, alpha in self.patterns:
            if any(map(pattern.means, names)):
                return alpha
        return self.alpha


NO_ALPHAS = Alphas()


def read_alphas(path: str | Path, ranks: frozenset[int]) -> Alphas:
    """The alphas in the metadata of a LoRA file, or else in the `adapter_config.json` next to it.
    `ranks` are those of the file's matrices: a config with none of them belongs to another file,
    and so may a config in a folder with several files.

    CheckpointError if the metadata or config cannot be read, or contains something other than a
    number where one is expected.
    """
    path = Path(path)
    if path.suffix.lower() == SAFETENSORS:
        with safe_open(path, "pt") as file:
            found = of_metadata(file.metadata() or {}, str(path))
        if found.alpha is not None or found.patterns or found.stabilised:
            return found
    beside = path.parent / CONFIG
    if not beside.exists():
        return NO_ALPHAS
    if not beside.is_file():
        return Alphas(note=f"{CONFIG} next to it is not a file and is ignored")
    if not _belongs(path):
        return Alphas(note=f"{CONFIG} next to it may belong to another file and is ignored")
    found = _of_config(_read(beside), str(beside), f"{CONFIG} next to it")
    if not found.ranks or found.ranks & ranks:
        return found
    theirs, ours = (", ".join(map(str, sorted(told)[:SHOWN])) for told in (found.ranks, ranks))
    return Alphas(
        note=f"{CONFIG} next to it is for a LoRA of rank {theirs}, but this one has rank {ours}, "
        "so it is ignored"
    )


def of_metadata(metadata: Mapping[str, str], source: str) -> Alphas:
    """The alphas in the metadata of a file; `source` is the file's name in errors."""
    where = f"the metadata of {source}"
    for name in NESTED:
        if name in metadata:
            return _of_config(_object(metadata[name], where), where, ITS_METADATA)
    if any(_word(key) == "lora_alpha" for key in metadata):
        return _of_config(metadata, where, ITS_METADATA)
    if "ss_network_alpha" not in metadata:
        return NO_ALPHAS
    arguments: Mapping[str, Any] = {}
    if "ss_network_args" in metadata:
        arguments = _object(metadata["ss_network_args"], where)
    stabilised = any(_true(arguments.get(name)) for name in RS_ARGUMENTS)
    rank = metadata.get("ss_network_dim", "")
    ranks = frozenset([int(rank)]) if rank.isdecimal() and len(rank) < 9 else frozenset[int]()
    told = metadata["ss_network_alpha"]
    alpha = None if told in ("", "None") else _number(told, where)
    return Alphas(ITS_METADATA, alpha, (), ranks, stabilised, kohya=True)


def _belongs(path: Path) -> bool:
    """Whether a config next to a file may be its own: by the file's name, or if it is the only
    weights file there.
    """
    if path.stem.lower() == ITS_MODEL:
        return True
    return [p.name for p in path.parent.iterdir() if p.suffix.lower() in SUFFIXES] == [path.name]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise _fault(str(path), f"it cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise _fault(str(path), "it is not UTF-8 text") from error
    return _object(text, str(path))


def _object(text: object, where: str) -> Mapping[str, Any]:
    """A text parsed as a JSON object; empty if the text is empty or None."""
    if _is_object(text):
        return text
    if isinstance(text, str) and len(text) > LARGEST:
        raise _fault(where, f"it has more than {LARGEST} characters")
    try:
        found = json.loads(text) if isinstance(text, str) and text else text
    except (ValueError, RecursionError) as error:
        raise _fault(where, f"{shown(text)} is not JSON") from error
    if found in (None, ""):
        return {}
    if not _is_object(found):
        raise _fault(where, f"{shown(text)} is not a JSON object")
    return found


def _is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether this is a JSON object, whose keys are strings."""
    return isinstance(value, Mapping)


def _of_config(config: Mapping[str, Any], where: str, source: str) -> Alphas:
    """The alphas of a PEFT config, with or without a network's prefix; `where` is for errors."""
    fronts = [key.removesuffix("lora_alpha") for key in config if _word(key) == "lora_alpha"]
    own = [front for front in fronts if not _of_stranger(front)]
    if not own:
        return NO_ALPHAS
    front = min(own, key=len)
    word = {name: config.get(front + name) for name in WORDS}
    ranks = [word["r"], *_object(word["rank_pattern"], where).values()]
    alpha = word["lora_alpha"]
    return Alphas(
        source,
        None if alpha in (None, "", "None") else _number(alpha, where),
        _patterns(_object(word["alpha_pattern"], where), where),
        frozenset(int(_number(rank, where)) for rank in ranks if rank not in (None, "", "None")),
        _true(word["use_rslora"]),
    )


def _word(key: str) -> str:
    return key.rpartition(".")[2]


def _of_stranger(front: str) -> bool:
    pieces = front.split(".")
    return any(WAN22.fullmatch(piece) or STRANGERS.fullmatch(piece) for piece in pieces)


def _true(value: object) -> bool:
    return str(value).lower() in ("true", "1")


def _number(value: object, where: str) -> float:
    try:
        found = float(str(value))
    except ValueError:
        found = math.nan
    if not math.isfinite(found):
        raise _fault(where, f"{shown(value)} is not a number")
    return found


def _patterns(given: Mapping[str, Any], where: str) -> Sequence[tuple[Pattern, float]]:
    if len(given) > MOST_PATTERNS:
        raise _fault(where, f"it has {len(given)} patterns, at most {MOST_PATTERNS} are allowed")
    found: list[tuple[Pattern, float]] = []
    for text, alpha in given.items():
        try:
            found.append((Pattern(text), _number(alpha, where)))
        except CheckpointError:
            raise
        except ValueError as error:
            what = f"its pattern {shown(text)} is not a layer pattern"
            raise _fault(where, what) from error
    return found


def _fault(where: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"{where[0].upper()}{where[1:]} does not say how strong the LoRA is: {what}; download it "
        "from its author again."
    )
