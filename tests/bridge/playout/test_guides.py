"""Live control video and mask, through the whole bridge, by numbered frames."""

import itertools
import json
import random
import threading
from contextlib import ExitStack, contextmanager
from time import perf_counter

import numpy as np
import pytest

import bridge.playout.endpoint
from bridge.frames.frame import Frame
from bridge.frames.history import MOST, MOST_BYTES, History
from bridge.transports import BUILT_IN, Options, TransportError
from bridge.transports.shared_memory import SharedMemorySink
from tests.support import balky
from tests.support.guided import BLOCK, CATALOG, GREY, NOTHING, given, numbered
from tests.support.rig import running_session

SIZE = {"size": "64x48", "output_size": "66x48", "pipeline": "stripes"}
names = (f"guide{number}" for number in itertools.count())


def frame(time: float) -> Frame:
    return Frame(np.zeros((4, 4, 4), np.uint8), time, 0)


# What came when.


def test_each_picture_goes_with_what_came_nearest_to_it_and_hardly_later():
    for seed in range(200):
        rng = random.Random(seed)
        history, late = History(), rng.uniform(0, 0.1)
        came = sorted(rng.uniform(0, 4) for _ in range(rng.randint(1, MOST)))
        for time in came:
            history.put(frame(time))
        asked = [rng.uniform(-1, 5) for _ in range(13)]
        for time, found in zip(asked, history.at(asked, late), strict=True):
            allowed = [each for each in came if each <= time + late] or came[:1]
            assert abs(found.time - time) == min(abs(each - time) for each in allowed)


def test_of_two_running_senders_none_is_further_off_than_one_of_its_periods():
    for slow, fast in ((7, 30), (30, 7), (24, 60), (50, 50)):
        history = History()
        for number in range(60):
            history.put(frame(number / slow))
        asked = [number / fast for number in range(int(50 * fast / slow))]
        found = history.at(asked, 1 / fast)
        assert all(abs(f.time - t) <= 1 / slow for f, t in zip(found, asked, strict=True))


def test_what_is_kept_is_bounded_in_number_and_in_bytes():
    assert History().at([1.0], 0.1) == []
    history = History()
    for time in range(2 * MOST):
        history.put(frame(time))
    assert history.at([0.0], 0.1)[0].time == MOST, "the oldest that is kept"
    image = np.zeros((4096, 4096, 4), np.uint8)
    for time in range(1000, 1010):
        history.put(Frame(image, time, 0))
    assert history.at([0.0], 0.1)[0].time == 1010 - MOST_BYTES // image.nbytes
    huge = np.zeros((8192, 8192 + 4, 4), np.uint8)
    history.put(Frame(huge, 2000, 0))
    assert history.at([0.0], 0.1)[0].time == 2000, "the newest stays whatever it is"


# Through the bridge.


@contextmanager
def sender(put, fps: float, sent: list[int]):
    """Send pictures whose numbers are milliseconds, at a rate."""
    stop = threading.Event()

    def work():
        while not stop.wait(1 / fps):
            number = round(perf_counter() * 1000) & 0x7FFFFF
            sent.append(number)
            put(number)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def shm(name: str, fps: float, size=(64, 48), sent: list[int] | None = None):
    """One that sends by shared memory, as a patch does."""
    sink, count = SharedMemorySink(name, Options(width=size[0], height=size[1])), itertools.count(1)
    with sink:

        def put(number: int) -> None:
            sink.send(Frame(numbered(number, *size), perf_counter(), next(count)))

        with sender(put, fps, [] if sent is None else sent):
            yield


def seen(rig, count: int):
    """What the next so many different pictures were made of."""
    with rig.place.changed:
        rig.place.seen.clear()
    found = []
    rig.until(lambda: len(dict.fromkeys(s.frame.index for s in rig.place.seen)) >= count)
    with rig.place.changed:
        for each in rig.place.seen:
            if each.frame.image.shape == (48, 66, 4) and not (found and found[-1][0] is each):
                found.append((each, given(each.frame.image)))
    return list(dict.fromkeys(what for _, what in found))


def ends(*roles: str) -> dict[str, str]:
    return {role: f"shm:test-{next(names)}" for role in roles}


def name_of(uri: str) -> str:
    return uri.partition(":")[2]


@pytest.mark.slow
def test_a_patch_of_three_senders_at_three_rates(tmp_path):
    uris = ends("source", "control", "mask")
    sent: dict[str, list[int]] = {role: [] for role in uris}
    rates = {"source": (25, (64, 48)), "control": (15, (128, 96)), "mask": (7, (32, 24))}
    with ExitStack() as stack:
        for role, (fps, size) in rates.items():
            stack.enter_context(shm(name_of(uris[role]), fps, size, sent[role]))
        rig = stack.enter_context(running_session(tmp_path, CATALOG, **uris, **SIZE))
        rig.running("stripes")
        rig.until(lambda: {rig.session.status().control_input, rig.session.status().mask_input}
                  == {"live"})  # fmt: skip
        found = [each for each in seen(rig, 60) if GREY not in (each.control, each.mask)]
        status = rig.session.status()
        assert (status.input, status.error) == ("live", "")
        assert status.control.startswith(f"{uris['control']} · 128x96")
        assert status.notes["sizes"] == [[48, 64]]
    for role in ("control", "mask"):
        numbers = np.array(sent[role])
        off = []
        for each in found:
            near = int(np.abs(numbers - each.input).argmin())
            off.append(abs(near - int(np.flatnonzero(numbers == getattr(each, role))[0])))
        # In pictures of that sender, and most of them: a busy machine receives late now and then.
        assert sorted(off)[int(0.8 * len(off))] <= 1, (role, off)
        assert len({getattr(each, role) for each in found}) > 3, "it moves"


@pytest.mark.slow
def test_a_control_that_is_lost_is_held_and_told_and_the_input_never_takes_its_place(tmp_path):
    uris = ends("control", "mask")
    with running_session(tmp_path, CATALOG, **uris, **SIZE) as rig:
        stop = rig.steady_input()
        rig.running("stripes")
        session = rig.session
        # Before its first picture grey stands in; a mask of nothing would keep that.
        assert {(each.control, each.mask) for each in seen(rig, 6)} == {(GREY, NOTHING)}
        rig.until(lambda: f"{uris['control']} has sent no frame yet" in session.status().error)
        sent: list[int] = []
        with shm(name_of(uris["mask"]), 20), shm(name_of(uris["control"]), 20, sent=sent):
            rig.until(lambda: session.status().error == "")
            rig.until(lambda: seen(rig, 3)[-1].control in sent)
        rig.until(lambda: f"The control {uris['control']} is lost; its last frame is held"
                  in session.status().error)  # fmt: skip
        rig.until(lambda: f"The mask {uris['mask']} is lost" in session.status().error)
        assert session.status().control_input == "waiting"
        seen(rig, 2 * BLOCK)  # what was on its way
        held = seen(rig, 9)
        assert {each.control for each in held} == {sent[-1]}
        assert len({each.input for each in held}) > 2, "the input goes on"
        rig.crash()  # the worker is another one, and is given the same
        rig.until(lambda: session.status().restarts == 1)
        rig.running("stripes")
        assert {each.control for each in seen(rig, 6)} == {sent[-1]}
        # The sender is back, with another size.
        with shm(name_of(uris["control"]), 20, (32, 32), sent):
            rig.until(lambda: session.status().control_input == "live")
            rig.until(lambda: seen(rig, 3)[-1].control > held[0].control)
        stop()


@pytest.mark.slow
def test_they_are_changed_while_it_runs_and_kept(tmp_path):
    first, second = ends("control", "mask")["control"], ends("control")["control"]
    with running_session(tmp_path, CATALOG, name="Kept", **SIZE) as rig:
        session, stop = rig.session, rig.steady_input()
        rig.running("stripes")
        rig.until(lambda: {each.control for each in seen(rig, 6)} == {NOTHING})  # no card any more
        one, two = [], []
        with shm(name_of(first), 20, sent=one), shm(name_of(second), 20, sent=two):
            session.set_source(first, "control")
            rig.until(lambda: seen(rig, 3)[-1].control in one)
            session.set_source(second, "control")  # new first, old after: never without one
            made = seen(rig, 12)
            rig.until(lambda: seen(rig, 3)[-1].control in two)
            assert NOTHING not in {each.control for each in made}
            session.set_source(f"file:{tmp_path / 'nothing.mp4'}", "mask")
            rig.until(lambda: session.status().error.startswith("The mask cannot be received: ")
                      and "File not found" in session.status().error)  # fmt: skip
            assert session.status().error.endswith(" It has no effect until its first frame.")
            assert "stays in use" not in session.status().error, "nothing does"
            assert session.status().mask == ""
            session.set_source("none", "mask")
            rig.until(lambda: session.status().error == "")
            with pytest.raises(TransportError, match="'nowhere:' is not a source"):
                session.set_source("nowhere:", "control")
            session.set_source("none", "control")
            rig.until(lambda: seen(rig, 3)[-1].control == NOTHING)
            assert (session.status().control, session.status().control_input) == ("", "none")
            session.set_source(second, "control")
            rig.until(lambda: session.status().control_input == "live")
        stop()
    kept = json.loads((tmp_path / "Kept.journal.json").read_text())
    assert (kept["control"], kept["mask"]) == (second, "none")
    with running_session(tmp_path, CATALOG, name="Kept", **SIZE) as rig:
        rig.until(lambda: rig.session.status().control.startswith(second))
        assert rig.session.status().mask == ""
    with running_session(tmp_path, CATALOG, name="Kept", control="none", **SIZE) as rig:
        assert rig.session.status().control == "", "after a normal end the command wins"


@pytest.mark.slow
def test_a_control_that_hangs_or_cannot_be_had_keeps_nobody(tmp_path, monkeypatch):
    monkeypatch.setitem(BUILT_IN, "balky", "tests.support.balky")
    monkeypatch.setattr(bridge.playout.endpoint, "TELL", 0.2)
    place = balky.places["place"] = balky.Place()
    with running_session(tmp_path, CATALOG, control="balky:place", **SIZE) as rig:
        stop, session = rig.steady_input(), rig.session
        rig.until(lambda: session.status().control_input == "live")
        place.keep("receive", "close")
        rig.until(lambda: "balky:place has not answered for" in session.status().error)
        assert len({each.input for each in seen(rig, 9)}) > 2, "the input goes on"
        session.set_source("pattern:next", "control")
        rig.until(lambda: session.status().control.startswith("pattern:next"))
        rig.until(lambda: (session.status().stuck, session.status().error) == (1, ""))
        place.let_go()
        rig.until(lambda: session.status().stuck == 0)
        stop()
    place.refuses = "balky:place is taken; choose another."
    begins = running_session(tmp_path, CATALOG, control="balky:place", fresh=True, **SIZE)
    with pytest.raises(TransportError, match="is taken"), begins:
        pass
    balky.places.clear()


@pytest.mark.slow
def test_without_vace_they_are_refused_in_a_sentence(tmp_path):
    without = {"load": {"guides": False}, **SIZE}
    why = "control cannot be used: stripes was loaded without VACE; set guides first."
    begins = running_session(tmp_path, CATALOG, control="pattern:depth", **without)
    with pytest.raises(TransportError, match=f"^--{why}$"), begins:
        pass
    with running_session(tmp_path, CATALOG, **without) as rig:
        session = rig.session
        with pytest.raises(TransportError, match=f"^{why}$"):
            session.set_source("pattern:depth", "control")
        session.set_source("none", "mask")  # which needs nothing
        session.store.update({"guides": True})
        session.set_source("pattern:depth", "control")
        rig.running("stripes")
        rig.until(lambda: session.status().control_input == "live")
        rig.until(lambda: not session.status().error)
        # A pipeline that has no use for them leaves them as they are, and that is told.
        session.set_source("pattern:white", "mask")
        session.switch("passthrough")
        rig.until(lambda: session.status().error.startswith(
            "The control pattern:depth and the mask pattern:white have no effect: passthrough has "
            "no VACE;"
        ))  # fmt: skip
        session.set_source("none", "mask")
        rig.until(lambda: session.status().error.startswith(
            "The control pattern:depth has no effect: passthrough has no VACE;"))  # fmt: skip
        assert session.status().control.startswith("pattern:depth")


@pytest.mark.slow
def test_without_an_input_the_control_leads_alone(tmp_path):
    uri, sent = ends("control")["control"], []
    with running_session(tmp_path, CATALOG, source="demo:", control=uri, **SIZE) as rig:
        rig.running("stripes")
        assert {(each.input, each.control) for each in seen(rig, 1)} == {(NOTHING, NOTHING)}
        with shm(name_of(uri), 30, sent=sent):
            rig.until(lambda: seen(rig, 2)[-1].control in sent)
            found = seen(rig, 12)
        assert {each.input for each in found} == {NOTHING}
        order = [sent.index(each.control) for each in found]
        assert order == sorted(order)
        assert len({*order}) > 3, "it moves"


def test_snap_takes_the_inputs_picture_as_the_reference(tmp_path):
    with running_session(tmp_path, CATALOG, **SIZE) as rig:
        session = rig.session
        with pytest.raises(ValueError, match="No input frame has been received yet"):
            session.actions["ref/snap"].run()
        rig.put(numbered(123))
        rig.until(lambda: session._receiving.newest is not None)
        session.actions["ref/snap"].run()
        name = session.store.snapshot.values["reference"]
        assert name.startswith("snap-")
        assert (session.assets / name).is_file()
        session.actions["ref/snap"].run()
        assert session.store.snapshot.values["reference"] == name, "the same picture is kept once"
