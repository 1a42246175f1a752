"""Even motion of a running bridge is that of virtual time."""

from statistics import mean

import pytest

from tests.compare_pace import DISPLAYS, VIRTUAL, compared, main

TRIES = 2
BUSY = 0.003  # seconds by which a thread wakes too late on a machine that is busy with others


@pytest.mark.slow
@pytest.mark.alone
def test_a_bridge_plays_blocks_as_the_simulator_does():
    seen = []
    for _ in range(TRIES):
        found = compared((9, 0.2, 0.05), 24, skip=14)
        if found.busy > BUSY:
            continue
        late = mean(found.bridge.delays) / mean(found.pacer.delays)
        shown = len(found.bridge.times) / len(found.pacer.times)
        seen.append((found.bridge.std() / found.share.std(), late, shown, found.bridge.lost))
        if seen[-1][0] <= 0.6 and late <= 1.15 and shown >= 0.97 and found.bridge.lost == 0:
            return
    assert not seen, "std by that of shared out, delay by the simulator's, frames by its, lost"
    pytest.skip("the machine is busy: nothing on it moves evenly")


@pytest.mark.slow
def test_the_table_of_virtual_time_has_a_row_of_each_schedule_display_and_rule(capsys):
    main(["--seeds", "1"])
    rows = [line for line in capsys.readouterr().out.splitlines() if "±" in line]
    assert len(rows) == 2 * len(VIRTUAL) * len(DISPLAYS)
