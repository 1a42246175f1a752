"""A process of the bridge that is started by hand says what to type instead."""

import subprocess
import sys

import pytest

# Both in one process, since to import torch for each takes seconds.
STARTS = """
import runpy, sys
module, *words = sys.argv[1:]
for word in words:
    sys.argv[1:] = [word]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        print("status", end.code, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "instead"),
    [
        ("engine.worker", "spout-bridge run"),
        ("engine.files.download", "spout-bridge models download"),
        ("engine.verify", "spout-bridge models verify"),
    ],
)
def test_it_says_what_it_is_and_what_to_type_instead(module, instead):
    if module == "engine.files.download":
        pytest.importorskip("huggingface_hub")
    ran = subprocess.run(
        [sys.executable, "-P", "-c", STARTS, module, "--help", "once"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    told = ran.stderr.splitlines()
    assert len(told) == 2, ran.stderr
    for line in told:
        assert line.startswith("This is ")
        assert line.endswith(f"which starts it by itself; type `{instead}` instead.")
    assert ran.stdout.splitlines() == ["status 0", "status 1"], "and nothing else"
    assert ran.returncode == 0
