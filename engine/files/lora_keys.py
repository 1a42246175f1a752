"""The keys of LoRA files, as every trainer spells them. Free of torch.

A key names a layer, after some prefix, and ends with which matrix of that layer it is. Trainers use
Wan's or diffusers' layer names, with dots or only underscores; here a layer name has underscores
and no prefix.
"""

import re
from itertools import takewhile
from typing import NamedTuple

from engine.files.wrappers import ANYWHERE, AROUND

# Matched at the end of a key, first match wins. PEFT may append the adapter's name, and
# diffusers' attention processors joined the names of layer and half.
HALF = r"(?:\.lora(?:_linear_layer)?|_lora)[._](?:{})(?:\.[^.]+)?(?:\.weight)?$"
PARTS = {
    "scale": re.compile(
        r"\.(weight_scale(_inv)?|scale_weight|input_scale|scale_input|comfy_quant|absmax|SCB"
        r"|weight_format|(nested_)?(absmax|quant_map)|quant_state\.\w+)$"
    ),
    "bias": re.compile(r"\.lora[._](A|B|up|down)(\.[^.]+)?\.bias$"),
    "mid": re.compile(r"\.lora_mid(\.[^.]+)?(\.weight)?$"),
    "down": re.compile(HALF.format("A|a|down")),
    "up": re.compile(HALF.format("B|b|up")),
    "alpha": re.compile(r"\.alpha$"),
    "DoRA": re.compile(r"\.(dora_scale|lora_magnitude_vector)(\.[^.]+)*$"),
    "LoKr": re.compile(r"\.lokr_\w+(\.[^.]+)*$"),
    "LoHa": re.compile(r"\.hada_\w+(\.[^.]+)*$"),
    "BOFT": re.compile(r"\.boft_\w+(\.[^.]+)*$"),
    "OFT": re.compile(r"\.oft_\w+(\.[^.]+)*$"),
    "GLoRA": re.compile(r"\.(a1|a2|b1|b2|bm)(\.weight)?$|\.glora_\w+(\.[^.]+)*$"),
    "VeRA": re.compile(r"\.vera_\w+(\.[^.]+)*$"),
    "IA3": re.compile(r"\.(on_input|ia3_l)(\.[^.]+)*$"),
    "diff": re.compile(r"\.diff(_\w+)?$"),
}
KINDS = {  # adapter types other than LoRA
    "DoRA": "a DoRA", "LoKr": "a LoKr", "LoHa": "a LoHa", "BOFT": "a BOFT", "OFT": "an OFT",
    "GLoRA": "a GLoRA", "VeRA": "a VeRA", "IA3": "an IA3", "mid": "a LoCon with a middle matrix",
}  # fmt: skip
WITHOUT = {  # a matrix pair means something else without them
    part: f"parts of {kind}, which is not supported" for part, kind in KINDS.items()
}
BESIDE = {  # parts that act in addition to the pairs
    "bias": "biases, which are not supported",
    "diff": "full weight differences (.diff), which are not supported",
}
INPUTS = "tensors for image or face inputs, which are not supported"
SECOND = "tensors for the second network of Wan2.2, which is not supported"
OTHER = "tensors for a network other than the video transformer"

BLOCKS = {"blocks", "vace_blocks"}
WITHIN = ANYWHERE | {"processor"}  # in diffusers' attention layers
FLAT = re.compile(r"(?:lora|lycoris|[bg]?oft|lokr|loha|glora|dora)_")  # kohya's, LyCORIS's
FRONT = re.compile(f"(?:(?:{'|'.join(sorted(AROUND))})_)*")
INSIDE = re.compile(f"_(?:{'|'.join(sorted(word.strip('_') for word in WITHIN))})(?=_)")
WAN22 = re.compile(r"(transformer|unet|dit|model)_?2|(high|low)_noise(_model)?")
STRANGERS = re.compile(
    r"text_(encoder|model)(_?\d)?|te\d?|clip\w*|(um)?t5\w*|vae|image_encoder|motion_encoder"
    r"|face_adapter|audio\w*|controlnet\w*|teacher|critic|discriminator|(fake|real)_score"
)
OTHER_INPUTS = re.compile(r"img|image|add_[kv]_proj|face|motion_encoder")


class LoraKey(NamedTuple):
    """A parsed key: the layer, with underscores; its entry of `PARTS`, if any; and why it is for
    none of our networks, if so.
    """

    layer: str
    part: str | None
    stranger: str


def parsed(key: str) -> LoraKey:
    """Parse a key of a LoRA file."""
    name, part = key, None
    for kind, end in PARTS.items():
        if match := end.search(key):
            name, part = key[: match.start()], kind
            break
    pieces = [piece for piece in name.split(".") if piece not in WITHIN]
    if pieces and (flat := FLAT.match(pieces[-1])):  # the layer is one piece
        rest = re.sub("__+", "_", "_" + pieces.pop()[flat.end() :])
        rest = INSIDE.sub("", rest).removeprefix("_")
        return LoraKey(FRONT.sub("", rest, count=1), part, _stranger(pieces, rest))
    block = next((place for place, piece in enumerate(pieces) if piece in BLOCKS), None)
    if block is None:
        front = list(takewhile(AROUND.__contains__, pieces))
    else:  # any prefix, as long as it is a single network
        front = [] if any(map(str.isdigit, pieces[:block])) else pieces[:block]
    return LoraKey("_".join(pieces[len(front) :]), part, _stranger(pieces, ""))


def flattened(path: str) -> str:
    """A layer's path with underscores."""
    return path.replace(".", "_")


def _stranger(pieces: list[str], flat: str) -> str:
    """Why a key is for none of our networks, by the pieces of its path."""
    for pattern, why in ((WAN22, SECOND), (STRANGERS, OTHER)):
        in_flat = flat and re.match(f"({pattern.pattern})_", flat)
        if in_flat or any(map(pattern.fullmatch, pieces)):
            return why
    return ""
