"""Which images a worker refuses (NaN, one flat colour); which errors mean out of memory."""

import gc
import sys
from typing import cast

import numpy as np

from engine.files.errors import FileError
from engine.pipeline import Image, Output, UnusableOutput
from engine.system.commit import short_of_memory

FLAT = 2  # of 255: an image that varies by no more than this is one colour


def checked_output(output: Output, model: Image | None) -> Image:
    """One image (H, W, 4) as uint8; UnusableOutput for NaN, infinite or one flat colour.

    NaN shows in floats only: a pipeline that returns bytes checks its own, as `ImageReader` in
    `engine/causal/transfer.py` does. A flat image is fine if the input, `model`, is flat too.
    """
    if output.ndim != 3 or output.shape[2] != 4 or not output.size:
        raise UnusableOutput(
            f"The pipeline returned {output.shape} instead of an image (height, width, 4)."
        )
    if output.dtype != np.uint8 and not np.isfinite(output.sum()):
        raise UnusableOutput("The pipeline returned an image with NaN or infinity.")
    image = cast(Image, output)  # another type is converted next
    if output.dtype != np.uint8:
        image = np.clip(output * 255 + 0.5, 0, 255).astype(np.uint8)
    if _flat(image) and not (model is not None and _flat(model)):
        raise UnusableOutput("The pipeline returned an image of one flat colour.")
    return image


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of the system, numpy, torch or onnxruntime means that memory ran out. A file
    that asked for too much is to blame itself.
    """
    return not isinstance(error, FileError) and short_of_memory(error)


def device_name() -> str:
    """What this process computes on: the GPU's name, or CPU."""
    torch = sys.modules.get("torch")  # no pipeline uses a GPU without it
    if torch is None or not torch.cuda.is_initialized():
        return "CPU"
    return str(torch.cuda.get_device_name())


def release_memory() -> None:
    """Free unused memory: reference cycles, and the GPU memory that torch caches."""
    gc.collect()
    torch = sys.modules.get("torch")  # if no pipeline has imported it, there is nothing to free
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _flat(image: Image) -> bool:
    rows, columns = image.shape[:2]
    grid = image[:: max(1, rows // 24), :: max(1, columns // 24), :3].reshape(-1, 3)
    return bool((np.ptp(grid, axis=0) <= FLAT).all())
