"""The component's plain modules by themselves, with a clock and a web of our own."""

from types import SimpleNamespace

import pytest

from bridge.td import KIT


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
            self.web, VALUES.Values(), lambda *message: self.sent.append(message), lambda: self.now
        )

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
    line.tick(1.2)
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


@pytest.mark.parametrize(
    ("version", "old"), [("0.1.0", False), ("0.0.9", True), ("1.0", False), ("0.1rc1", False)]
)
def test_versions(line, version, old):
    line.link.open("127.0.0.1", 8000, 9001)
    line.tick()
    line.web.answer(200, {**SCHEMA, "version": version})
    line.tick()
    assert (line.link.state == "OLD") is old
