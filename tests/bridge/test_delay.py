"""Constant delay through a running bridge: exact for every frame, and refused where impossible."""

import json
import socket
import urllib.error
from itertools import pairwise
from time import perf_counter

import numpy as np
import pytest
from pythonosc.osc_message import OscMessage

from bridge.state.store import UnusableError
from tests.support.bridge import running
from tests.support.rig import running_session, scene

PAINTER = {"pipeline": "painter", "output_fps": 60.0}


def shown(rig, since):
    """When each new frame was sent after that moment, and how long after its input."""
    seen = [one for one in rig.place.seen if one.time > since]
    new = [b for a, b in pairwise(seen) if b.frame.index != a.frame.index]
    return [(one.time, one.time - one.frame.time) for one in new]


def off(rig, since, delay):
    """By how much each new frame missed its time, in seconds, sorted. What the machine took from
    everybody is no lateness.
    """
    found = []
    for at, late in shown(rig, since):
        due = at - late + delay
        found.append(due - at if at < due else min(at - due, rig.bystander.lived(due, at)))
    return sorted(found)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.parametrize("on_arrival", [True, False])
def test_blocks_that_become_slower_are_shown_at_a_constant_delay(tmp_path, on_arrival):
    """Of 12 frames, in 0.4 s and then in 0.52."""
    load = {"frames": 12, "shortest": 0.4, "longest": 0.4}
    with running_session(tmp_path, load=load, on_arrival=on_arrival, **PAINTER) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.until(lambda: rig.session._host.current.block.made >= 4)
        status = rig.session.status()
        assert 750 < status.delay_least < status.delay_most == 10_000
        delay = (status.delay_least + 400) / 1e3
        rig.session.store.update({"delay": delay * 1e3})
        since = perf_counter() + delay
        rig.until(lambda: perf_counter() > since)
        rig.session.store.update({"stall": 0.12})
        slower = perf_counter()
        rig.until(lambda: len(shown(rig, slower + delay)) >= 75)
        stop()
        missed = off(rig, since, delay)
        assert len(missed) >= 100
        busy = rig.bystander.overslept(since, perf_counter())  # three threads hand a frame on
        assert missed[len(missed) * 99 // 100] <= 1 / 60 + 0.002 + 3 * busy
        assert min(late for _, late in shown(rig, since)) >= delay - 0.001, "never early"
        assert rig.session._host.current.block.seconds > 0.5
        assert rig.session.status().dropped_output == 0


@pytest.mark.slow
def test_the_input_of_a_bypass_is_as_late(tmp_path):
    with running_session(tmp_path, on_arrival=True, **PAINTER) as rig:
        rig.session.store.update({"bypass": True})
        stop = rig.steady_input()
        rig.running()
        rig.until(lambda: rig.session.status().delay_least > 0)
        rig.session.store.update({"delay": 3000.0})
        marked = np.full((48, 64, 4), 255, np.uint8)
        rig.put(marked)
        put = perf_counter()
        found = lambda: [one.time for one in rig.place.seen if (one.frame.image == marked).all()]  # noqa: E731
        rig.until(found)
        assert found()[0] - put >= 2.99
        stop()
        rig.session.store.update({"delay": 0.0})
        rig.put(scene(64, 48, 99))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 99)))


@pytest.mark.slow
def test_an_impossible_delay_is_refused_at_every_door_with_the_least_that_holds(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ears:
        ears.bind(("127.0.0.1", 0))
        ears.settimeout(20)
        more = ("--source", "demo:", "--sink", "null:", "--pipeline", "stylize")
        with running(tmp_path, *more) as bridge:
            bridge.osc("/bridge/subscribe", ears.getsockname()[1])
            state = bridge.until(lambda state: state["delay_least"] > 0)
            with pytest.raises(urllib.error.HTTPError) as refusal:
                bridge.ask("parameters", {"delay": 1}, "PATCH")
            assert refusal.value.code == 409
            told = json.load(refusal.value)
            assert "delay 1: the least possible now is" in json.dumps(told)

            def hears(value: float, wanted: str) -> None:
                """Send the delay until the answer comes; datagrams may be lost."""
                for _ in range(20):
                    bridge.osc("/bridge/delay", value)
                    end = perf_counter() + 1
                    while perf_counter() < end:
                        heard = OscMessage(ears.recv(1 << 16))
                        if wanted in f"{heard.address} {heard.params}":
                            return
                raise AssertionError(wanted)

            hears(1.0, "the least possible now is")
            hears(1.0, "/bridge/delay [0.0]")
            hears(1.0, "ms, or 0; it stays 0 ms.")
            hears(5000.0, "/bridge/delay [5000.0]")
            bridge.ask("parameters", {"delay": 0}, "PATCH")
            assert state["delay_most"] > 1000


def test_a_delay_restored_or_set_before_the_first_frame_is_accepted(tmp_path):
    with running_session(tmp_path, on_arrival=True) as rig:
        rig.session.store.update({"delay": 50.0})
        assert rig.session.status().delay_least == 0
        assert rig.session.store.snapshot.values["delay"] == 50.0


@pytest.mark.slow
def test_a_delay_that_became_too_short_is_told_and_nothing_is_lost(tmp_path):
    load = {"frames": 4, "shortest": 0.2, "longest": 0.2}
    with running_session(tmp_path, load=load, on_arrival=True, **PAINTER) as rig:
        rig.session.store.update({"delay": 100.0})
        stop = rig.steady_input()
        rig.running()
        rig.until(lambda: "set" in rig.session.status().error)
        assert "Frames take longer than the delay of 100 ms" in rig.session.status().error
        with pytest.raises(UnusableError, match="the least possible now is"):
            rig.session.store.update({"delay": 110.0})
        assert rig.session.status().dropped_output == 0
        rig.session.store.update({"delay": 0.0})
        rig.until(lambda: not rig.session.status().error)
        stop()
