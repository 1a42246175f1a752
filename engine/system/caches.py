"""Where torch's compiler and Triton keep their programs, below the cache folder."""

from pathlib import Path

PARTS = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}


def environment(folder: Path) -> dict[str, str]:
    """The environment variables that make them use this folder, read when each is imported."""
    return {name: str(folder / part) for name, part in PARTS.items()}
