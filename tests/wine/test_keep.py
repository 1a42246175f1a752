"""`spout-bridge run --keep` on Windows: the bridge comes back, and goes with its keeper."""

import os
import subprocess
import sys

import psutil
import pytest
from rig_tools import wait

from engine.ipc.ring import RingError, RingReader

SLOW = 110.0  # seconds that a start may take in the rig


@pytest.fixture
def keeper(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.cli", "run", "--keep", "--port", "0",
         "--folder", str(tmp_path), "--source", "demo:", "--sink", "shm:kept",
         "--pipeline", "passthrough", "--osc-feedback", "none"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.stderr.close()
    process.wait()


def bridge(old: int = 0) -> int:
    """The process that sends now, if it is not the old one; else 0."""
    try:
        reader = RingReader("kept")
    except (FileNotFoundError, RingError):
        return 0
    writer = reader.writer if reader.newest() else 0
    reader.close()
    return writer if writer != old else 0


@pytest.mark.timeout(400)  # two starts
def test_a_killed_bridge_is_back_and_a_killed_keeper_takes_it_along(keeper):
    wait(bridge, SLOW)
    first = bridge()
    os.kill(first, 9)
    print(f"in the sink again after {wait(lambda: bridge(first), SLOW):.1f} s")
    second = bridge()
    keeper.kill()
    print(f"gone after {wait(lambda: not psutil.pid_exists(second)):.1f} s")
    assert "ended with status 9 after" in keeper.stderr.read()
