"""OSC time tags: a wrong clock makes no value late, and lets no older value win."""

import itertools
import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.control.osc import inbox as osc_inbox
from bridge.control.osc.inbox import NTP, Clock, Later
from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from tests.bridge.control.osc.test_osc import message, osc
from tests.bridge.control.osc.test_osc_floods import Arrived
from tests.support.desk import FakeDesk

ONE, OTHER = ("127.0.0.1", 1), ("127.0.0.1", 2)


def bundle(*parts, ahead: float = 0.0, now: float | None = None) -> bytes:
    tag = round(((time.time() if now is None else now) + ahead + NTP) * 2**32)
    data = b"#bundle\0" + tag.to_bytes(8, "big")
    for part in parts:
        dgram = part if isinstance(part, bytes) else part.dgram
        data += len(dgram).to_bytes(4, "big") + dgram
    return data


class Timed:
    """A server whose clock and looks are the test's; `sent` is what comes at that time."""

    def __init__(self, folder, monkeypatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(osc_inbox, "perf_counter", lambda: self.now)
        monkeypatch.setattr(osc_inbox, "time", lambda: 1_700_000_000 + self.now)
        self.desk = FakeDesk(folder)
        self.server = OscServer(
            self.desk, Settings(osc_feedback=(), folder=folder, osc_timetags=True)
        )

    def send(self, *parts, ahead: float | None = None, by=ONE) -> None:
        """One bundle with a tag that is ahead of our clock; without that, its parts untagged."""
        untagged = [part.dgram for part in parts]
        tagged = [bundle(*parts, ahead=ahead or 0.0, now=1_700_000_000 + self.now)]
        items = [(data, by) for data in (untagged if ahead is None else tagged)]
        self.server._now = self.desk.store.turn()
        self.server._drain(Arrived(items), time.perf_counter() + 60)
        self.look()

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.look()

    def look(self) -> None:
        for item in self.server._later.due():
            self.server._inbox.add(*item)
        self.server._handler.look(self.server._inbox)

    def value(self, name):
        return self.desk.store.snapshot.values[name]


@pytest.fixture(name="timed")
def _timed(tmp_path, monkeypatch):
    made = Timed(tmp_path, monkeypatch)
    yield made
    made.server.close()


def vace(value: float):
    return message("/bridge/vace", value)


@pytest.mark.parametrize("ahead", [3.0, 0.5, 3600.0, -3600.0, 1e8])
def test_without_the_flag_every_value_is_taken_at_once(tmp_path, ahead):
    with osc(tmp_path) as o:
        for value in (0.5, 1.5, 0.25):
            o.raw(bundle(vace(value), ahead=ahead))
            o.until(lambda value=value: o.value("vace_scale") == value)
            o.send("/bridge/vace", 2.0)
            o.until(lambda: o.value("vace_scale") == 2.0)


@pytest.mark.parametrize("ahead", [3.0, 0.5, 3600.0, -3600.0])
def test_a_clock_that_is_ahead_makes_no_value_late(timed, ahead):
    for number in range(20):
        timed.send(vace(number / 20), ahead=ahead)
        assert timed.value("vace_scale") == pytest.approx(number / 20)
        timed.now += 0.02


def test_what_is_further_ahead_than_the_least_waits_so_long(timed):
    timed.send(vace(0.25), ahead=3.0)
    timed.send(vace(0.75), ahead=3.4)
    assert timed.value("vace_scale") == 0.25
    timed.after(0.39)
    assert timed.value("vace_scale") == 0.25
    timed.after(0.02)
    assert timed.value("vace_scale") == 0.75


def test_nothing_waits_longer_than_a_second(timed):
    timed.send(vace(0.25), ahead=0.0)
    timed.send(vace(0.5), ahead=0.99)
    timed.send(message("/bridge/mix", 0.5), ahead=1.5)
    assert timed.value("mix") == 0.5
    assert timed.value("vace_scale") == 0.25
    timed.after(1.0)
    assert timed.value("vace_scale") == 0.5


def test_a_value_that_is_sent_later_cancels_one_that_waits(timed):
    timed.send(vace(0.1), ahead=0.0)
    timed.send(vace(0.9), message("/bridge/fade", 3.0), ahead=0.5)
    timed.send(message("/bridge/vace_scale", 0.25))  # by its long name
    timed.after(0.6)
    assert timed.value("vace_scale") == 0.25
    assert timed.value("fade") == 3.0, "what else that bundle had holds"


def test_so_does_one_by_pattern_by_another_sender_and_by_the_page(timed):
    for number, later in enumerate((
        lambda: timed.send(message("/bridge/vac?", 0.25)),
        lambda: timed.send(vace(0.25), by=OTHER),
        lambda: timed.desk.store.update({"vace_scale": 0.25}),
    )):  # fmt: skip
        by = ("127.0.0.1", 10 + number)
        timed.send(vace(0.1), ahead=7.0, by=by)
        timed.send(vace(0.9), ahead=7.5, by=by)
        later()
        timed.after(0.6)
        assert timed.value("vace_scale") == 0.25


def test_a_ramp_is_played_and_one_that_overtakes_it_ends_it(timed):
    timed.send(vace(0.0), ahead=0.0)
    for step in range(1, 6):
        timed.send(vace(step / 10), ahead=step / 10)
    for step in range(1, 4):
        timed.after(0.1001)
        assert timed.value("vace_scale") == pytest.approx(step / 10)
    timed.send(vace(1.75), ahead=0.05)  # before the last two
    timed.after(0.06)
    assert timed.value("vace_scale") == 1.75
    timed.after(0.5)
    assert timed.value("vace_scale") == 1.75


def test_of_what_comes_in_one_look_the_order_counts(timed):
    timed.send(vace(0.1), ahead=0.0)
    later = bundle(vace(0.75), message("/bridge/fade", 3.0), ahead=0.5, now=1_700_000_000 + 1000.0)
    for before, after, held in ((0.25, None, 0.75), (None, 0.5, 0.5), (0.25, 0.5, 0.5)):
        parts = [vace(before).dgram if before else b"", later, vace(after).dgram if after else b""]
        timed.now = 1000.0
        timed.server._drain(Arrived([(part, ONE) for part in parts if part]), float("inf"))
        timed.look()
        timed.after(0.6)
        assert timed.value("vace_scale") == held
        assert timed.value("fade") == 3.0


def test_a_source_and_a_pipeline_that_wait_are_cancelled_too(timed, until):
    timed.send(vace(0.1), ahead=0.0)
    for name, first, then in (
        ("source", "shm:Old", "shm:New"), ("pipeline", "stylize", "passthrough"),
    ):  # fmt: skip
        timed.send(message(f"/bridge/{name}", first), ahead=0.5)
        timed.send(message(f"/bridge/{name}", then))
    until(lambda: timed.desk.attached and timed.desk.switched)
    timed.after(0.6)
    timed.send(message("/bridge/source", "shm:Last"))
    until(lambda: "shm:Last" in timed.desk.attached)
    assert timed.desk.attached == ["shm:New", "shm:Last"]
    assert timed.desk.switched == [("passthrough", {})]


@pytest.fixture(name="until")
def _until():
    def wait(true) -> None:
        end = time.perf_counter() + 20
        while not true():
            assert time.perf_counter() < end, "it did not come"
            time.sleep(0.002)

    return wait


def test_a_picture_that_waits_is_cancelled_by_one_that_is_being_looked_for(
    timed, until, monkeypatch
):
    for name in ("old-0a1b2c.png", "new-0a1b2c.png"):
        (timed.desk.assets / name).write_bytes(b"x")
    awake, real = threading.Event(), timed.desk.store._asset

    def asleep(name):
        awake.wait(20)
        return real(name)

    monkeypatch.setattr(timed.desk.store, "_asset", asleep)
    timed.send(vace(0.1), ahead=0.0)
    timed.send(message("/bridge/ref", "old-0a1b2c.png"), vace(0.3), ahead=0.5)
    timed.send(message("/bridge/ref", "none.png"))  # the one that the disk is asked for
    timed.send(message("/bridge/ref", "new-0a1b2c.png"))
    timed.after(0.6)
    awake.set()
    until(lambda: timed.value("vace_scale") == pytest.approx(0.3))
    until(lambda: timed.value("reference") == "new-0a1b2c.png")


def test_a_clock_that_is_set_or_drifts_is_followed(timed):
    timed.send(vace(0.0), ahead=0.0)
    for number in range(200):  # an hour ahead now: too far to wait for, then the new measure
        timed.after(1.0)
        timed.send(vace(number / 200), ahead=3600.0)
        assert timed.value("vace_scale") == pytest.approx(number / 200)
    timed.send(vace(1.5), ahead=3600.2)
    assert timed.value("vace_scale") < 1
    timed.after(0.21)
    assert timed.value("vace_scale") == 1.5
    timed.send(vace(0.5), ahead=-100.0)  # and back
    assert timed.value("vace_scale") == 0.5


@pytest.mark.slow
@given(st.floats(-1e6, 1e6), st.lists(st.floats(0, 0.9), min_size=1, max_size=30))
def test_the_wait_is_that_beyond_the_least_whatever_the_clock(offset, leads):
    clock, least = Clock(0.0), float("inf")
    for number, lead in enumerate(leads):
        least = min(least, lead)
        waited = clock.ahead(offset + lead, number * 0.5)
        assert waited == pytest.approx(lead - least, abs=1e-6)


def test_the_value_that_was_sent_last_holds_in_the_end_whatever_the_order(timed):
    chance = random.Random(7)
    for round_ in range(30):
        by = ("127.0.0.1", 1000 + round_)
        timed.send(vace(0.0), ahead=0.0, by=by)
        for value in (sent := [chance.randrange(1, 200) / 100 for _ in range(8)]):
            timed.send(vace(value), ahead=chance.choice((None, chance.random())), by=by)
            timed.after(chance.choice((0.0, 0.1)))
        for _ in range(12):
            timed.after(0.1)
        assert timed.value("vace_scale") == pytest.approx(sent[-1]), sent


def test_bundles_that_wait_are_bounded_for_each_sender():
    later, turns = Later(), itertools.count(1)
    for sender in (ONE, OTHER):
        later.add(bundle(vace(0.1)), sender, lambda: next(turns))
    filled = bundle(vace(0.1), vace(0.2), ahead=0.9)
    kept = sum(later.add(filled, ONE, lambda: next(turns)) for _ in range(2000))
    assert kept == osc_inbox.MOST_LATER_EACH
    assert later.add(filled, OTHER, lambda: next(turns))
    long = message("/bridge/prompt", "x" * 60_000)
    kept = 0
    for port in range(100, 300):
        later.add(bundle(vace(0.1)), ("127.0.0.1", port), lambda: next(turns))
        kept += later.add(bundle(long, ahead=0.9), ("127.0.0.1", port), lambda: next(turns))
    assert 0 < kept * 60_000 <= osc_inbox.MOST_LATER_BYTES
    for port in range(10_000):
        later.add(bundle(vace(0.1)), ("10.0.0.1", port), lambda: next(turns))
    assert len(later._clocks) <= osc_inbox.MOST_CLOCKS


def test_bundles_that_are_due_together_are_thinned_too(timed):
    timed.send(vace(0.1), ahead=0.0)
    for number in range(250):
        timed.send(vace(number / 250), ahead=0.5)
    before = timed.desk.store.snapshot.number
    timed.after(0.6)
    assert timed.desk.store.snapshot.number == before + 1
    assert timed.desk.counters.osc_coalesced == 249
    assert timed.value("vace_scale") == pytest.approx(249 / 250)


def test_with_the_flag_the_server_itself_waits_and_answers_meanwhile(tmp_path):
    with osc(tmp_path, osc_timetags=True) as o:
        o.raw(bundle(vace(0.25), ahead=3600.0))
        o.until(lambda: o.value("vace_scale") == 0.25)
        o.raw(bundle(vace(0.75), ahead=3600.8))
        o.send("/bridge/mix", 0.5)
        o.until(lambda: o.value("mix") == 0.5)
        o.until(lambda: o.value("vace_scale") == 0.75)
