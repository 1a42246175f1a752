"""Which changes are undone when no block is usable, and which are not."""

from types import SimpleNamespace

import pytest

from bridge.state.change import By, Setter
from bridge.state.store import ParameterStore
from bridge.workers.client import WorkerClient
from bridge.workers.rollback import BAD, GOOD, Rollback
from engine.ipc.messages import BlockMade, BlockUnusable
from engine.parameters import describe
from tests.support.doubles import FARM, MISSING, POISON, PainterLoad, PainterParameters
from tests.support.rig import running_session
from tests.support.slow_cases import rest_slow

SLOW = {"shortest": 0.03, "longest": 0.03}  # blocks as a real pipeline makes them
SETTLED = {"settle_s": 0.2}


def made(rig, count=2 * 4 * GOOD):
    """Wait for so many new pictures."""
    before = rig.session.counters.shown["new"]
    rig.until(lambda: rig.session.counters.shown["new"] > before + count)


def heard(session):
    """Who changed what, from now on."""
    changes = []
    session.store.listen(lambda change: changes.append((change.setter.kind, dict(change.changed))))
    return changes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "good", "bad"),
    rest_slow([("prompt", "sea", POISON), ("reference", "sea.png", f"{POISON}.png")]),
)
def test_a_change_that_no_picture_comes_of_is_taken_back_and_told(tmp_path, name, good, bad):
    (tmp_path / "assets").mkdir()
    for picture in ("sea.png", f"{POISON}.png", "land.png"):
        (tmp_path / "assets" / picture).touch()
    start = {**SLOW, name: good}
    with running_session(tmp_path, pipeline="painter", load=start, **SETTLED) as rig:
        session = rig.session
        stop = rig.steady_input(120)
        rig.running()
        made(rig)
        worker, changes = session.status().worker, heard(session)
        session.store.update({name: bad, "vace_scale": 0.5}, Setter(By.OSC))
        rig.until(lambda: session.store.snapshot.values[name] == good)
        made(rig)
        status = session.status()
        assert f"{name} is {good!r} again, not {bad!r}" in status.error
        assert "NaN" in status.error
        assert (status.worker, status.restarts) == (worker, 0)
        assert ("rollback", {name: good}) in changes  # so every surface hears it
        assert session.store.snapshot.values["vace_scale"] == 0.5  # a fader stays
        session.store.update({name: "land" + good[3:]})
        rig.until(lambda: not session.status().error)
        stop()


@pytest.mark.slow
@pytest.mark.parametrize("catalog", ["beside it", "in its place"])
def test_what_is_loaded_is_taken_back_too(tmp_path, catalog):
    given = {"pipeline": "painter", "load": SLOW} if catalog == "beside it" else {
        "pipeline": "hog", "catalog": FARM, "load": SLOW | {"appetite": 1}}  # fmt: skip
    with running_session(tmp_path, **given, **SETTLED) as rig:
        session = rig.session
        stop = rig.steady_input(120)
        rig.running()
        made(rig)
        session.store.update({"ink": POISON})
        rig.until(lambda: session.counters.bad_blocks >= BAD)
        rig.until(lambda: session.store.snapshot.values["ink"] == "")
        rig.until(lambda: not session.status().loading)
        made(rig)
        status = session.status()
        assert "ink is '' again, not 'poison'" in status.error
        assert (status.restarts, status.black_frames) == (0, 0)
        stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "catalog", ["beside it", pytest.param("in its place", marks=pytest.mark.slow)]
)
def test_what_could_not_be_loaded_goes_back_to_what_runs_and_nothing_is_built_anew(
    tmp_path, catalog
):
    given = {"pipeline": "painter", "load": SLOW} if catalog == "beside it" else {
        "pipeline": "hog", "catalog": FARM, "load": SLOW | {"appetite": 1}}  # fmt: skip
    with running_session(tmp_path, **given) as rig:
        session = rig.session
        stop = rig.steady_input(120)
        rig.running()
        made(rig)
        worker, changes = session.status().worker, heard(session)
        session.store.update({"ink": MISSING})
        rig.until(lambda: session.store.snapshot.values["ink"] == "")
        made(rig)
        status = session.status()
        assert "could not be loaded: There is no such ink" in status.error
        assert (status.worker, status.restarts, status.loading) == (worker, 0, "")
        assert changes == [("unsaid", {"ink": MISSING}), ("set back", {"ink": ""})]
        stop()


@pytest.mark.slow
def test_with_nothing_good_before_the_worker_ends(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={**SLOW, "prompt": POISON}) as rig:
        stop = rig.steady_input(120)
        rig.until(lambda: rig.session.status().restarts)
        assert "NaN" in rig.session.status().error
        assert rig.session.store.snapshot.values["prompt"] == POISON
        stop()


@pytest.mark.slow
def test_a_fault_that_goes_on_after_it_ends_the_worker(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={**SLOW, "prompt": "sea"}) as rig:
        session = rig.session
        stop = rig.steady_input(120)
        rig.running()
        made(rig)
        session.store.update({"prompt": POISON, "trouble": "nan"})
        rig.until(lambda: session.status().restarts)
        rig.until(lambda: session.store.snapshot.values["prompt"] == "sea")
        stop()


@pytest.mark.slow
def test_the_way_back_has_no_fade_and_the_next_change_has_its_own(tmp_path, monkeypatch):
    seen = []
    steer = WorkerClient.set_parameters

    def spied(link, number, values):
        seen.append((number, values["prompt"], values["fade"]))
        steer(link, number, values)

    monkeypatch.setattr(WorkerClient, "set_parameters", spied)
    start = {**SLOW, "prompt": "sea", "fade": 30.0}
    with running_session(tmp_path, pipeline="painter", load=start, **SETTLED) as rig:
        session = rig.session
        stop = rig.steady_input(120)
        rig.running()
        made(rig)
        session.store.update({"prompt": POISON})
        rig.until(lambda: session.store.snapshot.values["prompt"] == "sea")
        made(rig)
        session.store.update({"prompt": "land"})
        rig.until(lambda: seen[-1][1] == "land")
        stop()
    last = [(prompt, fade) for _, prompt, fade in seen][-3:]
    assert last == [(POISON, 30.0), ("sea", 0.0), ("land", 30.0)]
    assert session.store.snapshot.values["fade"] == 30.0, "it stays as it is set"


# By itself


class FakeLink:
    """A worker of a painter."""

    row = SimpleNamespace(parameters=PainterParameters)

    def __init__(self, load):
        self.orders = SimpleNamespace(load=load)


class Judge:
    """A rollback over a painter's values, told of blocks as a worker would tell."""

    def __init__(self, **values):
        specs = [*describe(PainterParameters), *describe(PainterLoad)]
        self.store = ParameterStore(specs)
        self.store.update(values)
        self.rollback = Rollback(self.store)
        self.rollback._aside = self.rollback._set_back  # in this thread
        self.rollback.note(self.store.snapshot)
        self.store.listen(self.rollback.changed)
        self.link = FakeLink(PainterLoad())

    def good(self, count=GOOD, **report):
        for _ in range(count):
            number = self.store.snapshot.number
            self._say(BlockMade(frames=4, seconds=0.1, snapshot=number, report=report))

    def bad(self, count=BAD, tag=None):
        for _ in range(count):
            number = self.store.snapshot.number if tag is None else tag
            self._say(BlockUnusable(text="NaN.", snapshot=number))

    def _say(self, message):
        self.rollback.heard(self.link, message)

    def __getitem__(self, name):
        return self.store.snapshot.values[name]


def test_two_bad_blocks_and_a_good_one_take_nothing_back():
    judge = Judge(prompt="sea")
    judge.good()
    judge.store.update({"prompt": "land"})
    judge.bad(BAD - 1)
    judge.good(1)
    judge.bad(BAD - 1)
    assert judge["prompt"] == "land"
    judge.bad(1)
    assert judge["prompt"] == "sea"


def test_good_blocks_of_the_old_worker_do_not_excuse_the_new_one():
    judge = Judge()
    judge.good()
    judge.store.update({"ink": "red"})
    old, new = judge.link, FakeLink(PainterLoad(ink="red"))
    for _ in range(BAD):
        judge.link = new
        judge.bad(1)
        judge.link = old
        judge.good(1)
    assert judge["ink"] == ""


def test_bad_blocks_without_a_change_take_nothing_back():
    judge = Judge(prompt="sea")
    judge.good()
    judge.store.update({"vace_scale": 0.3})
    judge.bad(9)
    assert judge["prompt"] == "sea"
    assert judge["vace_scale"] == 0.3
    assert not judge.rollback.told


def test_a_value_that_was_changed_once_more_is_a_new_try():
    judge = Judge(prompt="sea", reference="a")
    judge.good()
    judge.store.update({"prompt": "land", "reference": "b"})
    tag = judge.store.snapshot.number
    judge.store.update({"prompt": "air"})
    judge.bad(tag=tag)
    assert (judge["prompt"], judge["reference"]) == ("air", "a")


def test_a_prompt_that_is_still_on_its_way_does_not_hold():
    judge = Judge(prompt="sea")
    judge.good()
    judge.store.update({"prompt": "land"})
    judge.good(9, arriving=1)
    judge.good(9, fade_left=0.4)
    judge.good(1)  # it has come
    judge.bad()
    assert judge["prompt"] == "sea"


def test_the_way_back_has_no_fade_until_it_has_arrived():
    judge = Judge(prompt="sea")
    fade = lambda: judge.rollback.eased({"fade": 9.0})["fade"]  # noqa: E731
    judge.good()
    judge.store.update({"prompt": "land"})
    assert fade() == 9.0
    judge.bad()
    judge.good(arriving=1)  # its words have to be looked up anew
    judge.store.update({"vace_scale": 0.5})  # a fader moves meanwhile
    assert fade() == 0.0
    judge.good(1)
    assert fade() == 9.0
    judge.store.update({"prompt": "land"})
    judge.bad()
    judge.store.update({"prompt": "hills"})  # a new wish has its own fade
    assert fade() == 9.0


def test_what_is_swept_does_not_take_along_what_rests():
    judge = Judge(prompt="old")
    judge.good()
    judge.store.update({"prompt": "sea"})
    for number in range(9):
        judge.store.update({"reference": str(number)})
        judge.good(1)
    judge.bad()
    assert judge["prompt"] == "sea"


def test_a_block_of_an_unknown_snapshot_is_judged_by_what_it_was_loaded_with_alone():
    judge = Judge(prompt="sea")
    judge.good()
    judge.store.update({"prompt": "land"})
    judge.bad(tag=0)
    assert judge["prompt"] == "land"


def test_a_reference_that_is_gone_meanwhile_becomes_none():
    judge = Judge(reference="a")
    judge.good()
    judge.store.update({"reference": "b"})
    spec = judge.store.specs["reference"]
    object.__setattr__(spec, "asset", True)

    def gone(name):
        raise ValueError("There is no such picture.")

    judge.store._asset = gone
    judge.bad()
    assert judge["reference"] == ""
