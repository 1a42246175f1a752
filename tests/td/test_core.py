"""The component's plain modules alone, with a clock and a web of the test's own."""

import os
import subprocess
import sys
from types import FunctionType, SimpleNamespace

import pytest
from hypothesis import given as given_by_hypothesis
from hypothesis import strategies as st

from bridge.cli.td import KIT
from bridge.control.schema import declared
from bridge.state.actions import ACTIONS
from bridge.system.paths import meant
from tests.bridge.system.test_paths import test_what_a_pasted_path_means as of_the_bridge


def module(name):
    """As TouchDesigner loads it: not among sys.modules."""
    names = {"__name__": name}
    exec(compile((KIT / f"{name}.py").read_text("utf-8"), name, "exec"), names)
    return SimpleNamespace(**names)


LINK, VALUES, PAGES = module("bridge_link"), module("bridge_values"), module("bridge_pages")


def parameter(name, kind="float", **more):
    return {"name": name, "osc": name[:4], "kind": kind, "default": 0.0, "help": "", **more}


SCHEMA = {
    "version": "0.1.0",
    "parameters": [parameter("scale"), parameter("steps", "int"), parameter("on", "bool"),
                   parameter("words", "text"), parameter("picture", "text", asset=True)],
    "pipelines": [{"id": "one", "active": True, "parameters": ["scale"], "load": []},
                  {"id": "two", "active": False, "parameters": ["words"], "load": []}],
}  # fmt: skip


class Web:
    """Answers nothing until it is told to."""

    def __init__(self):
        self.asked, self.ready = [], []

    def aim(self, *_):
        pass

    def leave(self, *_):
        pass

    def ask(self, job, method, path, body=None):
        self.asked.append((job, path, body))

    def answers(self):
        ready, self.ready = self.ready, []
        return ready

    def answer(self, status, value, place=-1):
        self.ready.append(SimpleNamespace(job=self.asked[place][0], status=status, value=value))


class Line:
    """A link with its clock, and a patch that shows what it is told to."""

    def __init__(self):
        self.now, self.sent, self.shown, self.driven = 100.0, [], {}, set()
        self.web = Web()
        self.link = LINK.Link(
            self.web, VALUES.Values(), lambda *message: self.sent.append(message),
            clock=lambda: self.now,
        )  # fmt: skip

    def wait(self, seconds):
        """Frames without a word from the bridge."""
        for _ in range(round(seconds / 0.1)):
            self.tick(0.1)

    def tick(self, seconds=0.02):
        self.now += seconds
        events = self.link.tick(self.shown, self.driven)
        self.shown.update({e.name: e.value for e in events if e.kind == "value"})
        return events

    def connect(self, values, shown):
        self.link.open("127.0.0.1", 8000, 9001)
        self.tick()
        self.web.answer(200, SCHEMA)
        self.tick()
        self.shown = dict(shown)
        self.tick()
        self.web.answer(200, values)
        self.tick()
        self.link.heard("/bridge/state/uptime", [1.0])
        self.tick()
        assert self.link.state == "CONNECTED"

    def value(self, address):
        return [values for name, values in self.sent if name == address]


@pytest.fixture
def line():
    return Line()


def test_at_connect_the_patch_takes_the_bridges_values(line):
    line.connect({"scale": 0.5}, {"scale": 0.0})
    assert line.shown == {"scale": 0.5}
    assert line.value("/bridge/scal") == []


def test_an_answer_of_an_older_value_is_not_shown_while_a_newer_is_on_its_way(line):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    line.shown["scale"] = 0.75
    line.tick()
    line.link.heard("/bridge/scal", [0.6])
    line.tick()
    assert line.shown["scale"] == 0.75
    line.link.heard("/bridge/scal", [0.75])
    line.tick(0.2)
    assert line.shown["scale"] == 0.75
    assert line.value("/bridge/scal") == [[0.75]]


def test_what_the_bridge_made_of_a_value_is_shown(line):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    line.shown["scale"] = 7.0
    line.tick()
    line.link.heard("/bridge/scal", [2.0])
    line.tick(0.2)
    assert line.shown["scale"] == 2.0


def test_a_parameter_that_comes_back_with_its_pipeline_is_not_taken_for_moved(line):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    del line.shown["scale"]
    line.tick()
    line.shown["scale"] = 0.0  # as it was made anew, with its default
    line.tick()
    assert line.value("/bridge/scal") == []


def test_what_is_driven_is_sent_as_soon_as_it_is_there_and_insisted_on_once(line):
    line.driven = {"scale"}
    line.connect({"scale": 0.5}, {"scale": 0.9})
    assert line.shown["scale"] == 0.9
    assert line.value("/bridge/scal") == [[0.9]]
    for _ in range(5):  # it clamps: told again for ever, that would be a loop
        line.link.heard("/bridge/scal", [0.8])
        line.tick(0.2)
    assert line.shown["scale"] == 0.9
    assert line.value("/bridge/scal") == [[0.9], [0.9]]


@pytest.mark.parametrize(
    ("name", "shown", "sent"),
    [("on", True, 1), ("on", 0, 0), ("steps", 3.0, 3), ("words", 5, "5"), ("scale", 2, 2.0)],
)
def test_only_f_i_and_s_are_sent(line, name, shown, sent):
    before = {"on": not shown, "steps": 0, "words": "", "scale": 0.0}[name]
    line.connect({name: before}, {name: before})
    line.shown[name] = shown
    line.tick()
    [[argument]] = line.value(f"/bridge/{name[:4]}")
    assert argument == sent
    assert type(argument) is type(sent)


def test_a_whole_number_that_no_parameter_holds_is_shown_as_its_largest_and_not_sent_back(line):
    line.connect({"steps": 7}, {"steps": 7})
    for told in ("9007199254740991", "-9007199254740991", 2**31 - 1.0):  # by OSC a text, from 2^31
        line.link.heard("/bridge/step", [told])
        line.wait(1.0)
        assert line.shown["steps"] == (2**31 - 1) * (-1 if told == "-9007199254740991" else 1)
    assert line.value("/bridge/step") == []


def test_a_number_that_is_drawn_is_shown(line):
    line.connect({"steps": 7}, {"steps": 7})
    line.shown["steps"] = -1
    line.tick()
    line.link.heard("/bridge/step", [2_026_110])
    line.wait(1.0)
    assert line.shown["steps"] == 2_026_110
    assert line.value("/bridge/step") == [[-1]]


def test_values_are_thinned_and_the_last_one_is_sent(line):
    line.connect({"scale": 0.0}, {"scale": 0.0})
    for step in range(1, 101):
        line.shown["scale"] = step / 100
        line.tick(0.001)
    line.tick()
    values = [value for [value] in line.value("/bridge/scal")]
    assert len(values) < 15
    assert values[-1] == 1.0


def test_messages_before_the_bridge_was_asked_mean_nothing(line):
    line.link.open("127.0.0.1", 8000, 9001)
    line.link.heard("/bridge/state/uptime", [5.0])
    line.link.heard("/bridge/error", ["old"])
    assert [event.kind for event in line.tick()] == ["state"]
    assert line.link.state == "CONNECTING"


def test_an_answer_of_an_earlier_connection_is_not_looked_at(line):
    line.link.open("127.0.0.1", 8000, 9001)
    line.tick()
    line.link.open("127.0.0.1", 8010, 9001)
    line.tick()
    line.web.answer(0, "refused", place=0)
    line.tick()
    assert line.link.state == "CONNECTING"


def test_a_refused_switch_turns_the_menu_back_at_once(line):
    line.connect({}, {"pipeline": "one"})
    line.link.heard("/bridge/state/pipeline", ["one"])
    line.tick()
    line.shown["pipeline"] = "two"
    line.tick()
    assert line.web.asked[-1][2] == {"pipeline": "two"}
    line.tick(0.2)
    assert line.shown["pipeline"] == "two", "under way"
    line.web.answer(422, "no weights")
    assert "error" in [event.kind for event in line.tick()]
    line.tick()
    assert line.shown["pipeline"] == "one"


def test_a_switch_that_loads_keeps_the_menu_until_it_has_failed(line):
    line.connect({}, {"pipeline": "one"})
    line.link.heard("/bridge/state/pipeline", ["one"])
    line.shown["pipeline"] = "two"
    line.tick()
    line.web.answer(202, {"loading": "two"})
    line.link.heard("/bridge/state/loading", ["two"])
    for _ in range(20):
        line.link.heard("/bridge/state/uptime", [line.now])
        line.tick(0.5)
    assert line.shown["pipeline"] == "two"
    line.link.heard("/bridge/state/loading", [""])
    line.tick()
    assert line.shown["pipeline"] == "one"


def test_a_silent_bridge_is_asked_at_once(line):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    asked = len(line.web.asked)
    line.wait(1.2)
    assert line.link.state == "LOST"
    assert len(line.web.asked) == asked + 1


@pytest.mark.parametrize(
    ("words", "name"),
    [(("prompt_2_weight",), "Prompt2weight"), (("vace",), "Vace"), (("2nd",), "P2nd"),
     (("state", "fps"), "Statefps"), (("größe",), "Gre")],
)  # fmt: skip
def test_names_that_touchdesigner_takes(words, name):
    assert PAGES.par_name(*words) == name


def test_two_parameters_of_one_name_get_two():
    schema = {"parameters": [parameter("a_b"), parameter("ab"), parameter("active")]}
    names = [row.name for row in PAGES.plan(schema, {"Active"})]
    assert len({*names, "Active"}) == len(names) + 1
    assert all(name.isalnum() and name[1:] == name[1:].lower() for name in names)


def test_an_action_that_needs_a_number_has_a_pulse_for_each_of_the_first():
    number = {"name": "number", "needed": True, "index": True, "minimum": 1}
    actions = [
        {"name": "look", "help": "Recall.", "argument": number},
        {"name": "look/save", "help": "Save.", "argument": {**number, "needed": False}},
        {"name": "cue", "help": "Go to.", "argument": {**number, "index": False}},
        {"name": "go", "help": "Go."},
    ]
    rows = PAGES.plan({"parameters": [], "actions": actions}, {"Look"})
    pulses = {row.name: row.key for row in rows if row.kind == "action"}
    looks = {f"Look{number}": f"look/{number}" for number in range(1, 9)}
    assert pulses == {**looks, "Looksave": "look/save", "Go": "go"}
    assert {row.page for row in rows if row.kind == "action"} == {"Show"}


def test_the_buttons_of_a_show_are_pulses():
    rows = PAGES.plan(declared([], ACTIONS, []), {"Look", "Live"})
    pulses = {row.name: row.key for row in rows if row.kind == "action"}
    show = {"Go": "go", "Cueback": "cue/back", "Undo": "undo", "Redo": "redo", "Look1": "look/1"}
    assert show.items() <= pulses.items()


@pytest.mark.parametrize(
    ("host", "fit"),
    [("127.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("studio-pc", True), ("a", True),
     ("my_pc.local.", True), ("größe.example", True), ("", False), ("a b", False), (".", False),
     ("a..b", False), ("x" * 64, False), ("http://a", False), ("a:8000", False), ("[::1]", False),
     ("a@b", False), ("a\u200b", False)],
)  # fmt: skip
def test_what_can_be_a_host(line, host, fit):
    assert (LINK.unfit(host) == "") is fit
    line.link.open(host, 8000, 9001)
    line.tick()
    assert bool(line.web.asked) is fit
    assert (line.link.state == "CONNECTING") is fit


@pytest.mark.parametrize(
    ("version", "old"), [("0.1.0", False), ("0.0.9", True), ("1.0", False), ("0.1rc1", False)]
)
def test_versions(line, version, old):
    line.link.open("127.0.0.1", 8000, 9001)
    line.tick()
    line.web.answer(200, {**SCHEMA, "version": version})
    line.tick()
    assert (line.link.state == "OLD") is old


# What OSC does not carry, and time that stands still.


@pytest.mark.parametrize("osc_first", [True, False])
def test_a_stall_is_no_silence(line, osc_first):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    line.wait(0.5)
    subscribed = len(line.value("/bridge/subscribe"))
    line.now += 30.0  # a project is saved, a shader compiled
    if osc_first:
        line.link.heard("/bridge/state/uptime", [31.0])
    line.tick()
    assert line.link.state == "CONNECTED"
    assert len(line.value("/bridge/subscribe")) == subscribed + 1, "it may have been taken off"
    if not osc_first:
        line.link.heard("/bridge/state/uptime", [31.0])
    line.wait(0.8)
    assert line.link.state == "CONNECTED"
    line.wait(0.5)
    assert line.link.state == "LOST", "silence in frames is one"


def test_a_stall_sends_nothing_twice(line):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    line.shown["scale"] = 0.75
    line.tick()
    line.now += 30.0
    line.tick()
    line.link.heard("/bridge/scal", [0.75])
    line.wait(0.5)
    assert line.value("/bridge/scal") == [[0.75]]


def patches(line):
    return [body for job, path, body in line.web.asked if job[1] == "text"]


@pytest.mark.parametrize("text", ["ü 日本", "wave 🌊", "x" * 70_000])
def test_what_osc_may_spoil_goes_by_http(line, text):
    line.connect({"words": "calm"}, {"words": "calm"})
    line.shown["words"] = text
    line.tick()
    assert patches(line) == [{"words": text}]
    assert line.value("/bridge/word") == []
    line.web.answer(200, {"words": text})
    line.tick()
    line.link.heard("/bridge/word", ["Ã¼ ????"])
    line.tick()
    assert line.web.asked[-1][1] == "/api/v1/parameters"
    line.web.answer(200, {"words": text})
    line.wait(1.0)
    assert line.shown["words"] == text
    assert len(patches(line)) == 1


def test_a_text_from_elsewhere_is_asked_for(line):
    line.connect({"words": "calm"}, {"words": "calm"})
    line.link.heard("/bridge/word", ["caf"])  # all that was left of it
    line.tick()
    line.web.answer(200, {"words": "café"})
    line.wait(0.3)
    assert line.shown["words"] == "café"


def test_an_answer_about_an_older_text_does_not_undo_the_newer(line):
    line.connect({"words": "calm"}, {"words": "calm"})
    for text in ("ü", "üb"):
        line.shown["words"] = text
        line.tick()
    assert patches(line) == [{"words": "ü"}]
    line.web.answer(200, {"words": "ü"})
    line.wait(0.5)
    assert line.shown["words"] == "üb"
    line.web.answer(200, {"words": "üb"})
    line.wait(0.5)
    assert line.shown["words"] == "üb"
    assert patches(line) == [{"words": "ü"}, {"words": "üb"}]


def test_a_bridge_that_does_not_answer_piles_nothing_up(line):
    uploads = []
    line.web.upload = lambda job, path: uploads.append(path)
    line.connect({"words": "", "picture": "", "pipeline": "one"},
                 {"words": "", "picture": "", "pipeline": "one"})  # fmt: skip
    for number in range(200):
        line.shown.update(words=f"ü {number}", picture=f"{number}.png",
                          pipeline="two" if number % 2 else "one")  # fmt: skip
        line.link.heard("/bridge/state/uptime", [number + 2])
        line.tick()
    asked = [job[1] for job, *_ in line.web.asked if job[1] in ("text", "switch")]
    assert (sorted(asked), uploads) == (["switch", "text"], ["0.png"])
    place = next(p for p, (job, *_) in enumerate(line.web.asked) if job[1] == "text")
    line.web.answer(200, {"words": "ü 0"}, place)
    line.tick()
    assert patches(line) == [{"words": "ü 0"}, {"words": "ü 199"}]


def test_a_text_that_found_nobody_is_sent_again(line):
    line.connect({"words": "calm"}, {"words": "calm"})
    line.shown["words"] = "ü"
    line.tick()
    line.web.answer(0, "refused")
    line.tick()
    assert patches(line) == [{"words": "ü"}, {"words": "ü"}]


def test_a_refused_text_turns_back(line):
    line.connect({"words": "calm"}, {"words": "calm"})
    line.shown["words"] = "ü"
    line.tick()
    line.web.answer(422, "not this one")
    assert "words: not this one" in [event.value for event in line.tick()]
    line.tick()
    line.web.answer(200, {"words": "calm"})
    line.wait(0.3)
    assert line.shown["words"] == "calm"


def test_a_sentence_of_the_state_beyond_ascii_is_asked_for(line):
    line.connect({}, {})
    line.link.heard("/bridge/state/error", ["GrÃ¶Ã\x9fe?"])
    assert "error" not in [name for e in line.tick() if e.kind == "status" for name in e.value]
    assert line.web.asked[-1][1] == "/api/v1/state"
    line.web.answer(200, {"error": "Größe?"})
    assert {"error": "Größe?"} in [event.value for event in line.tick()]
    line.link.heard("/bridge/error", ["Größe".encode().decode("latin-1")])
    assert [event.value for event in line.tick()] == ["Größe"]


def test_two_ways_of_the_uptime_are_no_new_beginning(line):
    line.connect({}, {})
    for uptime in (5.0, 5.2):
        line.link.heard("/bridge/state/source", ["pattern: 320×180"])
        line.tick()
        line.web.answer(200, {"source": "pattern: 320×180", "uptime": uptime})
        line.tick()
        line.link.heard("/bridge/state/uptime", [uptime - 0.1])  # sent before, and taken in later
        line.tick()
        assert line.link.state == "CONNECTED"
    line.link.heard("/bridge/state/uptime", [0.1])
    line.tick()
    assert line.link.state == "LOST"


def test_a_file_is_sent_by_its_whole_path_and_a_name_of_the_bridges_as_it_is(line):
    line.link._path = lambda name, value: f"/show/{value}"
    uploads = []
    line.web.upload = lambda job, path: uploads.append((job, path))
    line.connect({"picture": ""}, {"picture": ""})
    for value, status, answer in (
        ("mine.png", 201, {"name": "mine-1.png"}), ("there.png", 410, "There is no file"),
    ):  # fmt: skip
        line.shown["picture"] = value
        line.tick()
        job, path = uploads.pop()
        assert path == f"/show/{value}"
        line.web.ready.append(SimpleNamespace(job=job, status=status, value=answer))
        line.tick()
    assert line.value("/bridge/pict") == [["mine-1.png"], ["there.png"]]
    line.shown["picture"] = "sub/gone.png"
    line.tick()
    job, _ = uploads.pop()
    line.web.ready.append(SimpleNamespace(job=job, status=410, value="There is no file"))
    assert "picture: There is no file" in [event.value for event in line.tick()]


PASTED = [typed for typed, _ in of_the_bridge.pytestmark[0].args[1]]
MORE = [
    "file://nas/art/a%20b.png",
    "file:'/a b.png'",
    " file:///C:/a%20b.png ",
    '"/a.png',
    "a b.png",
]


@pytest.mark.parametrize("typed", [t for t in [*PASTED, *MORE] if meant(t).startswith("file:")])
def test_a_pasted_path_is_read_as_by_the_bridge(typed):
    path = VALUES.pasted(typed)
    assert meant(f"file:{path}") == meant(typed), "one without a root is beside the project"
    assert VALUES.pasted(path) == path, "and it is never read twice"


def test_a_share_in_a_url_is_windows_own_path_there():
    windows = SimpleNamespace(name="nt")
    names = {**VALUES.pasted.__globals__, "os": windows}
    local = FunctionType(VALUES._local.__code__, names)
    assert local("//nas/art/a%20b.png") == r"\\nas\art\a b.png"
    assert local("///C:/a%20b.png") == "C:/a b.png"


# A bridge that is being started.


def process(line, what, value, status=200):
    line.web.ready.append(SimpleNamespace(job=what, status=status, value=value))
    return line.tick()


def test_a_bridge_that_starts_shows_the_last_line_of_its_log(line):
    line.link.open("127.0.0.1", 8000, 9001)
    line.tick()
    line.web.answer(0, "refused")
    line.tick()
    assert line.link.state == "OFFLINE"
    process(line, "started", {"pid": 1})
    assert (line.link.state, line.link.message) == ("STARTING", "The bridge is starting.")
    process(line, "log", "loading weights")
    for _ in range(10):
        line.wait(1.0)
        line.web.answer(0, "refused")
    assert (line.link.state, line.link.message) == ("STARTING", "loading weights")
    events = process(line, "ended", "The bridge ended: no disk", 1)
    assert "process" in [event.kind for event in events]
    assert line.link.state == "OFFLINE"


def test_a_bridge_that_was_lost_and_is_started_again_is_starting(line):
    line.connect({}, {})
    line.wait(1.3)
    assert line.link.state == "LOST"
    process(line, "log", "a line of one that lives")
    assert line.link.state == "LOST", "it may be restarting itself"
    process(line, "started", {"pid": 1})
    assert line.link.state == "STARTING"
    process(line, "stopped", 0)
    assert line.link.state == "OFFLINE"


def test_what_a_new_page_shows_is_nobodys_move(line):
    line.connect({"scale": 0.5}, {"scale": 0.5})
    line.link._values.settle({"scale": 0.0, "steps": 3})
    line.shown.update(scale=0.0, steps=3)
    line.wait(0.3)
    assert line.value("/bridge/scal") == []


# Live inputs beside the first.


@pytest.fixture
def steered(line):
    """A connected link, whose bridge has been asked for its state where that is needed."""

    def steered(has="", **wishes):
        line.link.wish(wishes)
        line.connect({}, {})
        line.tick()
        assert line.web.asked[-1][1] == "/api/v1/state"
        line.web.answer(200, {"control": has, "uptime": 1.0, "pipeline": "one", "loading": ""})
        line.tick()

    return steered


def given(line):
    """What was given to the bridge as inputs, and nothing else that was asked of it."""
    return [(path[8:], body["uri"]) for _, path, body in line.web.asked if body and "uri" in body]


def test_a_bridge_is_given_what_the_patch_wants_and_only_where_it_has_something_else(line, steered):
    steered("shm:depth · 64x48", control="shm:depth")
    assert given(line) == [], "what it has is not opened anew"
    line.link.wish({"control": "shm:pose"})
    line.tick()
    assert given(line) == [("control", "shm:pose")]
    line.link.wish({"control": "shm:edges"})
    line.tick()
    line.link.wish({"control": "shm:lines"})
    line.tick()
    assert len(given(line)) == 1, "one at a time"
    line.web.answer(202, {"control": "shm:pose"})
    line.tick()
    line.tick()
    assert given(line)[1:] == [("control", "shm:lines")], "then the newest"


def test_without_a_wish_nothing_is_asked_and_what_others_chose_stays(line):
    line.link.wish({"control": "", "mask": ""})
    line.connect({}, {})
    line.wait(0.5)
    assert {path for _, path, _ in line.web.asked} == {"/api/v1/schema", "/api/v1/parameters"}


@pytest.mark.parametrize("late", [False, True])
def test_what_only_the_patch_wanted_ends_and_what_was_chosen_since_stays(line, steered, late):
    steered("", control="shm:depth")
    line.web.answer(202, {"control": "shm:depth"})
    line.tick()
    if not late:  # the state lags behind the answer
        line.link._take_status({"control": "shm:depth · 64x48"})
    line.link.wish({"control": ""})
    line.tick()
    assert given(line)[1:] == [("control", "none")]
    line.web.answer(202, {"control": "none"})
    line.link._take_status({"control": ""})
    line.link.wish({"control": "shm:depth"})
    line.tick()
    line.web.answer(202, {"control": "shm:depth"})
    line.tick()
    line.link._take_status({"control": "file:walk.mp4 · 640x360"})  # by the page
    line.link.wish({"control": ""})
    line.tick()
    assert len(given(line)) == 3


def test_a_refusal_is_told_while_it_is_wanted_and_tried_again_with_another_pipeline(line, steered):
    why = "control cannot be used: one has no VACE; switch to two."
    steered("", control="shm:depth")
    line.web.answer(409, why)
    [event] = [event for event in line.tick() if event.kind == "wrong"]
    assert (event.name, event.value) == ("control", why)
    line.wait(0.5)
    assert len(given(line)) == 1
    line.link._take_status({"loading": "two"})
    line.tick()
    assert len(given(line)) == 2
    line.web.answer(202, {"control": "shm:depth"})
    assert ("cured", "control") in [(e.kind, e.name) for e in line.tick()]
    line.link.wish({"control": "nowhere:"})
    line.tick()
    line.web.answer(422, "'nowhere:' is not a source.")
    [event] = [event for event in line.tick() if event.kind == "wrong"]
    assert event.value == "control: 'nowhere:' is not a source."
    line.link.wish({"control": ""})
    assert ("cured", "control") in [(e.kind, e.name) for e in line.tick()]


def test_a_bridge_that_comes_back_is_given_it_again(line, steered):
    steered("", control="shm:depth")
    line.web.answer(0, "gone")
    line.wait(1.3)
    assert line.link.state == "LOST"
    steered("", control="shm:depth")
    assert given(line) == [("control", "shm:depth")] * 2


SHOW = module("dats/bridge_show")
NAMED = SHOW.SENDERS  # by which senders go here


@pytest.mark.parametrize(
    ("typed", "uri"),
    [
        ("", ""), (" \n", ""), ("None", "none"), ("Depth Cam", f"{NAMED}:Depth Cam"),
        ("spout:Depth", "spout:Depth"), ("file:C:/a b.mp4", "file:C:/a b.mp4"),
        ("C:\\a.mp4", "C:\\a.mp4"), ("/films/a.mp4", "/films/a.mp4"), ("深度", f"{NAMED}:深度"),
    ],
)  # fmt: skip
def test_a_live_input_is_named_by_its_sender_or_by_a_uri(typed, uri):
    assert SHOW._uri(typed) == uri


@pytest.mark.slow
@given_by_hypothesis(st.text())
def test_whatever_is_typed_as_a_live_input_is_read_once(typed):
    uri = SHOW._uri(typed)
    assert SHOW._uri(uri) == uri
    assert bool(uri) is bool(typed.strip())
    assert typed.strip() in (uri, uri.removeprefix(f"{NAMED}:")) or uri == "none"


# Processes.

PROCESS = module("bridge_process")


def test_touchdesigners_own_python_and_libraries_are_not_the_bridges(monkeypatch):
    for name in ("PYTHONHOME", "PythonPath", "PYTHONUTF8", "VIRTUAL_ENV", "QT_PLUGIN_PATH",
                 "DYLD_LIBRARY_PATH", "LD_LIBRARY_PATH", "LD_PRELOAD"):  # fmt: skip
        monkeypatch.setenv(name, "/derivative")
    monkeypatch.setenv("SPOUT_BRIDGE_NAME", "stage")
    found = PROCESS.environment()
    assert [name for name, value in found.items() if value == "/derivative"] == []
    assert (found["PYTHONIOENCODING"], found["SPOUT_BRIDGE_NAME"]) == ("utf-8", "stage")
    assert found["SPOUT_BRIDGE_STOP_ON_STDIN_END"] == "true"
    assert found["PATH"]


@pytest.mark.parametrize(
    ("data", "last"),
    [(b"one\ntwo\n\n", "two"), (b"", ""), (b"a\rb\rc", "c"), (b"x" * 9000, "x" * 300),
     ("Größe\n".encode(), "Größe"), (b"\xff\n", "\ufffd")],
)  # fmt: skip
def test_the_last_line_of_a_log(tmp_path, data, last):
    (tmp_path / "log").write_bytes(data)
    assert PROCESS.last_lines(tmp_path / "log", 1) == last
    assert PROCESS.last_lines(tmp_path / "none", 1) == ""


def test_a_process_is_told_from_a_later_one_of_its_number():
    own = PROCESS.born(os.getpid())
    assert own
    assert PROCESS.born(os.getpid()) == own
    assert PROCESS.born(os.getppid()) != ""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert PROCESS.born(gone.pid) == ""
