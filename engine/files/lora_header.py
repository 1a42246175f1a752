"""What a LoRA file says of itself by its header: what it was made for, and why none here takes it.

So a file is refused by its true name before anything is loaded. Free of torch.
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

MOST = 5000  # files that are remembered
HEADER = 1 << 20  # bytes of a header that is read for a list: to parse more, all would wait

WAN22_5B = 3072  # its width
MADE_FOR = {size.dim: f"Wan2.1 {size.name}" for size in (WAN_1_3B, WAN_14B)} | {
    WAN22_5B: "Wan2.2 5B", DEMO.dim: "the demo weights",
}  # fmt: skip
NOBODY = "nothing here: it "
ANOTHER = "another network"
HALVES = {"down", "up"}
BLOCK = r"(?:vace_)?blocks_\d+_"
# Layers as wide as the network: by what goes into one half, and by what comes out of the other
INTO = re.compile(f"{BLOCK}(?:(?:self|cross)_attn_[qkvo]|attn[12]_to_(?:q|k|v|out(?:_0)?)"
                  "|ffn_0|ffn_net_0_proj)")  # fmt: skip
OUT_OF = re.compile(f"{BLOCK}(?:ffn_2|ffn_net_2)")
OURS = re.compile(f"{BLOCK}|condition_embedder_|(?:time|text)_embedding_|time_projection_"
                  "|head_head|proj_out|patch_embedding|vace_patch_embedding")  # fmt: skip
WHOLE = {"I": "int", "U": "uint"}  # types of whole numbers, by their first letter


class LoraHeader(NamedTuple):
    """`made_for` is in words, empty where only loading would tell; `width` is that of the network,
    0 where it is not known; `refused` is a sentence where no pipeline can take the file.
    """

    made_for: str = ""
    width: int = 0
    refused: str = ""


UNKNOWN = LoraHeader()


def looked(path: Path) -> LoraHeader:
    """The same of a file, which is read where it has changed since; an OSError of it goes through.

    It knows nothing of a pickle's content, nor of a header of more than `HEADER` bytes.
    """
    seen = path.stat()
    return _looked(path, seen.st_mtime_ns, seen.st_size)


def unfit(header: LoraHeader, name: str, width: int, pipeline: str) -> str:
    """Why a pipeline whose network is of that width cannot take a LoRA; empty where it may."""
    if not header.width or header.width == width:
        return ""
    runs = MADE_FOR.get(width, f"a network of width {width}")
    made = header.made_for if header.made_for != ANOTHER else f"a network of width {header.width}"
    return (
        f"{name} is for {made} and does not fit {pipeline}, which runs {runs}; choose a LoRA that "
        f"was made for {runs}."
    )


@lru_cache(MOST)
def _looked(path: Path, modified: int, size: int) -> LoraHeader:
    """`modified` and `size` say whether it is still the same file."""
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
    spoiled: set[str] = set()  # layers of which a matrix alone means nothing
    unused: Counter[str] = Counter()
    packed, nothing, width = "", "", 0
    for key, entry in tensors.items():
        layer, part, stranger = parsed(key)
        if part == "scale":
            packed = packed or f", with scales of its own ({key:.120})"
        if stranger or not OURS.match(layer) or part not in HALVES:
            unused[_reason(key, part, stranger)] += part != "alpha"
            spoiled |= {layer} if part in WITHOUT and not stranger else set()
        else:
            halves.add(layer)
            packed = packed or _packed(key, entry)
            nothing = nothing or (key if 0 in entry.shape else "")
            width = _width(layer, part, entry.shape) or width
    if packed:
        told = f"{name} is quantised{packed}; choose the file in bf16 or fp16."
        return LoraHeader(f"{NOBODY}is quantised", 0, told)
    if nothing:
        told = f"{name} holds nothing in {nothing:.120}; download it again."
        return LoraHeader(f"{NOBODY}holds nothing", 0, told)
    if halves <= spoiled:
        told = ", ".join(f"{count} {why}" for why, count in unused.items() if count)
        return LoraHeader(_made_for_others(unused), 0, (
            f"{name} holds no LoRA that can be used, but {told or 'alphas'}; choose a LoRA that "
            "was made for Wan2.1 text to video."
        ))  # fmt: skip
    return LoraHeader(MADE_FOR.get(width, ANOTHER) if width else "", width)


def _packed(key: str, entry: Entry) -> str:
    """How a matrix is quantised; empty where it is not."""
    kind = WHOLE.get(entry.dtype[0], "")
    return f": {key:.120} holds whole numbers ({kind}{entry.dtype[1:]})" if kind else ""


def _width(layer: str, part: str, shape: list[int]) -> int:
    """The width of the network that a matrix is for; 0 where it does not say."""
    if len(shape) != 2:
        return 0
    if part == "down":
        return shape[1] if INTO.fullmatch(layer) else 0
    return shape[0] if OUT_OF.fullmatch(layer) else 0


def _reason(key: str, part: str | None, stranger: str) -> str:
    """Why a key changes no layer here."""
    if stranger == SECOND:
        return SECOND
    if OTHER_INPUTS.search(key):
        return INPUTS
    return stranger or WITHOUT.get(part or "") or BESIDE.get(part or "") or OTHER


def _made_for_others(unused: Collection[str]) -> str:
    """What a file of no LoRA for any pipeline here was made for."""
    kind = next((kind for kind, why in WITHOUT.items() if why in unused), "")
    if kind:
        return f"{NOBODY}is {KINDS[kind]}"
    return "Wan2.2" if SECOND in unused else ANOTHER
