"""Sources and sinks whose driver or disk hangs: nothing else waits."""

import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from time import perf_counter

import cv2
import numpy as np
import pytest

import bridge.playout.endpoint
import bridge.session
import bridge.transports
from bridge.control.http.app import _readiness
from bridge.control.http.thumbnails import Thumbnails
from bridge.playout.endpoint import Endpoint
from bridge.transports import (
    BUILT_IN,
    Options,
    TransportError,
    offers,
    open_sink,
    open_source,
    schemes,
)
from tests.bridge.transports.test_transports import film
from tests.support import balky
from tests.support.bridge import running
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow


def until(true, seconds: float = 40.0) -> None:
    end = perf_counter() + seconds
    while not true():
        assert perf_counter() < end, "it did not come"
        threading.Event().wait(0.01)


@pytest.fixture
def place(monkeypatch):
    """`balky:place`; limits of seconds become tenths."""
    monkeypatch.setitem(BUILT_IN, "balky", "tests.support.balky")
    monkeypatch.setattr(bridge.session, "OPENING", 0.3)
    monkeypatch.setattr(bridge.transports, "PATIENCE", 0.2)
    for name, seconds in (("TELL", 0.2), ("PATIENCE", 0.1), ("CLOSING", 0.3), ("RETRY", 0.1)):
        monkeypatch.setattr(bridge.playout.endpoint, name, seconds)
    made = balky.places["place"] = balky.Place()
    balky.places["other"] = balky.Place()
    yield made
    for each in balky.places.values():
        each.let_go()
    balky.places.clear()


@pytest.fixture
def other(place):
    return balky.places["other"]


@pytest.mark.slow
def test_a_source_that_does_not_open_keeps_no_start_and_comes_when_it_comes(tmp_path, place):
    place.keep("open")
    began = perf_counter()
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        assert perf_counter() - began < 10
        rig.wait(lambda frame: True)  # the card, from the first tick on
        rig.until(lambda: "has not opened for" in rig.session.status().error)
        status = rig.session.status()
        assert status.error.startswith("balky:place has not opened for ")
        assert status.source == "balky:place · opening"
        assert (status.shown, status.black_frames) == ("card", 0)
        place.let_go()
        rig.until(lambda: rig.session.status().frames_new > 3)
        assert rig.session.status().error == ""


def test_a_newer_choice_is_taken_while_one_does_not_open_and_that_one_closes_what_it_gets(
    tmp_path, place
):
    place.keep("open")
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        place.until("open begun")
        rig.session.set_source("pattern:quick")
        rig.until(lambda: rig.session.status().source.startswith("pattern:quick"))
        rig.until(lambda: rig.session.status().stuck == 1)
        place.let_go()
        place.until("close")
        rig.until(lambda: rig.session.status().stuck == 0)
        assert place.done["receive"] == 0
        assert rig.session.status().source.startswith("pattern:quick")


def test_what_is_in_use_goes_on_until_the_newer_one_has_opened(tmp_path, place):
    with running_session(tmp_path, source="pattern:old", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().frames_new > 3)
        place.keep("open")
        rig.session.set_source("balky:place")
        rig.until(lambda: "balky:place has not opened" in rig.session.status().error)
        assert "pattern:old stays in use" in rig.session.status().error
        shown = rig.session.status().frames_new
        rig.until(lambda: rig.session.status().frames_new > shown + 3)
        place.let_go()
        rig.until(lambda: rig.session.status().source.startswith("balky:place"))
        rig.until(lambda: not rig.session.status().error)


def test_one_that_is_refused_late_leaves_the_old_one_and_says_so(tmp_path, place):
    with running_session(tmp_path, source="pattern:old", pipeline="passthrough") as rig:
        place.keep("open")
        place.refuses = "balky:place is broken; mend it."
        rig.session.set_source("balky:place")
        place.until("open begun")
        place.let_go()
        said = f"{place.refuses} pattern:old stays in use."
        rig.until(lambda: rig.session.status().error == said)
        assert rig.session.status().source.startswith("pattern:old")
        assert place.done["open begun"] == 1, "it is not tried again unasked"


@pytest.mark.slow
def test_a_choice_that_cannot_be_had_is_told_for_a_while_and_no_longer(
    tmp_path, place, monkeypatch
):
    monkeypatch.setattr(bridge.playout.endpoint, "TOLD", 0.5)
    with running_session(tmp_path, source="balky:other", pipeline="passthrough") as rig:
        place.refuses = "balky:place is broken; mend it."
        rig.session.set_source("balky:place")
        rig.until(lambda: "balky:other stays in use" in rig.session.status().input_problem)
        rig.until(lambda: not rig.session.status().error)
        rig.session.set_source("balky:place")
        rig.until(lambda: "mend it" in rig.session.status().error)
        balky.places["other"].keep("receive")
        rig.until(lambda: not rig.session._receiving.refused or rig.session._receiving.late)
        threading.Event().wait(0.7)
        assert "mend it" in rig.session.status().error, "while nothing else is well it stays"
        balky.places["other"].let_go()
        rig.until(lambda: not rig.session.status().error)
        assert place.done["open begun"] == 2, "it is not tried again unasked"


def test_a_film_that_went_and_is_back_leaves_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge.playout.endpoint, "RETRY", 0.1)
    path, away = film(tmp_path / "clip.mp4", frames=12), tmp_path / "away.mp4"
    with running_session(tmp_path, source=f"file:{path}", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().input == "live")
        path.rename(away)
        rig.session.set_source(f"file:{path}")
        rig.until(lambda: "File not found" in rig.session._receiving.refused)
        rig.until(lambda: rig.session.status().input == "failed")
        assert f"File not found: {path}" in rig.session.status().error
        away.rename(path)
        rig.until(lambda: not rig.session.status().error)
        assert rig.session.status().input_problem == ""
        rig.until(lambda: rig.session.status().input == "live")


@pytest.mark.slow
def test_a_source_that_is_refused_after_the_start_is_tried_again(tmp_path, place):
    place.keep("open")
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        place.refuses = "balky:place is not plugged in; plug it in."
        place.let_go()
        rig.until(lambda: rig.session.status().error == place.refuses)
        place.until("open", 3)
        place.refuses = ""
        rig.until(lambda: rig.session.status().frames_new > 3)
        assert rig.session.status().error == ""


def test_what_is_refused_at_once_refuses_the_start(tmp_path, place):
    place.refuses = "balky:place is taken; choose another."
    threads = threading.active_count()
    for ends in ({"source": "balky:place"}, {"sink": "balky:place"}):
        with (
            pytest.raises(TransportError, match="is taken"),
            running_session(tmp_path, pipeline="passthrough", **ends),
        ):
            pass
    assert threading.active_count() <= threads, "nothing is half-started"


@pytest.mark.slow
def test_a_source_that_stalls_is_told_and_a_newer_choice_is_taken(tmp_path, place):
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().frames_new > 3)
        place.keep("receive")
        rig.until(lambda: "balky:place has not answered for" in rig.session.status().error)
        rig.session.set_source("pattern:next")
        rig.until(lambda: rig.session.status().source.startswith("pattern:next"))
        rig.until(lambda: rig.session.status().stuck == 1 and not rig.session.status().error)
        frames = rig.session.status().frames_new
        rig.until(lambda: rig.session.status().frames_new > frames + 3)
        rig.session.set_source(f"memory:{rig.name}")
        rig.until(lambda: rig.session.status().source.startswith("memory:"))
        still = scene(64, 48, 7)
        rig.put(still)
        rig.until(lambda: np.array_equal(rig.session.latest_frame("input").image, still))
        place.let_go()
        place.until("close")
        rig.until(lambda: rig.session.status().stuck == 0)
        late = rig.session.latest_frame("input").image
        assert np.array_equal(late, still), "what the old one gets at last is nobody's"


def test_many_newer_choices_leave_few_threads_behind_and_the_last_one_wins(tmp_path, place):
    with running_session(tmp_path, source="pattern:old", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().frames_new > 3)
        place.keep("open")
        before = threading.active_count()
        for number in range(300):
            rig.session.set_source("balky:place" if number % 2 else f"pattern:{number}")
        rig.session.set_source("pattern:last")
        rig.until(lambda: rig.session.status().source.startswith("pattern:last"))
        assert threading.active_count() < before + 5
        place.let_go()


@pytest.mark.slow
def test_so_many_are_left_behind_and_no_more(tmp_path, place):
    with running_session(tmp_path, source="pattern:old", pipeline="passthrough") as rig:
        place.keep("open")
        for number in range(bridge.playout.endpoint.MOST):
            rig.session.set_source("balky:place")
            place.until("open begun", number + 1)
            rig.session.set_source(f"pattern:{number}")
            rig.until(lambda n=number: rig.session.status().source.startswith(f"pattern:{n}"))
        rig.until(lambda: rig.session.status().stuck == bridge.playout.endpoint.MOST)
        with pytest.raises(TransportError, match="restart the bridge"):
            rig.session.set_source("balky:place")
        place.let_go()
        rig.until(lambda: rig.session.status().stuck == 0)
        rig.session.set_source("pattern:again")
        rig.until(lambda: rig.session.status().source.startswith("pattern:again"))


def test_one_that_cannot_be_had_twice_is_closed_first(tmp_path, place, other, monkeypatch):
    monkeypatch.setattr(balky, "EXCLUSIVE", True)
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().frames_new > 0)
        rig.session.set_source("balky:other")
        rig.until(lambda: rig.session.status().source.startswith("balky:other"))
        assert place.done["close"] == 1
        other.keep("receive")  # and where it does not come back, it is not waited for for ever
        other.until("receive begun", other.done["receive begun"] + 1)
        rig.session.set_source("balky:place")
        rig.until(lambda: rig.session.status().source.startswith("balky:place"))


@pytest.mark.slow
def test_a_sink_that_does_not_open_or_take_pictures_stops_nothing(tmp_path, place):
    place.keep("open")
    with running_session(
        tmp_path, source="pattern:in", sink="balky:place", pipeline="passthrough"
    ) as rig:
        rig.until(lambda: "balky:place has not opened for" in rig.session.status().error)
        rig.until(lambda: rig.session.status().frames_new > 3)
        place.let_go()
        place.until("send", 3)
        place.keep("send")
        rig.until(lambda: "has not accepted a frame for" in rig.session.status().error)
        frames, dropped = rig.session.status().frames_new, rig.session.status().dropped_send
        rig.until(lambda: rig.session.status().frames_new > frames + 3)
        assert rig.session.status().dropped_send > dropped
        began = perf_counter()
        rig.session.stop()
        assert perf_counter() - began < 9, "the end does not wait for it either"
        place.let_go()


@pytest.mark.slow
def test_closing_that_hangs_keeps_no_newer_choice(tmp_path, place):
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().frames_new > 0)
        place.keep("close")
        rig.session.set_source("pattern:next")
        place.until("close begun")
        rig.until(lambda: rig.session.status().source.startswith("pattern:next"))
        rig.until(lambda: rig.session.status().stuck == 1)
        place.let_go()


def test_a_transport_is_opened_used_and_closed_by_one_thread(tmp_path, place):
    with running_session(tmp_path, source="balky:place", pipeline="passthrough") as rig:
        rig.until(lambda: rig.session.status().frames_new > 3)
        rig.session.set_source("pattern:next")
        place.until("close")
    assert len(place.threads) == 1


@pytest.mark.slow
def test_the_look_is_saved_before_the_end_waits_and_all_that_hangs_shares_its_time(
    tmp_path, place, monkeypatch
):
    """Windows gives five seconds, and a disk may take them."""
    monkeypatch.setattr(bridge.playout.endpoint, "PATIENCE", 60.0)  # closing is slow, not stuck
    monkeypatch.setattr(bridge.session, "LAST", 0.5)
    waits: list[float] = []
    join = Endpoint.join

    def waited(end: Endpoint, limit: float) -> None:
        def saved() -> bool:
            return json.loads((tmp_path / f"{rig.name}.journal.json").read_text())["ended"]

        until(saved)
        waits.append(limit)
        join(end, limit)

    with running_session(tmp_path, source="balky:place", sink="balky:place") as rig:
        place.until("send")
        place.keep("close")
        monkeypatch.setattr(Endpoint, "join", waited)
    assert place.done["close"] == 0, "the end waited for neither"
    assert len(waits) > 1
    assert len(set(waits)) == 1


def test_a_list_of_senders_does_not_wait_for_one_that_hangs(place):
    place.keep("offers")
    began = perf_counter()
    for _ in range(20):
        listed = {offer.uri: offer for offer in offers()}
        assert "balky: has not answered for" in listed["balky:"].problem
    assert perf_counter() - began < 10
    assert place.done["offers begun"] == 1, "it is not asked again before it has answered"
    place.let_go()
    place.until("offers")
    assert "balky:" not in {offer.uri for offer in offers()}


def test_a_plug_in_whose_import_hangs_keeps_nobody(tmp_path, place, monkeypatch):
    (tmp_path / "sleepy_transport.py").write_text(
        "from tests.support import balky\n"
        "balky.places['place'].come_to('open')\n"
        "from tests.support.balky import open_source\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BUILT_IN, "sleepy", "sleepy_transport")
    monkeypatch.delitem(sys.modules, "sleepy_transport", raising=False)
    place.keep("open")
    with running_session(tmp_path, source="pattern:old", pipeline="passthrough") as rig:
        rig.session.set_source("sleepy:other")
        rig.until(lambda: "sleepy:other has not opened" in rig.session.status().error)
        assert "has not answered for" in schemes()["sleepy"][2]
        rig.session.set_source("pattern:quick")
        rig.until(lambda: rig.session.status().source.startswith("pattern:quick"))
        place.let_go()
        rig.session.set_source("sleepy:other")
        rig.until(lambda: rig.session.status().source.startswith("sleepy:other"))


def test_small_pictures_of_others_do_not_wait_for_one_that_hangs(place, other, monkeypatch):
    monkeypatch.setattr("bridge.control.http.thumbnails.LIMIT", 0.2)
    thumbnails = Thumbnails()
    place.keep("open")
    stuck = thumbnails.ask("balky:place")
    place.until("open begun")
    waiting = thumbnails.ask("balky:other")
    until(lambda: thumbnails.ask("balky:other") and waiting.done())
    assert waiting.result().jpeg
    assert "balky:place has not answered for" in stuck.result().problem
    for _ in range(10):
        assert thumbnails.ask("balky:place") is stuck, "it is not looked at again meanwhile"
    assert place.done["open begun"] == 1
    place.let_go()
    until(lambda: thumbnails.ask("balky:place") is not stuck)
    assert thumbnails.ask("balky:place").result(10).jpeg


@pytest.mark.slow
def test_a_dead_input_and_a_dead_engine_are_told_apart(tmp_path, place):
    def ready() -> tuple[bool, bool, bool]:
        told = _readiness(rig.session.status())
        return told["ready"], told["engine"]["ready"], told["input"]["ready"]

    place.keep("open")
    with running_session(tmp_path, source="balky:place", pipeline="painter") as rig:
        rig.until(lambda: ready() == (False, True, False))
        assert rig.session.status().input == "opening"
        place.let_go()
        rig.until(lambda: ready() == (True, True, True))
        rig.session.actions["kill_engine"].run()
        rig.until(lambda: ready() == (False, False, True))
        rig.until(lambda: ready() == (True, True, True))
        place.keep("receive")
        rig.until(lambda: ready() == (False, True, False))
        assert rig.session.status().input == "failed"
        rig.session.set_source(f"memory:{rig.name}")
        rig.until(lambda: rig.session.status().source.startswith("memory:"))
        rig.put(scene(64, 48))
        rig.until(lambda: ready() == (True, True, True))
        rig.until(lambda: rig.session.status().input == "still")
        assert ready() == (True, True, True), "a still input is no dead one"
        rig.session.set_source("shm:test-ends-nobody")
        rig.until(lambda: rig.session.status().input == "waiting")
        assert ready() == (False, True, False)
        place.let_go()


def test_attach_looks_at_no_disk(tmp_path, place, monkeypatch):
    with running_session(tmp_path, source="pattern:old", pipeline="passthrough") as rig:
        here, looking, looked = threading.get_ident(), threading.Event(), []

        def spy(event, arguments):  # it cannot be taken away again
            if looking.is_set() and threading.get_ident() == here:
                looked.append(event)

        sys.addaudithook(spy)
        looking.set()
        rig.session.set_source("balky:place")
        looking.clear()
        assert not {"open", "import", "os.listdir", "os.scandir"} & set(looked)
        rig.until(lambda: rig.session.status().source.startswith("balky:place"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
def test_what_is_no_plain_file_is_refused_unopened(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to("/dev/zero")
    for path in ("/proc/kmsg", "/proc/self/mem", "/dev/zero", tmp_path / "pipe.mp4",
                 tmp_path / "link.mp4"):  # fmt: skip
        with pytest.raises(TransportError, match="give a file"):
            open_source(f"file:{path}", Options())
    for path in ("/dev/null", tmp_path / "pipe.mp4", tmp_path):
        with pytest.raises(TransportError, match="choose another path"):
            open_sink(f"file:{path}", Options())


@contextmanager
def hung(path):
    """A file whose every opening waits, as on a disk that is gone: somebody holds a lease on it."""
    import fcntl

    old = signal.signal(signal.SIGIO, signal.SIG_IGN)
    held = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(held)
        signal.signal(signal.SIGIO, old)


SOON = [sys.executable, "-c", "from tests.support.impatient import main; main()"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_file_on_a_hung_disk_keeps_neither_start_nor_page_nor_osc_nor_the_end(tmp_path):
    picture = tmp_path / "still.png"
    cv2.imwrite(str(picture), scene(64, 48)[..., :3])
    with (
        hung(picture),
        running(tmp_path, "--source", f"file:{picture}", "--sink", "null:", "--name", "Xhung",
                "--pipeline", "passthrough", "--output-size", "64x48", command=SOON) as bridge,
    ):  # fmt: skip
        state = bridge.until(lambda state: "has not opened for" in state["error"])
        assert state["shown"] == "card"
        bridge.osc("/bridge/source", "pattern:quick")
        bridge.until(lambda state: state["frames_new"] > 3)
        bridge.osc("/bridge/source", f"file:{picture}")
        bridge.until(lambda state: "pattern:quick stays in use" in state["error"])
        began = perf_counter()
        for _ in range(20):
            bridge.state()
        assert perf_counter() - began < 9
        began = perf_counter()
        bridge.process.send_signal(signal.SIGINT)
        assert bridge.process.wait(10) == 0
        assert perf_counter() - began < 9


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_a_journal_and_a_log_on_a_hung_disk_keep_neither_start_nor_frames(tmp_path):
    journal, log = tmp_path / "Xhung.journal.json", tmp_path / "logs" / "Xhung.log"
    log.parent.mkdir()
    log.write_text("")
    look = {"values": {"mix": 0.25}, "pipeline": "passthrough", "source": "pattern:kept"}
    journal.write_text(json.dumps(look))
    with (
        hung(journal),
        hung(log),
        running(tmp_path, "--sink", "null:", "--name", "Xhung", "--pipeline", "passthrough",
                "--output-size", "64x48", command=SOON) as bridge,
    ):  # fmt: skip
        state = bridge.until(lambda state: state["frames_new"] > 10)
        assert "has not answered" in state["error"]
        assert "The look is not saved" in state["error"]
        assert state["source"].startswith("demo:")
        bridge.osc("/bridge/mix", 0.5)
        bridge.until(lambda state: bridge.ask("parameters")["mix"] == 0.5)
    assert json.loads(journal.read_text()) == look, "it is not written over unread"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("image", "why"),
    rest_slow(
        [
            (np.zeros((48, 64, 3), np.uint8), "48x64x3"),
            (np.full((48, 64, 4), 0.5, np.float32), "float32"),
            (np.zeros((0, 0, 4), np.uint8), "0x0x4"),
        ]
    ),
)
def test_what_a_source_gives_that_is_no_picture_is_told_and_never_shown(tmp_path, image, why):
    with running_session(tmp_path, pipeline="passthrough") as rig:
        rig.put(scene(64, 48, 1))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 1)))
        rig.put(image)
        rig.until(lambda: why in rig.session.status().input_problem)
        assert np.array_equal(rig.place.seen[-1].frame.image, scene(64, 48, 1)), "held"
        rig.put(scene(64, 48, 2))
        rig.wait(lambda frame: np.array_equal(frame.image, scene(64, 48, 2)))
        rig.until(lambda: not rig.session.status().input_problem)


def test_a_source_that_hangs_in_what_it_is_asked_besides_is_told_and_overtaken(tmp_path, place):
    with running_session(tmp_path, pipeline="passthrough", source="balky:place") as rig:
        place.until("receive")
        place.keep("status")
        rig.until(lambda: "has not answered" in rig.session.status().error)
        rig.session.set_source("pattern:next")
        rig.until(lambda: rig.session.status().source.startswith("pattern:next"))
        place.let_go()
