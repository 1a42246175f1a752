"""A pipeline that looks at the numbers of its files, as the causal ones do, without torch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.catalog.artifacts import Artifact
from engine.catalog.controls import CausalLoad, PassthroughParameters
from engine.catalog.rows import BUILT_IN, Catalog
from engine.files.errors import CheckpointError
from engine.files.library import Library
from engine.passthrough import Passthrough
from engine.pipeline import Context
from tests.support.lora_files import lora_file

WEIGHTS = Artifact("picky/model", "net.safetensors")


def weights_file(models: Path, number: float = 0.0) -> None:
    """The pipeline's own weights, with one number of its own."""
    spoiled(lora_file(models / WEIGHTS.name), number)


def spoiled(path: Path, number: float) -> Path:
    """The same file with this as its last number."""
    data = path.read_bytes()
    path.write_bytes(data[:-4] + np.float32(number).tobytes())
    return path


def _checked(path: Path) -> None:
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    numbers = np.frombuffer(data[begin:], np.float32)
    if not np.isfinite(numbers).all():
        raise CheckpointError(f"{path} holds numbers that are NaN or infinite; download it again.")


def build(load: CausalLoad, context: Context) -> Passthrough:
    """Its frames are the input's."""
    library = Library(context.models, context.more_models)
    if found := library.find(WEIGHTS):
        _checked(found.path)
    bad: dict[str, str] = {}
    for place in ("lora_1", "lora_2", "lora_3"):
        if name := getattr(load, place):
            _blame(bad, place, lambda name=name: _checked(library.lora(name).path))
    if bad:
        raise CheckpointError(" ".join(bad.values()), bad)
    return Passthrough(load, context)


def _blame(bad: dict[str, str], place: str, check: Callable[[], None]) -> None:
    try:
        check()
    except CheckpointError as error:
        bad[place] = str(error)


LONGLIVE = next(row for row in BUILT_IN if row.id == "longlive")
CATALOG = Catalog((
    replace(
        LONGLIVE, target=f"{__name__}:build", needs=lambda load: {"net": WEIGHTS},
        packages=(), parameters=PassthroughParameters,
    ),
    *(row for row in BUILT_IN if row.spec is None),
))  # fmt: skip
