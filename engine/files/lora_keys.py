"""What the keys of LoRA files mean, in the words of every trainer. Free of torch.

A key names a layer, behind one prefix or another, and says at its end which matrix of that layer
it is. Trainers write layers by Wan's names or by diffusers', with dots or with underscores only;
here a layer is one text with underscores, without prefixes.
"""

import re
from itertools import takewhile
from typing import NamedTuple

from engine.files.wrappers import ANYWHERE, AROUND

# At a key's end, the first that fits. A name of the adapter may stand behind PEFT's letters, and
# diffusers' attention processors had the layer's name and the half's in one.
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
KINDS = {  # of adapter that are no LoRA
    "DoRA": "a DoRA", "LoKr": "a LoKr", "LoHa": "a LoHa", "BOFT": "a BOFT", "OFT": "an OFT",
    "GLoRA": "a GLoRA", "VeRA": "a VeRA", "IA3": "an IA3", "mid": "a LoCon with a middle matrix",
}  # fmt: skip
WITHOUT = {  # a pair beside means something else without them
    part: f"parts of {kind}, which is not supported" for part, kind in KINDS.items()
}
BESIDE = {  # parts that act beside the pairs
    "bias": "biases, which are not supported",
    "diff": "whole differences (.diff), which are not supported",
}
INPUTS = "for image or face inputs, which are not supported"
SECOND = "for the second network of Wan2.2, which is not here"
OTHER = "for another network than the one that makes the pictures"

BLOCKS = {"blocks", "vace_blocks"}
WITHIN = ANYWHERE | {"processor"}  # which diffusers' attention layers have
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
    """What a key says: the layer, with underscores; which of `PARTS`, if any; and, where it is of
    no network of ours, why.
    """

    layer: str
    part: str | None
    stranger: str


def parsed(key: str) -> LoraKey:
    """A key of a LoRA file, taken apart."""
    name, part = key, None
    for kind, end in PARTS.items():
        if match := end.search(key):
            name, part = key[: match.start()], kind
            break
    pieces = [piece for piece in name.split(".") if piece not in WITHIN]
    if pieces and (flat := FLAT.match(pieces[-1])):  # the layer is in one piece
        rest = re.sub("__+", "_", "_" + pieces.pop()[flat.end() :])
        rest = INSIDE.sub("", rest).removeprefix("_")
        return LoraKey(FRONT.sub("", rest, count=1), part, _stranger(pieces, rest))
    block = next((place for place, piece in enumerate(pieces) if piece in BLOCKS), None)
    if block is None:
        front = list(takewhile(AROUND.__contains__, pieces))
    else:  # whatever else stands in front, as long as it is one network
        front = [] if any(map(str.isdigit, pieces[:block])) else pieces[:block]
    return LoraKey("_".join(pieces[len(front) :]), part, _stranger(pieces, ""))


def flattened(path: str) -> str:
    """A layer's path as one text with underscores."""
    return path.replace(".", "_")


def _stranger(pieces: list[str], flat: str) -> str:
    """Why a key is of no network of ours, by the pieces of its path."""
    for pattern, why in ((WAN22, SECOND), (STRANGERS, OTHER)):
        in_flat = flat and re.match(f"({pattern.pattern})_", flat)
        if in_flat or any(map(pattern.fullmatch, pieces)):
            return why
    return ""
