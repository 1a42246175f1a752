"""This machine's MIDI ports: opened by a part of their name, and again when they come back."""

import sys
import threading
import time
from time import perf_counter

import pytest

from bridge.cli.tables import midi
from bridge.control.midi import ports
from bridge.control.midi.ports import Ports

LONG = 20.0  # seconds against hanging


def until(true):
    end = perf_counter() + LONG
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.005)


class Rack:
    """A library with the ports that the test plugs in."""

    def __init__(self, *names):
        self.names, self.heard, self.sent, self.closed = list(names), {}, [], []
        self.answers = threading.Event()
        self.answers.set()

    def inputs(self):
        assert self.answers.wait(LONG)
        return list(self.names)

    def listen(self, port, hear):
        self.heard[port] = hear
        return lambda: self.closed.append(port)

    def sender(self, port):
        if port == "Pad 2":
            raise RuntimeError("the driver has no way out")
        return self.sent.append, lambda: None


@pytest.fixture(name="rack")
def _rack(desk, monkeypatch):
    monkeypatch.setattr(ports, "LOOK", 0.01)
    monkeypatch.setattr(ports, "PATIENCE", 0.2)
    rack = Rack("Through Port 14:0", "nanoKONTROL2 20:0", "Pad 2")
    desk.midi.start()
    rack.ports = Ports(["nano", "pad", "missing"], desk.midi, rack)
    rack.ports.start()
    yield rack
    rack.ports.stop()
    desk.midi.stop()


@pytest.mark.slow
def test_a_port_that_vanishes_and_returns_is_opened_again(desk, rack):
    until(lambda: desk.midi.ports == ["nanoKONTROL2 20:0", "Pad 2"])
    until(lambda: rack.ports.trouble)
    assert rack.ports.trouble == (
        "MIDI: no port is called missing; there is Through Port, nanoKONTROL2, Pad."
    )
    rack.names.remove("nanoKONTROL2 20:0")
    until(lambda: desk.midi.ports == ["Pad 2"])
    until(lambda: rack.closed == ["nanoKONTROL2 20:0"])
    rack.names.append("nanoKONTROL2 24:0")  # as ALSA numbers it now
    until(lambda: "nanoKONTROL2 24:0" in desk.midi.ports)
    desk.midi.choose([{"kind": "cc", "number": 7, "parameter": "mix", "port": "nano"}])
    until(lambda: rack.sent == [bytes((0xB0, 7, 127))])
    rack.heard["nanoKONTROL2 24:0"](bytes((0xB0, 7, 127, 7, 0)))
    until(lambda: desk.store.snapshot.values["mix"] == 0)


@pytest.mark.slow
def test_a_system_that_hangs_is_told_and_what_is_open_still_plays(desk, rack):
    until(lambda: len(desk.midi.ports) == 2)
    rack.answers.clear()
    until(lambda: "MIDI ports has not answered" in rack.ports.trouble)
    rack.heard["Pad 2"](b"\xb0\x07\x01")
    until(lambda: desk.counters.midi_messages == 1)
    rack.answers.set()
    until(lambda: "not answered" not in rack.ports.trouble)


def test_without_the_package_the_cure_is_told(monkeypatch):
    monkeypatch.setattr(ports, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"MIDI ports need the extra `midi`: "):
        ports.backend()


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_linux_without_a_sequencer_is_told_the_cure(monkeypatch):
    """In one sentence, before ALSA writes its own to the terminal each second."""
    monkeypatch.setattr(ports, "SEQUENCER", "/nowhere/seq")
    monkeypatch.setattr(ports, "find_spec", lambda name: name == "rtmidi2")
    monkeypatch.setattr(ports, "import_module", lambda name: None)
    _, _, rows = midi()
    said = (
        "ALSA's sequencer /nowhere/seq cannot be opened: `sudo modprobe snd-seq` loads it, and the "
        "group `audio` may use it; or use MIDI on the page."
    )
    assert rows == [("", said)]
