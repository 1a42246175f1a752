"""Even motion in the real bridge, beside virtual time.

    python -m tests.compare_pace [--blocks N]

A pipeline that sleeps makes blocks; their ends are noted, and the same blocks are played by the
simulator: by the pacer, and by `Share`, the rule before the phase-locked clock. Printed are the
standard deviation of the display intervals, the delay from the end of a block, and frames lost.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from bridge.playout.pacer import Pacer
from tests.support.doubles import number_of
from tests.support.playback import Played, Share, play
from tests.support.rig import Rig, running_session

SCHEDULES = [(12, 0.4, 0.05), (9, 0.3, 0.15), (3, 0.2, 0.4)]  # frames, seconds, their spread
FPS = 70.0  # of the input: no block waits for it
GLANCE = 0.002  # seconds between two looks for the end of a block


@dataclass
class Compared:
    """The same blocks, thrice; `busy` is by how many seconds a thread that only sleeps woke too
    late, 99 times of 100.
    """

    bridge: Played
    pacer: Played
    share: Played
    busy: float


def compared(schedule: tuple[int, float, float], blocks: int, skip: int = 15) -> Compared:
    """Play so many blocks in a bridge, and what came in virtual time; the first `skip` do not
    count.
    """
    frames, seconds, spread = schedule
    load = {
        "frames": frames,
        "shortest": seconds * (1 - spread),
        "longest": seconds * (1 + spread),
    }
    with (
        tempfile.TemporaryDirectory(prefix="pace-", ignore_cleanup_errors=True) as folder,
        running_session(Path(folder), load=load, on_arrival=True, pipeline="painter") as rig,
    ):
        stop = rig.steady_input(FPS)
        rig.running()
        ended = _ends(rig, blocks)
        stop()
        bridge = _shown(rig, frames, ended, skip)
        bridge.lost = rig.session.status().dropped_output
        busy = rig.bystander.overslept(min(bridge.times), max(bridge.times))
    ends = [ended[made] for made in sorted(ended)]
    pacer, share = (play(pacer, frames, ends, skip=skip) for pacer in (Pacer(), Share()))
    return Compared(bridge, pacer, share, busy)


def _ends(rig: Rig, blocks: int) -> dict[int, float]:
    """When each block ended, by its number from 1."""
    ended: dict[int, float] = {}
    while len(ended) < blocks:
        block = rig.session._host.current.block
        if block.made and block.made not in ended:
            ended[block.made] = block.ended
        time.sleep(GLANCE)
    return ended


def _shown(rig: Rig, frames: int, ended: dict[int, float], skip: int) -> Played:
    since = sorted(ended.values())[skip]
    seen = [one for one in rig.place.seen if since < one.time < max(ended.values())]
    new = [b for a, b in pairwise(seen) if b.frame.index != a.frame.index]
    delays = [
        one.time - ended[block]
        for one in new
        if (block := (number_of(one.frame.image) - 1) // frames + 1) in ended
    ]
    return Played([one.time for one in new], delays, 0)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.compare_pace", description="Compare the bridge's motion with virtual time."
    )
    parser.add_argument("--blocks", type=int, default=45, help="of each schedule")
    given = parser.parse_args(arguments)
    for schedule in SCHEDULES:
        print("| blocks | | std (ms) | delay, mean (blocks) | most | lost |\n|" + " --- |" * 6)
        frames, seconds, spread = schedule
        found = compared(schedule, given.blocks)
        for name in ("bridge", "pacer", "share"):
            one: Played = getattr(found, name)
            cells = one.std(), mean(one.delays) / seconds, max(one.delays) / seconds, one.lost
            shown = " | ".join(f"{cell:.3g}" for cell in cells)
            print(f"| {frames} in {seconds} s ±{spread:.0%} | {name} | {shown} |")
        print(f"A thread that only sleeps woke {1e3 * found.busy:.1f} ms late (p99).", flush=True)


if __name__ == "__main__":
    main()
