"""A process of the bridge that is started by hand says what to type instead."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "instead"),
    [
        ("engine.worker", "spout-bridge run"),
        ("engine.files.download", "spout-bridge models download"),
        pytest.param("engine.verify", "spout-bridge models verify", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("typed", "status"), [("--help", 0), ("once", 1)])
def test_it_says_what_it_is_and_what_to_type_instead(module, instead, typed, status):
    if module == "engine.files.download":
        pytest.importorskip("huggingface_hub")
    ran = subprocess.run(
        [sys.executable, "-P", "-m", module, typed], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    (told,) = ran.stderr.splitlines()
    assert told.startswith("This is ")
    assert told.endswith(f"which starts it by itself; type `{instead}` instead.")
    assert (ran.returncode, ran.stdout) == (status, "")
