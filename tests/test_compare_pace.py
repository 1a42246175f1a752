"""Even motion of a running bridge is that of virtual time."""

from statistics import mean

import pytest

from tests.compare_pace import compared

TRIES = 4  # a machine that is busy with others shows no even motion


@pytest.mark.slow
@pytest.mark.alone
def test_a_bridge_plays_blocks_as_the_simulator_does():
    for left in reversed(range(TRIES)):
        found = compared((9, 0.2, 0.05), 24, skip=14)
        assert found.bridge.lost == 0
        assert len(found.bridge.times) == pytest.approx(len(found.pacer.times), abs=2)
        even = found.bridge.std() <= 0.6 * found.share.std()
        late = mean(found.bridge.delays) / mean(found.pacer.delays)
        if even and late <= 1.15:
            return
        assert left, (found.bridge.std(), found.pacer.std(), found.share.std(), late)
