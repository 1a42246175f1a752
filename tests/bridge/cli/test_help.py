"""`--help` is quick: it imports what says what may be typed, and no more."""

import subprocess
import sys

import pytest

CODE = """
import sys
from bridge.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted(sys.modules), file=sys.stderr)
"""
HEAVY = ("numpy", "torch", "fastapi", "cv2", "engine.catalog", "engine.cost", "bridge.downloads")


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["models", "--help"]])
def test_help_imports_neither_the_catalog_nor_numpy(arguments):
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, encoding="utf-8"
    )
    assert "usage: spout-bridge" in done.stdout
    loaded = done.stderr.split()
    assert "bridge.cli.arguments" in loaded
    assert not [name for name in loaded if name.startswith(HEAVY)]
