"""LoRA files made by hand, without torch."""

import json
from pathlib import Path


def lora_file(
    path: Path,
    width: int = 96,
    layer: str = "blocks.0.self_attn.q",
    dtype: str = "F32",
    **more: list[int],
):
    """A LoRA of zeros for one layer of a network of that width; `more` are further keys by their
    shapes. Without a width, those alone. `dtype` is the safetensors name of the numbers' type.
    """
    names = {"A": [4, width], "B": [width, 4]} if width else {}
    shapes = {f"{layer}.lora_{half}.weight": shape for half, shape in names.items()} | more
    header: dict[str, object] = {}
    end = 0
    for key, shape in shapes.items():
        begin, end = end, end + (1 if dtype == "I8" else 4) * shape[0] * shape[1]
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(end))
    return path
