"""Floods of OSC: their cost is bounded, and other senders are not harmed."""

import errno
import itertools
import re
import socket
import time
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage

from bridge.control.osc import feedback as osc_feedback
from bridge.control.osc import handler as osc_handler
from bridge.control.osc import inbox as osc_inbox
from bridge.control.osc import packets as osc_packets
from bridge.control.osc import server as osc_server
from bridge.control.osc.feedback import Feedback
from bridge.control.osc.patterns import Patterns
from bridge.control.osc.server import OscServer
from bridge.settings import Settings
from bridge.state.store import ParameterStore
from engine.parameters import Load, Parameters, control, describe
from tests.bridge.control.osc.test_osc import message, osc
from tests.support.desk import FakeDesk

HOSTILE, HONEST = ("127.0.0.1", 1), ("127.0.0.1", 2)
COSTLY = "/bridge/" + "*{,}" * 60


@pytest.fixture(name="o")
def _o(tmp_path):
    with osc(tmp_path) as held:
        yield held


class Looks:
    """A server whose looks the test takes: what is given to `look` came since the last one."""

    def __init__(self, folder) -> None:
        self.desk = FakeDesk(folder)
        self.server = OscServer(self.desk, Settings(osc_feedback=(), folder=folder))

    def look(self, *items) -> None:
        for data, sender in items:
            self.server._inbox.add(data, sender)
        self.server._handler.look(self.server._inbox)

    def value(self, name):
        return self.desk.store.snapshot.values[name]


@pytest.fixture(name="looks")
def _looks(tmp_path):
    made = Looks(tmp_path)
    yield made
    made.server.close()


def sent(address, *arguments, by=HOSTILE):
    return message(address, *arguments).dgram, by


def bundle(*parts: bytes, tag=IMMEDIATELY) -> bytes:
    head = OscBundleBuilder(tag).build().dgram
    return head + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


# Patterns.


def test_a_pattern_for_all_presses_nothing_hides_nothing_and_reloads_nothing(looks):
    before = dict(looks.desk.store.snapshot.values)
    looks.look(sent("/bridge/*", 1), sent("/bridge/*/*", 1), sent("/bridge/lora[_/]?", 1))
    after = looks.desk.store.snapshot.values
    changed = {name for name in before if before[name] != after[name]}
    specs = looks.desk.store.specs
    faders = {"anti_flicker", "fade", "prompt_weight", "manage_cache", "lora_1_strength"}
    assert faders - changed <= {
        "fade", "prompt_weight", "lora_1_strength"  # which were 1
    }  # fmt: skip
    assert {"prompt", "anti_flicker", "manage_cache", "noise_scale"} <= changed
    assert not changed & {"mix", "bypass", "freeze", "black", "size", "backend", "lora_1"}
    assert all(specs[name].by_pattern for name in changed)
    assert (looks.desk.acted, looks.desk.switched) == ([], [])
    assert looks.desk.counters.osc_refused > 0, "1 is no name of a picture"


@pytest.mark.parametrize(
    "pattern",
    ["/bridge/{black,freeze}", "/bridge/kill_*", "/bridge/pipeline/*", "/bridge/mi?",
     "/bridge/{backend,size,vae}", "/bridge/re[sl]*"],
)  # fmt: skip
def test_a_pattern_that_means_only_such_things_is_refused_and_told_why(o, pattern):
    before = o.desk.store.snapshot
    o.send(pattern, 1)
    told = o.heard("/bridge/error")
    assert f"The pattern {pattern!r} matches only addresses that patterns cannot set" in told
    assert "send to the exact address." in told
    assert o.desk.store.snapshot is before
    assert (o.desk.acted, o.desk.switched) == ([], [])


def test_what_any_pipeline_is_built_with_is_reached_by_no_pattern():
    class Built(Load):
        shape: str = control("a", "Shape.")

    class Steered(Parameters):
        shape: str = control("a", "Shape.")
        gain: float = control(1.0, "Gain.")
        mute: bool = control(False, "Mute.", by_pattern=False)

    for order in ((Built, Steered), (Steered, Built)):
        store = ParameterStore([spec for model in order for spec in describe(model)])
        reached = {name for name, spec in store.specs.items() if spec.by_pattern}
        assert reached == {"gain"}


def plain(pattern: str) -> str:
    """The same as a regular expression: slow where it is hostile, but plain to see."""
    made = ""
    for token in re.findall(r"\*+|\?|\[!?[^\[\]/]+\]|\{[^{}]*\}|[^*?\[\]{}]", pattern):
        if token[0] == "*":
            made += "[^/]*"
        elif token == "?":
            made += "[^/]"
        elif token[0] == "[":
            made += token.replace("[!", "[^/")
        elif token[0] == "{":
            made += "(?:" + "|".join(map(re.escape, token[1:-1].split(","))) + ")"
        else:
            made += re.escape(token)
    return made


KNOWN = ["/a", "/a/b", "/a/bb", "/ab/ba", "/b", "/abab", "/ba/b/a", "/aaa"]
PARTS = ["a", "b", "/", "*", "?", "[ab]", "[!a]", "{a,bb}", "{,ab}", "/*", "**"]


@given(st.lists(st.sampled_from(PARTS), max_size=7).map("".join))
def test_patterns_mean_what_their_signs_say(pattern):
    wanted = [address for address in KNOWN if re.fullmatch(plain(pattern), address)]
    assert [*Patterns(KNOWN).matching(pattern)] == wanted


@pytest.mark.timeout(20)
def test_three_hundred_costly_patterns_are_matched_in_no_time(looks):
    """Each took 45 ms, and a loop that goes back and forth would never end on the others."""
    for number in range(100):
        for costly in (COSTLY, "/bridge/" + "*a" * 118, "/bridge/" + "[!a]*" * 46):
            looks.server._handler._patterns.matching(f"{costly}{number}")


def test_of_patterns_and_addresses_that_are_too_long_nothing_is_kept(looks):
    for number in range(20):
        long = sent(f"/bridge/*{number}" + "x" * 60_000, 1), sent("/" + "x" * 60_000, 1)
        looks.look(*long, (b"/" + b"x" * 60_003, HOSTILE), sent("/bridge/vace", 0.5))
    assert looks.value("vace_scale") == 0.5
    assert looks.desk.counters.osc_refused == 60
    assert looks.server._handler._patterns._matching.cache_info().currsize == 0


def test_patterns_beyond_the_allowance_are_refused_and_others_are_not_harmed(looks):
    flood = [sent(f"{COSTLY}{'{,}' * (number % 3)}*{number}*", 1) for number in range(2000)]
    honest = [
        sent("/bridge/vace", 1.5, by=HONEST),
        sent("/bridge/{fade,steady}", 0.75, by=HONEST),
        sent("/bridge/reset", by=HONEST),
    ]
    looks.look(*flood, *honest, *flood)
    assert looks.value("vace_scale") == 1.5
    assert looks.value("anti_flicker") == 0.75
    assert looks.desk.acted == ["reset"]
    assert looks.desk.counters.osc_refused > 1000


def test_values_of_the_same_sender_arrive_although_its_patterns_are_refused(looks):
    flood = [sent(f"/bridge/*{number}*", 1) for number in range(2000)]
    looks.look(*flood, sent("/bridge/vace", 0.5), *flood, sent("/bridge/vace", 1.25))
    assert looks.value("vace_scale") == 1.25


def test_of_one_pattern_the_newest_counts_and_its_place_is_kept(looks):
    sweep = [sent("/bridge/{vace,steady}", step / 1000) for step in range(1000)]
    looks.look(*sweep, sent("/bridge/vace", 2.0))
    assert looks.value("anti_flicker") == pytest.approx(0.999)
    assert looks.value("vace_scale") == 2.0
    assert looks.desk.counters.osc_coalesced == 999
    looks.look(sent("/bridge/vace", 2.0), *sweep)
    assert looks.value("vace_scale") == pytest.approx(0.999)


# What else there may be too much of.


@contextmanager
def counted(monkeypatch, module, name):
    """How often a function was called."""
    calls, real = [], getattr(module, name)

    def call(*arguments):
        calls.append(arguments)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(module, name, call)
        yield calls


FLOODS = {
    "buttons": lambda: [sent("/bridge/reset", 1)],
    "looks": lambda: [sent(f"/bridge/look/{next(ports) % 999 + 1}", 0)],
    "unknown": lambda: [sent("/bridge/nothing", 1)],
    "garbage": lambda: [(b"/garbage", HOSTILE)],
    "between": lambda: [sent("/bridge/mix", 0.1), sent("/bridge/nothing", 1)],
    "damaged": lambda: [sent("/bridge/vace", float("nan"))],
    "questions": lambda: [sent("/bridge/vace", "?", by=("127.0.0.1", next(ports)))],
    "bundles": lambda: [(bundle(*[message("/bridge/fade", 0.1).dgram] * 2), HOSTILE)],
    "deep": lambda: [(bundle(bundle(*[message("/bridge/fade", 0.1).dgram] * 2)), HOSTILE)],
    "patterns": lambda: [sent(f"/bridge/*{next(ports)}", 1)],
    "ports": lambda: [sent("/bridge/reset", 1, by=("127.0.0.1", next(ports)))],
}
ports = itertools.count(1000)


@pytest.mark.parametrize("kind", FLOODS)
def test_in_one_look_no_more_is_parsed_than_allowed_and_the_honest_are_heard(
    looks, monkeypatch, kind
):
    flood = [item for _ in range(2000) for item in FLOODS[kind]()]
    honest = [sent("/bridge/vace", 1.5, by=HONEST), sent("/bridge/panic", by=HONEST)]
    with counted(monkeypatch, osc_handler, "parse") as parsed:
        looks.look(*flood[:1000], *honest, *flood[1000:])
    assert len(parsed) <= 2.5 * osc_inbox.ALL
    assert looks.value("vace_scale") == 1.5
    assert "panic" in looks.desk.acted


def test_a_flood_drops_no_button_with_a_number(looks):
    looks.look(sent("/bridge/look/3", 1), *[sent("/bridge/nothing", 1)] * 2000)
    deadline = time.perf_counter() + 40
    while looks.desk.acted != ["look 3"]:  # in a thread of its own
        assert time.perf_counter() < deadline
        time.sleep(0.002)


def test_the_newest_of_what_is_too_much_is_done(looks):
    wishes = [sent(f"/bridge/pipeline/{name}", 1) for name in ("stylize", "passthrough")]
    looks.look(*wishes * 500)
    deadline = time.perf_counter() + 40
    while [name for name, _ in looks.desk.switched][-1:] != ["passthrough"]:
        assert time.perf_counter() < deadline
        time.sleep(0.002)
    assert looks.desk.counters.osc_refused > 500


@pytest.mark.parametrize("kind", ["junk", "query", "pattern", "button"])
def test_fifty_thousand_a_second_leave_time_for_the_value_of_another(looks, monkeypatch, kind):
    now, parsed = [100.0], []
    monkeypatch.setattr(osc_inbox, "perf_counter", lambda: now[0])
    real = osc_handler.parse
    monkeypatch.setattr(osc_handler, "parse", lambda data: parsed.append(data) or real(data))
    turns, each, apart = 100, 25, 0.0005
    for turn in range(turns):
        now[0] += apart
        flood = [
            {"junk": sent(f"/nonsense/{turn}/{number}", 1.0),
             "query": sent(f"/bridge/state/{number}/{turn}", "?"),
             "pattern": sent(f"/bridge/{{fade,x{number}}}", turn / turns),
             "button": sent("/bridge/reset")}[kind]
            for number in range(each)
        ]  # fmt: skip
        looks.look(*flood, sent("/bridge/vace", turn / turns, by=HONEST))
        assert looks.value("vace_scale") == pytest.approx(turn / turns), "in its own turn"
    refilled = osc_inbox.EACH * (1 + turns * apart / osc_inbox.REFILL)
    assert len(parsed) <= refilled + turns, "not all that came"
    assert looks.desk.counters.osc_refused > 0


def test_no_button_is_pressed_without_end(looks, monkeypatch):
    monkeypatch.setattr(osc_handler, "perf_counter", lambda: 100.0)  # all within one second
    for _ in range(20):
        looks.look(*[sent("/bridge/reset", 1)] * 20)
    assert len(looks.desk.acted) == 50
    assert looks.desk.counters.osc_refused == 350


def test_a_bundle_of_thousands_is_thinned_and_stays_one_snapshot(looks):
    before = looks.desk.store.snapshot.number
    sweep = [message("/bridge/vace", step / 1000).dgram for step in range(1500)]
    rest = [message("/bridge/anti_flicker", 0.25).dgram, message("/bridge/nothing", 1).dgram]
    looks.look((bundle(*sweep, *rest), HOSTILE))
    assert looks.value("vace_scale") == pytest.approx(1.499)
    assert looks.value("anti_flicker") == 0.25
    assert looks.desk.store.snapshot.number == before + 1
    assert looks.desk.counters.osc_refused == 1


def test_a_bundle_that_asks_for_too_much_is_refused_as_a_whole(looks):
    before = looks.desk.store.snapshot
    many = [message("/bridge/vace", 0.5).dgram, message("/bridge/reset", 1).dgram] * 600
    looks.look((bundle(*many), HOSTILE))
    assert looks.desk.store.snapshot is before
    assert (looks.desk.acted, looks.desk.counters.osc_refused) == ([], 1)


def test_patterns_and_damaged_values_in_a_bundle_are_bounded(looks, monkeypatch):
    patterns = [message(f"/bridge/*{'*' * (n % 9)}{'{,}' * (n // 9)}", 1).dgram for n in range(90)]
    with counted(monkeypatch, osc_handler, "value") as set_:
        looks.look((bundle(*patterns), HOSTILE))
    assert 0 < len(set_) <= osc_handler.MOST_BY_PATTERN + len(looks.desk.store.specs) * 2
    costly = [message(f"{COSTLY}{n}", 1).dgram for n in range(200)]
    looks.look((bundle(*costly), HOSTILE))
    assert looks.server._handler._patterns._matching.cache_info().misses < 40
    damaged = [message("/bridge/vace", float("nan")).dgram] * 2000
    with counted(monkeypatch, osc_handler, "parse") as parsed:
        looks.look((bundle(*damaged), HOSTILE))
    assert len(parsed) <= osc_handler.MOST_ROWS + 1


def test_a_fader_whose_every_value_is_a_bundle_is_thinned_like_any_other(looks):
    values = [(bundle(message("/bridge/vace", n / 1000).dgram), HOSTILE) for n in range(2000)]
    looks.look(*values)
    assert looks.value("vace_scale") == pytest.approx(1.999)
    assert looks.desk.counters.osc_coalesced == 1999
    assert looks.desk.counters.osc_refused == 0


# Answers.


class Answers:
    """Feedback without its thread: the clock and the beats are the test's."""

    def __init__(self, folder, monkeypatch, targets=()) -> None:
        self.now, self.sent, self.room = 100.0, [], 10**9
        monkeypatch.setattr(osc_feedback, "perf_counter", lambda: self.now)
        self.desk = FakeDesk(folder)
        self.feedback = Feedback(self.desk, self._send, targets)

    def _send(self, data: bytes, target) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        self.sent.append((OscMessage(data), target, len(data)))
        return True

    def beat(self, seconds=osc_feedback.BEAT) -> int:
        """One burst; how many datagrams it had."""
        before = len(self.sent)
        self.now += seconds
        self.feedback._whole()
        self.feedback._burst()
        return len(self.sent) - before

    def to(self, target) -> list[str]:
        return [told.address for told, to, _ in self.sent if to == target]


@pytest.fixture(name="answers")
def _answers(tmp_path, monkeypatch):
    return Answers(tmp_path, monkeypatch, [("127.0.0.1", 9000)])


def test_who_asks_for_all_over_and_over_is_told_twice_and_then_once_a_second(answers):
    asker = ("127.0.0.1", 5)
    bursts = []
    for _ in range(round(3 / osc_feedback.BEAT)):
        for _ in range(50):
            answers.feedback.tell_all(asker)
        bursts.append(answers.beat())
    assert max(bursts) <= osc_feedback.BURST
    assert 3 <= answers.to(asker).count("/bridge/vace") <= 4
    everything = {f"/bridge/{spec.osc}" for spec in answers.desk.store.specs.values()}
    assert everything <= set(answers.to(asker))


@pytest.mark.slow
def test_all_guests_together_are_sent_little_however_many_ask(answers):
    for seconds in range(5):
        for port in range(1000):
            with (
                pytest.raises(ValueError, match="Too many queries at once")
                if port >= 32
                else nothing()
            ):
                answers.feedback.tell_all(("10.0.0.7", 1000 * (seconds + 1) + port))
        for _ in range(62):
            answers.beat()
    total = sum(size for *_, size in answers.sent)
    assert total <= 5 * osc_feedback.RATE + 2 * osc_feedback.CREDIT


@contextmanager
def nothing():
    yield


def test_a_flood_of_one_machine_shuts_out_no_other_nor_targets_nor_subscribers(answers):
    answers.feedback.subscribe(("10.0.0.9", 7))
    while answers.beat():
        pass
    refused = 0
    for port in range(500):
        try:
            answers.feedback.answer({"/bridge/pong": 1}, ("127.0.0.1", 20_000 + port))
        except ValueError:
            refused += 1
    assert refused == 500 - osc_feedback.GUESTS_EACH
    answers.feedback.answer({"/bridge/pong": 1}, ("10.0.0.8", 7))
    answers.feedback.tell({"/bridge/vace": 0.5})
    answers.beat()
    assert "/bridge/pong" in answers.to(("10.0.0.8", 7))
    assert answers.to(("10.0.0.9", 7))[-1] == "/bridge/vace"
    assert answers.to(("127.0.0.1", 9000))[-1] == "/bridge/vace"


@pytest.mark.slow
def test_a_short_question_for_a_long_text_is_not_answered_at_the_rate_of_the_questions(answers):
    answers.desk.store.update({"prompt": "x" * 60_000})
    asker = ("10.0.0.7", 5)
    for _ in range(625):  # ten seconds
        assert answers.feedback.ask("/bridge/prompt", asker)
        answers.beat()
    total = sum(size for _, to, size in answers.sent if to == asker)
    assert total <= 10 * osc_feedback.RATE + osc_feedback.CREDIT + 60_032


def test_subscribing_over_and_over_brings_all_once_a_second(answers):
    target = ("127.0.0.1", 6)
    for _ in range(125):  # two seconds
        for _ in range(20):
            answers.feedback.subscribe(target)
            answers.feedback.unsubscribe(target)
        answers.feedback.subscribe(target)
        answers.beat()
    assert 1 <= answers.to(target).count("/bridge/vace") <= 3


def test_questions_for_everything_ask_for_the_state_once_a_burst(answers):
    calls, real = [], answers.desk.status
    answers.desk.status = lambda: calls.append(1) or real()
    for port in range(30):
        for address in ("/bridge/pipeline", "/bridge/source", "/bridge/vace", "/bridge/prompt/1"):
            assert answers.feedback.ask(address, ("127.0.0.1", 100 + port))
    assert not answers.feedback.ask("/bridge/reset", ("127.0.0.1", 100))
    answers.beat()
    assert len(calls) == 1
    assert sorted(answers.to(("127.0.0.1", 129))) == sorted(
        ["/bridge/pipeline", "/bridge/source", "/bridge/vace", "/bridge/prompt/1"]
    )


def test_what_finds_no_room_in_the_socket_comes_later_and_nothing_is_lost(answers):
    asker = ("127.0.0.1", 5)
    answers.feedback.tell_all(asker)
    answers.room = 10
    answers.beat()
    answers.room = 10**9
    for _ in range(5):
        answers.beat()
    assert len(answers.to(asker)) == len(set(answers.to(asker)))
    assert {f"/bridge/{s.osc}" for s in answers.desk.store.specs.values()} <= {*answers.to(asker)}


def test_trouble_of_every_kind_at_once_is_told_a_few_times(looks, caplog, monkeypatch):
    monkeypatch.setattr(osc_handler, "perf_counter", lambda: 5.0)  # within one second
    for name in looks.desk.store.specs:
        looks.look(sent(f"/bridge/{name}", float("nan")))
    assert looks.desk.counters.osc_refused == len(looks.desk.store.specs)
    told = [record for record in caplog.records if record.name == osc_handler.log.name]
    assert len(told) <= osc_handler.MOST_TROUBLE


def test_queries_are_answered_to_this_machine_and_those_allowed_only(tmp_path):
    with osc(tmp_path, osc_allow="192.168.1.20") as held:
        told = []
        held.server._feedback.tell_all = told.append
        query = message("/bridge/query", 53).dgram
        for host in ("127.0.0.1", "192.168.1.20", "192.168.1.21", "8.8.8.8"):
            fake = Arrived([(query, (host, 7000))])
            held.server._drain(fake, time.perf_counter() + 5)
            held.server._handler.look(held.server._inbox)
        assert told == [("127.0.0.1", 53), ("192.168.1.20", 53)]
        assert held.desk.counters.osc_refused == 2


def test_it_never_answers_itself_at_any_address_of_this_machine(o):
    for host in ("127.0.0.1", "::1", *(["127.0.0.2"] if can_bind("127.0.0.2") else [])):
        assert o.server._is_own(host)
    assert not o.server._is_own("192.0.2.1")
    before = o.desk.counters.osc_messages
    for host in ("127.0.0.1", "127.0.0.2"):
        o.server._send(message("/bridge/pipeline", "stylize").dgram, (host, o.server.port))
    o.send("/bridge/vace", 0.5)
    o.until(lambda: o.value("vace_scale") == 0.5)
    assert (o.desk.counters.osc_messages, o.desk.switched) == (before + 1, [])


def can_bind(host: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((host, 0))
        except OSError:
            return False
    return True


# What goes wrong ends nothing.


class Arrived:
    """A socket to which datagrams came; an exception among them is raised."""

    def __init__(self, items) -> None:
        self.items = list(items)

    def recvfrom(self, _):
        if not self.items:
            raise BlockingIOError
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item


class Failing:
    """A socket that fails a few times, and then is the real one."""

    def __init__(self, real, errors) -> None:
        self.real, self.errors = real, list(errors)

    def recvfrom(self, size):
        if self.errors:
            raise self.errors.pop(0)
        return self.real.recvfrom(size)

    def __getattr__(self, name):
        return getattr(self.real, name)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOBUFS, errno.ENETDOWN, errno.EMSGSIZE])
def test_an_error_of_the_socket_does_not_end_osc(tmp_path, caplog, code):
    desk = FakeDesk(tmp_path)
    server = OscServer(desk, Settings(osc_feedback=(), folder=tmp_path))
    server.bind(0)
    real = server._sockets[socket.AF_INET]
    errors = [
        OSError(code, "made up"),
        ConnectionResetError(),
        OSError(code, "made up"),
        RuntimeError("driver"),
    ]
    server._sockets[socket.AF_INET] = Failing(real, errors)
    server.start()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sender.sendto(message("/bridge/vace", 0.5).dgram, ("127.0.0.1", server.port))
        deadline = time.perf_counter() + 10
        while desk.store.snapshot.values["vace_scale"] != 0.5:
            assert time.perf_counter() < deadline
            time.sleep(0.005)
    finally:
        server.close()
        sender.close()
    logged = [record for record in caplog.records if "OSC continues" in record.message]
    assert len(logged) == 2, "each kind once"
    assert all(record.exc_info for record in logged)


@pytest.mark.parametrize("fails", ["select", "receive"])
def test_a_socket_that_the_system_closed_is_bound_again(tmp_path, caplog, fails):
    """As Windows tells it: `select` fails for all sockets, or receiving for this one."""
    desk = FakeDesk(tmp_path)
    server = OscServer(desk, Settings(osc_feedback=(), folder=tmp_path))
    server.bind(0)
    port, real = server.port, server._sockets[socket.AF_INET]
    broken = Failing(real, [])

    class Broken(osc_server.Ears):
        def wait(self, seconds):
            if fails == "select" and broken in self._sockets.values():
                real.close()
                raise OSError(10038, "not a socket")
            return super().wait(seconds)

    def recvfrom(size):
        real.close()
        raise OSError(10038, "not a socket")

    if fails == "receive":
        broken.recvfrom = recvfrom
    server._sockets[socket.AF_INET] = broken
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(osc_server, "Ears", Broken)
            server.start()
            deadline = time.perf_counter() + 10
            while desk.store.snapshot.values["vace_scale"] != 0.5:
                assert time.perf_counter() < deadline
                sender.sendto(message("/bridge/vace", 0.5).dgram, ("127.0.0.1", port))
                time.sleep(0.01)
    finally:
        server.close()
        sender.close()
    assert any("is listening on UDP port" in record.message for record in caplog.records)


def test_a_state_that_fails_does_not_end_feedback(o):
    real, fails = o.desk.status, [OSError(errno.EMFILE, "no descriptors left")] * 3

    def status():
        if fails:
            raise fails.pop()
        return real()

    o.desk.status = status
    o.until(lambda: not fails)
    o.desk.now = {"state": "FAILED", "pipeline": "stylize"}
    while o.heard("/bridge/state/state") != "FAILED":
        pass


def test_a_codec_that_stumbles_costs_one_message(looks, monkeypatch, caplog):
    real = osc_packets.OscMessage

    def stumble(data):
        if b"anti_flicker" in data:
            raise RuntimeError("of the codec")
        return real(data)

    monkeypatch.setattr(osc_packets, "OscMessage", stumble)
    for _ in range(3):
        looks.look(
            sent("/bridge/vace", 0.5),
            sent("/bridge/anti_flicker", 0.1, "by the codec"),
            sent("/bridge/fade", 2.0),
        )
    assert (looks.value("vace_scale"), looks.value("fade")) == (0.5, 2.0)
    assert looks.desk.counters.osc_refused == 3
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_guest_is_answered_at_once_while_the_others_rest_and_then_once_a_beat(answers):
    asker, pong = ("127.0.0.1", 5), {"/bridge/pong": 1}
    while answers.beat():
        pass
    answers.feedback.tell({"/bridge/vace": 0.5})
    assert answers.beat() == 1
    answers.feedback.tell({"/bridge/vace": 0.6})
    answers.feedback.answer(pong, asker)
    assert answers.beat(0) == 1  # the answer; the target got a value just now
    answers.feedback.answer(pong, asker)
    assert answers.beat(0) == 0
    assert answers.beat() == 3  # both, and the pong that a target on this machine gets too
