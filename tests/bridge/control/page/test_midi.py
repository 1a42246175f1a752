"""MIDI on the page: ports of the browser, learning by touch, and the maps."""

import time
from contextlib import contextmanager

import pytest

from bridge.control.http.rules import Rules
from bridge.control.http.server import HttpServer
from bridge.settings import Settings
from bridge.state.status import Status
from engine.catalog.rows import Catalog
from tests.support.page import until
from tests.support.rig import running_session

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Chromium has no MIDI device here: a rack of controllers in its place.
RACK = """
const access = {inputs: new Map(), outputs: new Map()};
window.rack = {
  lit: [],
  plug(name) {
    const port = {id: name, name, state: "connected"};
    access.inputs.set(name, {...port, async open() {}, close() {}});
    access.outputs.set(name, {...port, send: (data) => rack.lit.push([...data].join())});
    access.onstatechange?.();
  },
  unplug(name) {
    for (const side of [access.inputs, access.outputs]) {
      side.get(name).state = "disconnected";
      side.delete(name);
    }
    access.onstatechange?.();
  },
  move: (name, ...data) => access.inputs.get(name).onmidimessage?.({data: Uint8Array.from(data)}),
};
navigator.requestMIDIAccess = async () => access;
"""
USE, LEARN = "document.getElementById('midi-use')", "document.getElementById('midi-learn')"
SAID = "document.querySelector('#learning [role=status]').textContent"
NANO = "document.querySelector('[aria-label=\"Use nano\"]')"
STATE = f"{NANO}.parentElement.querySelector('.soft').textContent"
MAPS = "[...document.querySelectorAll('.maps > div')].map((e) => e.textContent)"
REFUSES = "navigator.requestMIDIAccess = async () => {{ throw new DOMException({}) }}"


def opens(page):
    """Use the browser's MIDI, and switch a controller on."""
    page.run(RACK + f"rack.plug('nano'); {USE}.click()")
    page.until(f"{NANO} !== null")
    page.run(f"{NANO}.click()")
    page.until(f"{STATE} === 'open'")


def touch(page, selector):
    """Press on it once it lies still: what is above it may yet be drawn."""
    at = None
    while at != (at := page.middle(selector)):
        time.sleep(0.1)
    page.drag(at, 0)


def test_a_control_is_learned_by_touch_and_plays_and_lights_the_controller(tmp_path, served):
    chosen = {"pipeline": "stylize", "source": "demo:", "output_size": "96x64", "size": "96x64"}
    with running_session(tmp_path, Catalog(), **chosen) as rig, served(rig.session, 2) as page:
        store, midi = rig.session.store, rig.session.midi
        value = lambda name: store.snapshot.values[name]  # noqa: E731
        move = lambda *data: page.run(f"rack.move('nano', {', '.join(map(str, data))})")  # noqa: E731
        rig.running("stylize")
        page.until("document.getElementById('state').textContent === 'RUNNING'")
        opens(page)
        until(lambda: midi.ports == ["nano"])
        before = {**store.snapshot.values}
        page.run(f"{LEARN}.click()")
        touch(page, "[data-parameter=mix] .fader")
        page.until(f"{SAID} === 'Move a control for mix.'")
        move(0xB0, 7, 10)
        page.until(f"{SAID} === 'Controller 7 on channel 1 of nano moves mix.'")
        touch(page, "[data-parameter=vace_scale] .fader")
        page.until(f"{SAID} === 'Move a control for vace_scale.'")
        move(0xB0, 1, 5)
        move(0xB0, 33, 6)  # its lower bits
        page.until(f"{SAID}.startsWith('14-bit controller 1 ')")
        page.run("document.getElementById('control-freeze').focus()")
        page.press("Enter", 13, text="\r")
        page.until(f"{SAID} === 'Move a control for freeze.'")
        page.press("Escape", 27)
        until(lambda: midi.learnt == "")
        page.until("document.getElementById('learning').hidden")
        assert {**store.snapshot.values} == before, "what is touched is not moved"

        page.until("rack.lit.includes('176,7,127')")  # where it is
        page.until(f"{MAPS}.length === 2")
        move(0xB0, 7, 127)
        move(0xB0, 7, 32)
        until(lambda: value("mix") == pytest.approx(32 / 127))
        store.update({"mix": 1.0})
        page.until("rack.lit.filter((e) => e === '176,7,127').length === 2")
        move(0xB0, 7, 5)
        move(0xB0, 7, 4)
        page.run("""(() => {
            const mode = document.querySelector('[aria-label^="Mode of cc 7,"]');
            mode.value = "jump";
            mode.dispatchEvent(new Event("change"));
        })()""")
        until(lambda: [row.pickup for row in midi.maps.rows] == [False, True])
        assert value("mix") == 1
        move(0xB0, 7, 0)
        until(lambda: value("mix") == 0)

        rig.session.show.save(2, "sea")
        store.update({"vace_scale": 1.75})
        move(0xC0, 1)  # a program change without a map: its look, from 1
        until(lambda: value("vace_scale") == before["vace_scale"])

        page.run("rack.unplug('nano')")
        until(lambda: midi.ports == [])
        page.until(f"{STATE} === 'unplugged'")
        page.run("rack.lit = []; rack.plug('nano')")
        until(lambda: midi.ports == ["nano"])
        page.until("rack.lit.join().includes('176,7,0')")  # it was dark
        move(0xB0, 7, 127)
        until(lambda: value("mix") == 1)

        remove = "document.querySelector('[aria-label=\"Delete cc 7, channel 1, nano: mix\"]')"
        page.run(f"{remove}.click()")
        assert page.run(f"{remove}.textContent") == "delete?"
        page.run(f"{remove}.click()")
        until(lambda: [row.parameter for row in midi.maps.rows] == ["vace_scale"])
        assert [each for each in page.complaints() if "exception" in each] == []


@contextmanager
def played(desk, page):
    """The page's bridge without an engine, but with its MIDI."""
    desk.status = lambda: Status(**desk.now, **desk.midi.told())
    desk.midi.start()
    desk.midi.choose([{"kind": "cc", "number": 7, "parameter": "mix", "pickup": False}])
    try:
        yield lambda: desk.store.snapshot.values["mix"]
    finally:
        desk.midi.stop()


def test_a_browser_that_gives_no_midi_is_told_the_cure(opened):
    with opened() as (_, page):
        for lacks, said in (
            (REFUSES.format("'', 'SecurityError'"), "allow it in the site settings"),
            (REFUSES.format("'no sequencer'"), "does not start (no sequencer)"),
            ("navigator.requestMIDIAccess = undefined", "This browser has no MIDI"),
            ("Object.defineProperty(window, 'isSecureContext', {value: false, writable: true})",
             "open http://localhost:" + page.run("location.port")),
        ):  # fmt: skip
            page.run(f"{lacks}; {USE}.click()")
            page.until(f"document.querySelector('.message')?.textContent.includes({said!r})")
        page.run(f"window.isSecureContext = true; {RACK} {USE}.click()")
        page.until(f"document.querySelector('.message') === null && {USE}.hidden")


def test_two_pages_play_one_port_once_and_the_newest_has_it(opened, browser):
    with opened() as (desk, page), played(desk, page) as mix, browser.page() as other:
        opens(page)
        other.go(page.run("location.origin"))
        other.until(f"{USE} !== null")
        opens(other)
        page.until(f"{STATE} === 'Another page plays this port now.' && !{NANO}.checked")
        for each in (page, other):
            each.run("rack.move('nano', 0xb0, 7, 32)")
        until(lambda: mix() == pytest.approx(32 / 127))
        assert desk.counters.midi_messages == 1


def test_a_flood_that_the_network_delays_ends_at_the_newest(opened):
    with opened() as (desk, page), played(desk, page) as mix:
        opens(page)
        page.run("""(() => {
            window.sent = 0;
            const {send} = WebSocket.prototype;
            WebSocket.prototype.send = function(data) { sent += 1; send.call(this, data); };
            Object.defineProperty(WebSocket.prototype, "bufferedAmount",
              {configurable: true, get: () => 1e6});
            for (let at = 0; at < 1000; at += 1) rack.move("nano", 0xb0, 7, at % 128);
            rack.move("nano", 0xb0, 7, 32);
        })()""")
        assert page.run("sent") == 0
        page.run("delete WebSocket.prototype.bufferedAmount")
        until(lambda: mix() == pytest.approx(32 / 127))
        assert page.run("sent") == 2, "the newest of the upper half of its way, and of the lower"


def test_a_bridge_that_comes_back_is_played_on_and_shows_again(tmp_path, opened):
    with opened(hurry=8) as (desk, page), played(desk, page) as mix:
        server = HttpServer(desk, Settings(port=0, folder=tmp_path))
        server.bind()
        server.start()
        page.go(f"http://127.0.0.1:{server.port}/")
        page.until(f"{USE} !== null")
        opens(page)
        server.close()
        page.until(f"{STATE} === 'bridge offline'")
        page.run("rack.lit = []; rack.move('nano', 0xb0, 7, 0)")
        desk.store.update({"mix": 0.75})
        again = HttpServer(desk, Settings(port=server.port, folder=tmp_path))
        again.bind()
        again.start()
        try:
            page.until("rack.lit.join() === '176,7,95'")  # what was moved meanwhile is not played
            page.run("rack.move('nano', 0xb0, 7, 32)")
            until(lambda: mix() == pytest.approx(32 / 127))
        finally:
            again.close()


def test_a_link_for_viewing_shows_the_maps_and_changes_none(tmp_path, opened, browser):
    with opened() as (desk, page), played(desk, page):
        server = HttpServer(desk, Settings(port=0, folder=tmp_path), "0123456789abcdef")
        server.bind()
        server.start()
        try:
            view = Rules(token="0123456789abcdef").view_token
            with browser.page() as viewer:
                viewer.go(f"http://127.0.0.1:{server.port}/?token={view}")
                viewer.until(f"{MAPS}.join().includes('cc 7')")
                viewer.run("document.querySelector('.maps').closest('details').open = true")
                viewer.drag(viewer.middle("#midi-learn"), 0)
                assert viewer.run("document.getElementById('learning').hidden")
        finally:
            server.close()
