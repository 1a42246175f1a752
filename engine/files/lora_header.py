"""Read from the header of a LoRA file which network it is for, or why no pipeline can use it.

So an unusable file is refused for the right reason before anything is loaded. Free of torch.
"""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from engine.catalog.specs import DEMO, WAN_1_3B, WAN_14B
from engine.files.errors import CheckpointError
from engine.files.kinds import SAFETENSORS, checked_kind
from engine.files.lora_keys import (
    BESIDE,
    INPUTS,
    KINDS,
    OTHER,
    OTHER_INPUTS,
    SECOND,
    WITHOUT,
    parsed,
)
from engine.files.safetensors_header import Entry, entries, length_of
from engine.system import held
from engine.system.texts import counted

MOST = 5000  # files cached
HEADER = 1 << 20  # bytes of a header read for a list: parsing more would block

WAN22_5B = 3072  # its width
MADE_FOR = {size.dim: f"Wan2.1 {size.name}" for size in (WAN_1_3B, WAN_14B)} | {
    WAN22_5B: "Wan2.2 5B", DEMO.dim: "the demo weights",
}  # fmt: skip
NOBODY = "none of these pipelines: it "
ANOTHER = "another network"
HALVES = {"down", "up"}
BLOCK = r"(?:vace_)?blocks_\d+_"
# Layers as wide as the network: by the input of the down half, and by the output of the up half
INTO = re.compile(f"{BLOCK}(?:(?:self|cross)_attn_[qkvo]|attn[12]_to_(?:q|k|v|out(?:_0)?)"
                  "|ffn_0|ffn_net_0_proj)")  # fmt: skip
OUT_OF = re.compile(f"{BLOCK}(?:(?:self|cross)_attn_[qkvo]|attn[12]_to_(?:q|k|v|out(?:_0)?)"
                    "|ffn_2|ffn_net_2)")  # fmt: skip
OURS = re.compile(f"{BLOCK}|condition_embedder_|(?:time|text)_embedding_|time_projection_"
                  "|head_head|proj_out|patch_embedding|vace_patch_embedding")  # fmt: skip
WHOLE = {"I": "int", "U": "uint"}  # integer types, by first letter


class LoraHeader(NamedTuple):
    """`made_for` is in words, empty if only loading would tell; `width` is the network's, 0 if
    unknown; `refused` is a sentence if no pipeline can use the file.
    """

    made_for: str = ""
    width: int = 0
    refused: str = ""


UNKNOWN = LoraHeader()


def looked(path: Path) -> LoraHeader:
    """The header of a file, cached until the file changes; an OSError passes through.

    UNKNOWN for a pickle, or a header of more than `HEADER` bytes.
    """
    seen = path.stat()
    return _looked(path, seen.st_mtime_ns, seen.st_size)


def unfit(header: LoraHeader, name: str, width: int, pipeline: str) -> str:
    """Why a pipeline with a network of this width cannot use a LoRA; empty if it may."""
    if not header.width or header.width == width:
        return ""
    runs = MADE_FOR.get(width, f"a network of width {width}")
    made = header.made_for if header.made_for != ANOTHER else f"a network of width {header.width}"
    return (
        f"{name} is for {made} and does not fit {pipeline}, which runs {runs}; choose a LoRA made "
        f"for {runs}."
    )


@lru_cache(MOST)
def _looked(path: Path, modified: int, size: int) -> LoraHeader:
    """`modified` and `size` identify the state of the file."""
    try:
        with held.patiently(lambda: path.open("rb")) as file:
            suffix, there = checked_kind(file, path.name)
            if suffix != SAFETENSORS or HEADER < length_of(file.read(8)) <= there:
                return UNKNOWN
            file.seek(0)
            return _of(entries(file, path.name, there), path.name)
    except CheckpointError as error:
        told = re.split("[:;]", str(error).removeprefix(path.name))[0].strip(" .")
        return LoraHeader(f"{NOBODY}{told}", 0, str(error))


def _of(tensors: Mapping[str, Entry], name: str) -> LoraHeader:
    halves: set[str] = set()  # layers with a matrix
    spoiled: set[str] = set()  # layers whose matrices alone mean nothing
    unused: Counter[str] = Counter()
    packed, nothing = "", ""
    widths: dict[int, str] = {}  # each with the first key that says it
    for key, entry in tensors.items():
        layer, part, stranger = parsed(key)
        if part == "scale":
            packed = packed or f", with separate scales ({key:.120})"
        if stranger or not OURS.match(layer) or part not in HALVES:
            unused[_reason(key, part, stranger)] += part != "alpha"
            spoiled |= {layer} if part in WITHOUT and not stranger else set()
        else:
            halves.add(layer)
            packed = packed or _packed(key, entry)
            nothing = nothing or (key if 0 in entry.shape else "")
            if width := _width(layer, part, entry.shape):
                widths.setdefault(width, key)
    if packed:
        told = f"{name} is quantised{packed}; choose the bf16 or fp16 version."
        return LoraHeader(f"{NOBODY}is quantised", 0, told)
    if nothing:
        told = f"{name} has no values in {nothing:.120}; download it again."
        return LoraHeader(f"{NOBODY}has no values", 0, told)
    if halves <= spoiled:
        told = ", ".join(
            f"{why} ({counted(count, 'tensor')})" for why, count in unused.items() if count
        )
        return LoraHeader(_made_for_others(unused), 0, (
            f"{name} contains no usable LoRA: {told or 'only alphas'}; choose a LoRA made for "
            "Wan2.1 text to video."
        ))  # fmt: skip
    if len(widths) > 1:
        told = " and ".join(f"{width} ({key:.120})" for width, key in [*widths.items()][:2])
        return LoraHeader(f"{NOBODY}mixes networks", 0, (
            f"{name} contains layers of networks of different widths, {told}; download it again, "
            "or choose another LoRA."
        ))  # fmt: skip
    width = next(iter(widths), 0)
    return LoraHeader(MADE_FOR.get(width, ANOTHER) if width else "", width)


def _packed(key: str, entry: Entry) -> str:
    """How a matrix is quantised; empty if it is not."""
    kind = WHOLE.get(entry.dtype[0], "")
    return f": {key:.120} contains integers ({kind}{entry.dtype[1:]})" if kind else ""


def _width(layer: str, part: str, shape: list[int]) -> int:
    """The network width that a matrix is for; 0 if it does not say."""
    if len(shape) != 2:
        return 0
    if part == "down":
        return shape[1] if INTO.fullmatch(layer) else 0
    return shape[0] if OUT_OF.fullmatch(layer) else 0


def _reason(key: str, part: str | None, stranger: str) -> str:
    """Why a key applies to no layer here."""
    if stranger == SECOND:
        return SECOND
    if OTHER_INPUTS.search(key):
        return INPUTS
    return stranger or WITHOUT.get(part or "") or BESIDE.get(part or "") or OTHER


def _made_for_others(unused: Collection[str]) -> str:
    """What a file without a usable LoRA was made for."""
    kind = next((kind for kind, why in WITHOUT.items() if why in unused), "")
    if kind:
        return f"{NOBODY}is {KINDS[kind]}"
    return "Wan2.2" if SECOND in unused else ANOTHER
