"""Even motion in the real bridge, beside virtual time.

    python -m tests.compare_pace [--blocks N | --seeds N]

A pipeline that sleeps makes blocks; their ends are noted, and the same blocks are played by the
simulator: by the pacer, and by `Share`, the rule before the phase-locked clock. Printed are the
standard deviation of the display intervals, the delay from the end of a block, and frames lost.
With `--seeds`, more schedules are played, in virtual time alone: what a constant of
`bridge/playout/pacer.py` does shows before and after its change.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median

from bridge.playout.pacer import Pacer
from tests.support.doubles import number_of
from tests.support.playback import Played, Share, ends, play
from tests.support.rig import Rig, running_session

SCHEDULES = [(12, 0.4, 0.05), (9, 0.3, 0.15), (3, 0.2, 0.4)]  # frames, seconds, their spread
VIRTUAL = [
    *((3, 0.2, 0.05), (3, 0.9, 0.05), (4, 0.3, 0.05), (9, 0.3, 0.05), (12, 0.4, 0.05)),
    *((3, 0.2, 0.15), (9, 0.3, 0.15), (12, 0.4, 0.15), (12, 0.4, 0.2)),
    *((3, 0.2, 0.4), (9, 0.3, 0.4), (12, 0.4, 0.4)),
]
DISPLAYS = {"when due": 0.0, "60 Hz": 1 / 60, "30 Hz": 1 / 30}
FPS = 70.0  # of the input: no block waits for it
HEAD = "| blocks | | std (ms) | delay, mean (blocks) | most | lost |\n|" + " --- |" * 6
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
    when = [ended[made] for made in sorted(ended)]
    pacer, share = (play(pacer, frames, when, skip=skip) for pacer in (Pacer(), Share()))
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


def _row(about: str, played: Sequence[Played], seconds: float) -> None:
    cells = (
        mean(one.std() for one in played),
        mean(mean(one.delays) for one in played) / seconds,
        median(max(one.delays) for one in played) / seconds,
        mean(one.lost for one in played),
    )
    print(f"| {about} | {' | '.join(f'{cell:.3g}' for cell in cells)} |", flush=True)


def _virtual(seeds: int) -> None:
    for name, grid in DISPLAYS.items():
        print(f"\nOn a display {name}:\n\n{HEAD}")
        for frames, seconds, spread in VIRTUAL:
            when = [ends(random.Random(seed), 120, seconds, spread) for seed in range(seeds)]
            for rule in (Pacer, Share):
                played = [play(rule(), frames, each, grid=grid) for each in when]
                about = f"{frames} in {seconds} s ±{spread:.0%} | {rule.__name__.lower()}"
                _row(about, played, seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        "python -m tests.compare_pace", description="Compare the bridge's motion with virtual time."
    )
    parser.add_argument("--blocks", type=int, default=45, help="of each schedule")
    parser.add_argument("--seeds", type=int, default=0, help="in virtual time alone, so many")
    given = parser.parse_args(arguments)
    if given.seeds:
        _virtual(given.seeds)
        return
    for schedule in SCHEDULES:
        print(HEAD)
        frames, seconds, spread = schedule
        found = compared(schedule, given.blocks)
        for name in ("bridge", "pacer", "share"):
            _row(f"{frames} in {seconds} s ±{spread:.0%} | {name}", [getattr(found, name)], seconds)
        print(f"A thread that only sleeps woke {1e3 * found.busy:.1f} ms late (p99).", flush=True)


if __name__ == "__main__":
    main()
