"""Faders that move all the time: every value holds at once, and listeners hear of them in time."""

import math
import random
import struct
import threading
from collections.abc import Sequence

import pytest

from bridge.control.osc import handler as osc_handler
from bridge.control.osc import inbox as osc_inbox
from bridge.control.osc.packets import BUNDLE, encoded, split
from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from bridge.state.change import By, Setter
from engine.parameters import Kind
from tests.bridge.control.osc.test_osc import message, osc, until
from tests.bridge.state.test_cost import calls
from tests.support.desk import FakeDesk

SENDER = ("127.0.0.1", 5)
CALLS = 32  # to Python functions: of one message of a fader, until its value holds


class Desk:
    """A handler whose messages the test gives, and what listeners hear."""

    def __init__(self, folder) -> None:
        self.desk = FakeDesk(folder)
        self.server = OscServer(self.desk, Settings(osc_feedback=("127.0.0.1:9",), folder=folder))
        self.handler, self.heard = self.server._handler, []
        self.desk.store.listen(self.heard.append)

    def look(self, *messages: bytes) -> None:
        for data in messages:
            self.server._inbox.add(data, SENDER)
        self.wait = self.handler.look(self.server._inbox)

    def value(self, name):
        return self.desk.store.snapshot.values[name]


@pytest.fixture(name="held")
def _held(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.server.close()


@pytest.fixture(name="now")
def _now(monkeypatch):
    """The handler's clock, in a list."""
    now = [100.0]
    monkeypatch.setattr(osc_handler, "perf_counter", lambda: now[0])
    return now


def vace(value: float) -> bytes:
    return encoded("/bridge/vace", value)


# What listeners hear.


def test_the_first_value_is_heard_at_once_and_those_after_it_together(held, now):
    held.look(vace(0.25))
    assert [change.changed for change in held.heard] == [{"vace_scale": 0.25}]
    for value in (0.5, 0.75, 1.0):
        now[0] += 0.001
        held.look(vace(value))
        assert held.value("vace_scale") == value
    assert len(held.heard) == 1
    assert held.wait == pytest.approx(osc_handler.HELD - 0.003)
    now[0] += osc_handler.HELD
    held.look()
    assert [change.changed for change in held.heard[1:]] == [{"vace_scale": 1.0}]
    assert held.heard[1].setter == Setter(By.OSC, "127.0.0.1:5 /bridge/vace")
    assert held.wait is None


@pytest.mark.parametrize(
    "deed",
    [("/bridge/reset", 1), ("/bridge/reload", 1), ("/bridge/pipeline/passthrough", 1),
     ("/bridge/ping",), ("/bridge/ref", "sea.png")],
)  # fmt: skip
def test_they_are_heard_before_anything_else_is_done(held, now, deed):
    held.look(vace(0.25))
    held.look(vace(0.5), message(*deed).dgram)
    assert [change.changed for change in held.heard] == [{"vace_scale": 0.25}, {"vace_scale": 0.5}]


def test_they_are_heard_before_what_somebody_else_sets(held, now):
    held.look(vace(0.25))
    held.look(vace(0.5))
    held.desk.store.update({"mix": 0.5})
    assert [change.changed for change in held.heard[1:]] == [{"vace_scale": 0.5}, {"mix": 0.5}]


def test_the_last_of_a_stream_is_heard_without_another_message(tmp_path):
    with osc(tmp_path) as o:
        heard = []
        o.desk.store.listen(heard.append)
        for step in range(500):
            o.raw(vace((step + 1) / 500))
        until(lambda: heard and heard[-1].changed.get("vace_scale") == 1.0)
        assert o.desk.store.snapshot.values["vace_scale"] == 1.0
        assert not o.desk.store.untold
        o.hears("/bridge/vace", 1.0)


def test_one_that_is_held_up_by_a_listener_keeps_no_other_message_from_holding(tmp_path):
    entered, release = threading.Event(), threading.Event()

    def stuck(change):
        entered.set()
        assert release.wait(30)

    with osc(tmp_path) as o:
        o.desk.store.listen(stuck)
        setting = threading.Thread(target=lambda: o.desk.store.update({"fade": 0.5}), daemon=True)
        setting.start()
        assert entered.wait(10)
        for value in (0.25, 0.5, 0.75):
            o.raw(vace(value))
            o.until(lambda value=value: o.value("vace_scale") == value)
        release.set()
        setting.join(30)


# A fader's messages are read by their head; they do what any message does.


def single(value: float) -> float:
    """As it arrives in 32 bits."""
    return struct.unpack(">f", struct.pack(">f", value))[0]


def outcome(held, data: bytes):
    """What one message leads to: all values, what is refused, what is told and to whom not."""
    feedback = held.server._feedback
    feedback._pending.clear()
    feedback._quiet.clear()
    before = held.desk.counters.osc_refused
    held.look(data)
    held.handler.tell()
    told = {target: repr(values) for target, values in feedback._pending.items()}
    return (
        {name: repr(value) for name, value in held.desk.store.snapshot.values.items()},
        held.desk.counters.osc_refused - before, told, sorted(feedback._quiet),
        held.heard[-1].setter if held.heard else None,
    )  # fmt: skip


def test_their_values_have_the_same_effect_as_those_read_by_the_codec(tmp_path, now):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    fast, slow = Desk(tmp_path / "a"), Desk(tmp_path / "b")
    for each in (fast, slow):
        each.server._feedback.start()
        each.server._feedback.close()  # it listens, and sends nothing
    slow.handler._faders = {}
    chance = random.Random(20)
    values = [0.0, -0.0, 0.5, 1.0, 2.0, 1.5, -1.0, 1e-40, 3e38, math.inf, -math.inf, math.nan]
    specs = fast.handler.specs.items()
    addresses = [address for address, spec in specs if not (spec.looks or spec.draws)]
    for _ in range(600):
        now[0] += 2
        value = chance.choice([*values, chance.uniform(-0.5, 3)])
        data = message(chance.choice(addresses), single(value), types="f").dgram
        data = data[: chance.choice([None] * 9 + [-4, -1])]
        assert outcome(fast, data) == outcome(slow, data), data
    for each in (fast, slow):
        each.server.close()


def test_every_float_of_the_schema_that_is_heard_at_once_is_read_that_way(held):
    specs, faders = held.handler.specs, held.handler._faders
    read = {address for address, _ in faders.values()}
    assert {"/bridge/vace", "/bridge/vace_scale", "/bridge/mix", "/bridge/fade"} <= read
    assert all(specs[address].kind is Kind.FLOAT for address in read)
    assert not any(specs[a].looks or specs[a].draws or a in held.handler._former for a in read)


# Together or one by one.

FADERS = ("vace", "vace_scale", "mix", "fade", "noise", "noise_scale", "prompt_weight", "steady")
PATTERNS = ("/bridge/{vace,mix}", "/bridge/*_scale", "/bridge/{fade,steady}", "/bridge/prompt_wei*")
ALONE = ("black_fade", "hold_s", "look_fade", "look/fade")  # which no pattern here sets


def drawn(chance: random.Random, junky: Sequence[str]) -> bytes:
    """A message that is good, out of range, of another type, or for `junky` names no value at
    all.
    """
    value = chance.choice([0.0, 0.25, 0.5, 1.0, -3.0, 7.5, chance.random()])
    kind = chance.randrange(10)
    if kind == 0:
        return message(chance.choice(PATTERNS), value, types="f").dgram
    if kind == 1:
        return message("/bridge/" + chance.choice(("max_fps", "prompt")), "24").dgram
    if kind == 2:
        junk = chance.choice(["loud", math.nan, math.inf])
        return message("/bridge/" + chance.choice(junky), junk).dgram
    given = chance.choice([value, round(value), value > 0, f"{value:.3f}", f"{value * 100:.0f} %"])
    names = (*FADERS, *ALONE)
    return message("/bridge/" + chance.choice(names), value if kind > 5 else given).dgram


def packed(*parts: bytes) -> bytes:
    return BUNDLE + bytes(7) + b"\1" + b"".join(len(p).to_bytes(4, "big") + p for p in parts)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_together_messages_set_what_they_set_one_by_one(tmp_path, seed, now, monkeypatch):
    monkeypatch.setattr(osc_inbox, "EACH", 1 << 20)  # nothing is a flood here
    monkeypatch.setattr(osc_inbox, "ALL", 1 << 20)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    together, alone = Desk(tmp_path / "a"), Desk(tmp_path / "b")
    alone.handler._faders = {}
    chance = random.Random(seed)
    for _ in range(60):
        now[0] += 2
        datagrams: list[bytes] = []
        for _ in range(chance.choice([1, 1, 2, 5, 30])):
            parts = [drawn(chance, ALONE)]  # of a flood the newest of each pattern counts
            if more := chance.choice([0, 0, 0, 2, 8]):
                parts = [drawn(chance, (*FADERS, *ALONE)) for _ in range(more)]
            packs = [packed(*parts), packed(packed(*parts))]
            datagrams.append(chance.choice(packs if more else [parts[0], *packs]))
            for part in split(datagrams[-1]):
                alone.look(part)
        if len(datagrams) == 1:
            together.handler.alone(datagrams[0], SENDER)
            together.handler.done()
        else:
            together.look(*datagrams)
        assert dict(together.desk.store.snapshot.values) == dict(alone.desk.store.snapshot.values)
    for each in (together, alone):
        each.handler.tell()
        heard: dict[str, object] = {}
        for change in each.heard:
            heard |= change.changed
        assert all(each.value(name) == value for name, value in heard.items())
        each.server.close()


def test_a_bundle_of_faders_is_stored_without_its_messages_being_parsed(held, monkeypatch):
    monkeypatch.setattr(osc_handler, "parse", None)  # calling it would fail
    parts = [encoded(f"/bridge/{name}", 0.5) for name in ("vace", "mix", "fade")]
    held.look(packed(*parts))
    assert [held.value(name) for name in ("vace_scale", "mix", "fade")] == [0.5] * 3
    assert held.desk.counters.osc_refused == 0
    assert [dict(change.changed) for change in held.heard] == [
        {"vace_scale": 0.5, "mix": 0.5, "fade": 0.5}
    ]


def test_one_message_of_a_fader_takes_a_few_calls(held, now):
    held.look(vace(0.25))  # heard at once; the next is not
    handler = held.handler
    assert calls(lambda: (handler.alone(vace(0.5), SENDER), handler.done())) <= CALLS
    assert held.value("vace_scale") == 0.5
