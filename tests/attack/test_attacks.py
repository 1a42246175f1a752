"""What ended or froze a show, played on a running bridge while a stranger watches its output."""

import os
import signal
import sys
from dataclasses import asdict
from time import sleep

import pytest
from rich.console import Console

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/shm and stops processes"),
]

if sys.platform == "linux":
    from tests.attack import engines  # noqa: F401 - it and what it imports fill the table
    from tests.attack.__main__ import missing
    from tests.attack.aged import live, table
    from tests.attack.table import ATTACKS, HOMES, Attack, Field, Houses, play

    HOME = list(HOMES)
    NAMES = sorted(ATTACKS, key=lambda name: HOME.index(ATTACKS[name].home))
else:
    NAMES = []


@pytest.fixture(scope="module")
def houses():
    """The bridges, each started once."""
    opened = Houses()
    yield opened
    opened.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_show_goes_on(houses, name):
    attack = ATTACKS[name]
    if lack := missing(attack):
        pytest.skip(f"NOT SHOWN: {name} needs {lack}")
    result = play(attack, houses.ready(attack.home))
    assert not result.wrong


def blackout(field: "Field") -> None:
    field.bridge.osc("/bridge/black_fade", 0.0)
    field.bridge.osc("/bridge/black", 1)
    sleep(0.5)
    field.bridge.act("calm")


def stop(field: "Field") -> None:
    os.kill(field.bridge.process.pid, signal.SIGSTOP)
    sleep(1.5)
    os.kill(field.bridge.process.pid, signal.SIGCONT)


def kill(field: "Field") -> None:
    for worker in field.bridge.workers():
        worker.kill()
    sleep(1)


@pytest.mark.parametrize(
    ("act", "wrong"),
    [(blackout, "black frames"), (stop, "the output stood for"), (kill, "1 engine workers died")],
)
def test_who_watches_sees_black_and_what_stands_and_what_dies(houses, act, wrong):
    meant = Attack(name="meant", what="seen by who watches", act=act)
    result = play(meant, houses.ready("stylize"))
    assert any(wrong in text for text in result.wrong), result


MORE = {"mb": 60.0, "files": 8, "threads": 6, "segments": 2, "processes": 0}


def test_an_aged_bridge_holds_no_more_than_a_young_one():
    events = {"prompt": 100, "switch": 8, "lost source": 10, "kill": 4}
    life = live(events, 8.0, Console(stderr=True))
    print(table(life))
    assert not life.wrong
    first, last = asdict(life.busy[0][1]), asdict(life.idle[-1][1])
    grown = {name: last[name] - first[name] for name in first}
    assert {name: by for name, by in grown.items() if by > MORE[name.split("_")[-1]]} == {}
