"""Two GPUs: a Spout sender is listed with its size, and its frames never arrive.

Wine without a shim shows the same. Runs in the Windows Python with SHIM=none.
"""

import pytest
import shim
from rig_tools import wait

from bridge.transports import Options, open_source
from bridge.transports.spout.registry import find

pytestmark = pytest.mark.skipif(shim.mode != "none", reason="the shim cures it")


def test_a_sender_on_another_gpu_is_diagnosed_with_the_cure(other):
    with open_source("spout:Far", Options()) as source:
        other.tell(do="send", name="Far", width=640, height=360, count=1)
        wait(lambda: find("Far"))
        given = []
        took = wait(lambda: given.append(source.receive(0.05)) or source.problem)
        print(f"diagnosed after {took:.1f} s")
        assert not any(given)
        assert "Far is listed (640x360" in source.problem
        assert "another GPU" in source.problem
        assert "graphics settings" in source.problem
        other.kill()
        wait(lambda: source.receive(0.05) is None and not source.problem)
        assert "waiting for spout:Far" in source.status
