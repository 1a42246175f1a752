"""Attacks that once ended or froze a show, played on a running bridge while a reader watches."""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from time import sleep

import pytest
from rich.console import Console

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /dev/shm and stops processes"),
]

SLEEP = "sleep-of-both"  # it only waits: played beside the others

if sys.platform == "linux":
    from tests.attack import engines  # noqa: F401 - it and what it imports fill the table
    from tests.attack.__main__ import missing
    from tests.attack.aged import live, table
    from tests.attack.table import ATTACKS, HOMES, Attack, Field, Houses, play

    HOME = list(HOMES)
    NAMES = sorted(
        (name for name, attack in ATTACKS.items() if not attack.whole),
        key=lambda name: (name == SLEEP, HOME.index(ATTACKS[name].home)),
    )
else:
    NAMES = []


@pytest.fixture(scope="module")
def houses():
    """The bridges, each started once."""
    opened = Houses()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def played(houses, request):
    """Plays an attack by its name; the one that sleeps was begun before."""

    def play_one(name):
        attack = ATTACKS[name]
        return play(attack, houses.ready(attack.home))

    asked = {getattr(item, "callspec", None) and item.callspec.params.get("name")
             for item in request.session.items}  # fmt: skip
    with ThreadPoolExecutor(1) as aside:
        asleep = aside.submit(play_one, SLEEP) if SLEEP in asked else None
        yield lambda name: asleep.result() if name == SLEEP else play_one(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_show_goes_on(played, name):
    if lack := missing(ATTACKS[name]):
        pytest.skip(f"NOT SHOWN: {name} needs {lack}")
    assert played(name).wrong == []


def do_all_that_is_seen(field: "Field") -> None:
    bridge = field.bridge
    bridge.osc("/bridge/black_fade", 0.0)
    bridge.osc("/bridge/black", 1)
    sleep(0.5)
    bridge.act("live")
    for worker in bridge.workers():
        worker.kill()
    sleep(0.5)
    os.kill(bridge.process.pid, signal.SIGSTOP)
    sleep(1.5)
    os.kill(bridge.process.pid, signal.SIGCONT)


def test_who_watches_sees_black_and_what_stands_and_what_dies(houses):
    meant = Attack(name="meant", what="seen by who watches", act=do_all_that_is_seen)
    wrong = play(meant, houses.ready("stylize")).wrong
    for seen in ("black frames", "the output stood for", "1 engine workers died"):
        assert any(seen in text for text in wrong), wrong


# Fewer than the events of a kind: one that leaves something behind each time is found.
AGED = {"prompt": 40, "switch": 4, "lost source": 6, "kill": 2}
MORE = {"mb": 40.0, "files": 3, "threads": 4, "segments": 1, "processes": 0}


def test_an_aged_bridge_holds_no_more_than_a_young_one():
    life = live(AGED, 2.0, Console(stderr=True), warm=1.0)
    assert not life.wrong
    print(table(life))
    first, last = asdict(life.busy[0][1]), asdict(life.idle[-1][1])
    grown = {name: last[name] - first[name] for name in first}
    assert {name: by for name, by in grown.items() if by > MORE[name.split("_")[-1]]} == {}
