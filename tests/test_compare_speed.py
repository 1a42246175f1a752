"""The outside probe, the least relay, and the script that compares two commits by them."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from time import perf_counter, sleep

import numpy as np
import pytest

from bridge.cli.probe import RELAYS, Cost, Receiver, Seen, memcpy, probe, relay
from bridge.transports.pattern import draw, read_counter
from engine.ipc.ring import RingWriter
from tests.compare_speed import CASES, ROOT, _figures, compare, main, measured, rows, tree

NAME = f"probe-{os.getpid()}"


def counted(number: int):
    return draw("x", 320, 180, number)


@pytest.fixture
def writer():
    made = RingWriter(NAME, 320, 180)
    yield made
    made.unlink()
    made.close()


def test_the_receiver_takes_each_new_frame_once_and_skips_repeats(writer):
    receiver = Receiver(NAME)
    assert not receiver.look()
    for index, new in ((1, True), (1, False), (2, True), (2, False), (3, True)):
        writer.write(counted(index), 0.0, index)
        assert receiver.look() is new
        assert not receiver.look()
        assert read_counter(receiver.image) == index
    receiver.close()


def test_the_receiver_waits_for_a_frame_that_is_being_written(writer):
    receiver = Receiver(NAME)
    writer.write(counted(1), 0.0, 1)
    assert receiver.look()
    writer.write(counted(2), 0.0, 2)
    writer.slot_words(1)[0][0] = 3  # frame 1 again in progress
    assert not receiver.look()
    writer.slot_words(1)[0][0] = 4
    assert receiver.look()
    receiver.close()


def test_the_receiver_follows_a_sender_that_begins_again(writer):
    receiver = Receiver(NAME)
    writer.write(counted(7), 0.0, 7)
    assert receiver.look()
    again = RingWriter(NAME, 320, 180, generation=2)
    writer.mark_stale()
    again.write(counted(8), 0.0, 7)
    assert not receiver.look()
    assert receiver.look()
    assert read_counter(receiver.image) == 8
    receiver.close()
    again.close()


@pytest.mark.slow
@pytest.mark.parametrize("relay", RELAYS.values(), ids=RELAYS)
def test_through_the_least_relay_every_frame_arrives_bit_by_bit(relay):
    given, shown = f"{NAME}-in", f"{NAME}-out"
    between = threading.Thread(target=relay, args=(given, shown))
    between.start()
    seen = probe(given, shown, 320, 180, 0.7, fps=30)
    between.join(10)
    assert not between.is_alive()
    assert seen.sent >= 10
    assert len(seen.delays) == seen.sent
    assert min(seen.delays) > 0
    assert sum(seen.gaps) == pytest.approx(0.7, abs=0.3)
    assert seen.bridge != seen.bridge, "without a process nothing is said of its cost"


def test_the_relay_copies_the_frame_as_it_is():
    given, shown = f"{NAME}-in", f"{NAME}-out"
    sender = RingWriter(given, 320, 180)
    between = threading.Thread(target=relay, args=(given, shown))
    between.start()
    image = np.random.default_rng(1).integers(0, 256, (180, 320, 4), np.uint8)
    sender.write(image, 0.0, 1)
    receiver = Receiver(shown)
    while not receiver.look():
        sleep(0.001)
    assert np.array_equal(receiver.image, image)
    sender.unlink()
    sender.mark_stale()
    between.join(10)
    receiver.close()
    sender.close()


def test_a_child_that_comes_or_goes_is_counted_while_it_is_there():
    burn = "import time; e = time.process_time() + 0.2\nwhile time.process_time() < e: pass"
    code = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {burn!r}]); "
    code += f"subprocess.Popen([sys.executable, '-c', {burn!r}]); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        try:
            cost = Cost(parent.pid)
            until = perf_counter() + 30
            while cost.shares()[1] <= 0:  # never an error, whoever has ended meanwhile
                assert perf_counter() < until
                sleep(0.01)
        finally:
            parent.kill()


def test_a_larger_frame_takes_longer_to_copy():
    assert memcpy(3840, 2160) > memcpy(320, 180) > 0


SEEN = Seen([0.02, 0.01, 0.03], [0.016, 0.018], 4, 0.001, 0.25, 0.5)


def test_the_figures_are_in_the_units_that_they_name():
    figures = _figures(SEEN)
    assert figures["input to output, median (ms)"] == 20
    assert figures["frames that arrived (%)"] == 75
    assert figures["one copy in memory (ms)"] == 1
    assert figures["between frames, standard deviation (ms)"] == pytest.approx(1)
    assert (figures["bridge (% of a core)"], figures["worker (% of a core)"]) == (25, 50)


def test_a_row_is_the_medians_of_all_rounds_and_their_ratio():
    old = [{"x": value, "y": 0.0} for value in (8.0, 100.0, 10.0)]
    new = [{"x": value, "y": 1.0} for value in (5.0, 4.0, 1000.0)]
    relays = [{"x": 2.0, "y": float("nan")}]
    assert list(rows([old, new, relays, [{"x": 3.0, "y": 4.0}]])) == [
        "| x | 10 | 5 | 0.50 | 2 | 3 |",
        "| y | 0 | 1 | - | - | 4 |",
    ]
    assert list(rows([old, new])) == ["| x | 10 | 5 | 0.50 | - | - |", "| y | 0 | 1 | - | - | - |"]


def test_the_rounds_alternate_between_the_trees(monkeypatch):
    order = []
    monkeypatch.setattr(
        "tests.compare_speed.measured", lambda case, where, seconds: order.append(where) or {}
    )
    monkeypatch.setattr(
        "tests.compare_speed.relayed", lambda case, which, seconds: order.append(which) or {}
    )
    compare(CASES["720p30"], ["a", "b"], 1, 2)
    assert order == ["a", "b", "relay", "relay-by-calls"] * 2
    order.clear()
    compare(replace(CASES["720p30"], relay=False), ["a", "b"], 1, 1)
    assert order == ["a", "b"]


@pytest.mark.parametrize("words", [[], ["HEAD"], ["HEAD", ".", "--only", "1080p31"]])
def test_what_cannot_be_compared_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr().err
    assert "two commits" in said or "unknown case '1080p31'; choose 720p30" in said


def test_the_list_names_every_case(capsys):
    main(["--list"])
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(CASES)


def test_a_commit_has_a_tree_of_its_own_for_as_long_as_it_is_needed():
    if subprocess.run(["git", "rev-parse"], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("not a git checkout")
    with tree("HEAD") as folder:
        assert (folder / "bridge" / "__init__.py").is_file()
        assert folder != ROOT
    assert not folder.exists()
    with tree(".") as folder:
        assert folder == ROOT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["blocks", "osc"])
def test_a_bridge_is_measured_from_outside(name):
    figures = measured(CASES[name], ROOT, 1)
    assert all(value >= 0 for value in figures.values())
    assert figures.get("frames that arrived (%)", 100) > 20
    assert figures.get("messages per second", 1000) > 300
