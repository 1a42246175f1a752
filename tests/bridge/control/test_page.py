"""The page in a real browser: with a desk instead of an engine, and once with a whole session."""

import logging
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import pytest
from websockets.sync.client import connect

from bridge.control.bridge_api import Action
from bridge.control.http.rules import Rules
from bridge.control.http.seats import Limits
from bridge.control.http.server import HttpServer
from bridge.settings import Settings
from bridge.state.change import By, Setter
from bridge.state.controls import OutputParameters
from bridge.state.references import add
from bridge.state.store import ParameterStore
from bridge.system import logs
from bridge.transports import Offer
from engine.catalog.rows import Catalog
from engine.ipc.ring import RingWriter
from engine.parameters import Parameters, control, describe
from tests.support.chromium import browsing
from tests.support.desk import FakeDesk
from tests.support.lora_files import lora_file
from tests.support.proxy import proxied
from tests.support.rig import running_session

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def served(tmp_path, browser):
    """The page of a desk, real or not, in a tab whose time may go `hurry` times as fast."""

    @contextmanager
    def served(desk, hurry=1):
        server = HttpServer(desk, Settings(port=0, folder=tmp_path))
        server.bind()
        server.start()
        try:
            with browser.page() as page:
                page.hurry(hurry)
                page.go(f"http://127.0.0.1:{server.port}/")
                page.until("document.querySelector('#control-vace_scale') !== null")
                yield page
        finally:
            server.close()

    return served


@pytest.fixture
def opened(tmp_path, served):
    """A desk that shows the pipeline `now`, and its page in a tab; `offers` are what there is to
    receive from.
    """

    @contextmanager
    def opened(offers=None, now="stylize", hurry=1):
        folder = tmp_path / "assets"
        folder.mkdir()
        desk = FakeDesk(folder)
        desk.now["pipeline"] = now
        if offers is not None:
            desk.offers = lambda: offers
        with served(desk, hurry) as page:
            yield desk, page

    return opened


@contextmanager
def sending(*names):
    """Senders in shared memory whose pictures change; gives their offers."""
    rings = [RingWriter(name, 320, 180) for name in names]
    stop = threading.Event()

    def work():
        number = 0
        while not stop.wait(0.05):
            number += 1
            for ring in rings:
                ring.write(np.full((180, 320, 4), number % 200, np.uint8), perf_counter(), number)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield [Offer(uri=f"shm:{name}", text="320x180 from process 1") for name in names]
    finally:
        stop.set()
        thread.join()
        for ring in rings:
            ring.unlink()
            ring.close()


def tile(uri):
    """The button of one offer, or undefined."""
    return f"""[...document.querySelectorAll(".tiles button")]
        .find((e) => e.querySelector("b").innerText === "{uri}")"""


def typed(page, text):
    """Type into the field for any source."""
    page.run(f"""(() => {{
      const field = document.querySelector("#sources input");
      field.value = {text!r};
      field.form.requestSubmit();
    }})()""")


def thumbnails(page):
    """How often one was asked for."""
    page.run("1")  # so that the events are read
    return len([url for url in page.requested() if "/thumbnail" in url])


def until(true, timeout=30.0):
    end = perf_counter() + timeout
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.01)


def move(page, name, value, event="input"):
    page.run(f"""(() => {{
      const field = document.getElementById("control-{name}");
      if (field.type === "checkbox") field.checked = {str(bool(value)).lower()};
      else field.value = {value!r};
      field.dispatchEvent(new Event("{event}", {{bubbles: true}}));
    }})()""")


def unfold(page):
    page.run("for (const part of document.querySelectorAll('details')) part.open = true")


def test_a_lora_is_chosen_from_those_that_are_offered(opened):
    with opened(now="longlive") as (desk, page):
        lora_file(desk.weights.library.models / "loras" / "ink" / "my style.safetensors", 1536)
        page.until("document.getElementById('control-lora_1') !== null")
        unfold(page)
        page.run("document.getElementById('control-lora_1').focus()")
        option = "document.querySelector('#loras-lora_1 option[value^=ink]')"
        page.until(f"{option} !== null")
        told = page.run(f"{option}.label")
        assert told.startswith("ink/my style.safetensors: for Wan2.1 1.3B, 0.0 MB, ")
        assert page.run(f"{option}.value") == "ink/my style.safetensors"
        move(page, "lora_1", "ink/my style.safetensors", "change")
        until(lambda: desk.store.snapshot.values["lora_1"] == "ink/my style.safetensors")
        desk.store.update({"lora_1": "other"})
        page.run("document.getElementById('control-lora_1').blur()")
        page.until("document.getElementById('control-lora_1').value === 'other'")


def test_controls_and_store_follow_each_other(opened):
    with opened() as (desk, page):
        values = lambda name: desk.store.snapshot.values[name]  # noqa: E731
        move(page, "vace_scale", 1.5)
        until(lambda: values("vace_scale") == 1.5)
        move(page, "freeze", True, "change")
        until(lambda: values("freeze") is True)
        move(page, "on_loss", "card", "change")
        until(lambda: values("on_loss") == "card")
        move(page, "prompt", "gold circles")
        until(lambda: values("prompt") == "gold circles")
        shown = "document.getElementById('control-{}').{}"
        desk.store.update({"vace_scale": 0.25, "freeze": False, "prompt": "ink", "mix": 0.5})
        page.until(shown.format("vace_scale", "value") + " === '0.25'")
        page.until(shown.format("freeze", "checked") + " === false")
        page.until(shown.format("prompt", "value") + " === 'ink'")
        page.until(shown.format("mix", "value") + " === '0.5'")
        move(page, "mix", 0.75)
        until(lambda: values("mix") == 0.75)
        desk.store.update({"mix": 0.1})
        page.until(shown.format("mix", "value") + " === '0.1'")


@pytest.mark.parametrize("pipeline", ["stylize", "longlive"])
def test_a_size_is_chosen_from_the_list_or_typed(opened, pipeline):
    with opened(now=pipeline) as (desk, page):
        size = lambda: desk.store.snapshot.values["size"]  # noqa: E731
        unfold(page)
        words = page.run("[...document.getElementById('control-size').options].map((e) => e.text)")
        assert "512x288: 16:9, fastest" in words
        other = "document.querySelector('[aria-label=\"other size\"]')"
        assert page.run(f"{other}.hidden")
        move(page, "size", "768x432", "change")
        until(lambda: size() == "768x432")
        move(page, "size", "", "change")
        page.until(f"document.activeElement === {other}")
        assert page.run(f"{other}.value") == "768x432", "what is typed begins with what there is"
        page.call("Input.insertText", text="400x304")
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r",
                      windowsVirtualKeyCode=13)  # fmt: skip
        until(lambda: size() == "400x304")
        page.run(f"{other}.blur()")
        assert not page.run(f"{other}.hidden")
        desk.store.update({"size": "1040x304"})
        page.until(f"{other}.value === '1040x304'")
        desk.store.update({"size": "auto"})
        page.until("document.getElementById('control-size').value === 'auto'")
        assert page.run(f"{other}.hidden")


def test_every_parameter_and_action_has_its_control_and_every_control_a_label(opened):
    live = {f"control-{spec.name}" for spec in describe(OutputParameters)}
    with opened() as (desk, page):
        desk.now |= {"undo_steps": 1, "redo_steps": 1}
        page.until("!document.querySelector('[data-action=undo]')?.disabled")
        pressed = {
            name
            for name, action in desk.actions.items()
            if not (action.argument and action.argument.needed)
        }
        for name in pressed:
            page.run(f"document.querySelector('[data-action=\"{name}\"]').click()")
        until(lambda: set(desk.acted) == pressed)
        for pipeline in ("stylize", "longlive", "krea-realtime-video"):
            desk.now = {**desk.now, "pipeline": pipeline}
            page.until(f"document.querySelector('.pipeline .on')?.innerText === '{pipeline}'")
            (row,) = (row for row in desk.pipelines() if row["active"])
            wanted = {f"control-{name}" for name in (*row["parameters"], *row["load"])} | live
            found = page.run("[...document.querySelectorAll('[id^=control-]')].map((e) => e.id)")
            assert set(found) >= wanted
            nameless = page.run("""[...document.querySelectorAll(
                "input:not([hidden]),select,textarea")]
                .filter((e) => !e.labels?.length && !e.ariaLabel).map((e) => e.outerHTML)""")
            assert nameless == []


def test_nothing_comes_from_elsewhere_and_nothing_goes_wrong(opened):
    with sending("test-page-a") as offers, opened(offers) as (_, page):
        page.until("document.querySelector('#figures').textContent.length > 20")
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until("[...document.querySelectorAll('.tiles img')].some((e) => e.naturalWidth > 0)")
        origin = page.run("location.origin")
        page.go(origin + "/docs")
        operations = """fetch("/openapi.json").then((answer) => answer.json()).then((api) =>
            Object.values(api.paths).flatMap((path) => Object.keys(path)).length)"""
        wanted = page.run(operations)
        assert wanted > 10
        page.until(f"document.querySelectorAll('.opblock').length === {wanted}")
        own = (origin, origin.replace("http", "ws"), "data:", "blob:", "about:")
        assert [url for url in page.requested() if not url.startswith(own)] == []
        assert page.complaints() == []


@pytest.mark.parametrize(
    ("kept", "told"), [(False, False), (False, True), (True, True), (True, False)]
)
def test_the_page_its_sockets_and_docs_work_under_a_prefix(tmp_path, browser, kept, told):
    folder = tmp_path / "assets"
    folder.mkdir()
    desk = FakeDesk(folder)
    add(folder, "a.png", cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    server = HttpServer(desk, Settings(port=0, folder=tmp_path), "a-token")
    server.bind()
    server.start()
    try:
        way = proxied("/show/b%20c", server.port, kept=kept, told=told)
        with way as proxy, browser.page() as page:
            page.go(f"{proxy.url}/?token=a-token")
            page.until("document.querySelector('#control-vace_scale') !== null")
            assert page.run("location.href") == f"{proxy.url}/", "the token leads back here"
            page.until("document.getElementById('output').width === 320", 60)
            page.until("document.querySelector('.drop img')?.naturalWidth === 8")
            desk.store.update({"vace_scale": 1.75})
            page.until("document.getElementById('control-vace_scale').value === '1.75'")
            page.run("document.querySelector('[data-action=reset]').click()")
            until(lambda: desk.acted == ["reset"])
            page.run("document.querySelector('a[href=docs]').click()")
            page.until("document.querySelectorAll('.opblock').length > 10")
            assert page.run("location.href").startswith(f"{proxy.url}/docs")
            server_of = """fetch("openapi.json").then((answer) => answer.json())
                .then((api) => new URL(api.servers[0].url, document.baseURI).href)"""
            assert page.run(server_of) == f"{proxy.url}/"
            assert proxy.outside == []
            assert page.complaints() == []
    finally:
        server.close()


def test_it_fits_a_telephone(opened):
    with opened() as (_, page):
        page.size(390, 844)
        page.until("innerWidth === 390")
        assert page.run("document.documentElement.scrollWidth") <= 390
        small = page.run("""[...document.querySelectorAll("button,select,input[type=range]")]
            .filter((e) => e.offsetParent && !e.classList.contains("address"))
            .filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)""")
        assert small == [], "fingers need room"


def test_senders_are_shown_marked_and_chosen(opened):
    bad = Offer(uri="spout:Deep", text="1920x1080 RGBA16F from Host", problem="Set it to 8 bits.")
    camera = Offer(uri="camera:0", text="a camera", exclusive=True)
    with (
        sending("test-page-a", "test-page-b") as senders,
        opened([*senders, bad, camera]) as (desk, page),
    ):
        for width in (1280, 390):
            page.size(width, 900)
            page.run("document.getElementById('sources').scrollIntoView()")
            page.until(f"{tile('shm:test-page-b')}?.querySelector('img').naturalWidth === 160")
            assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run(f"{tile('shm:test-page-a')}.innerText").split("\n")[:2] == [
            "shm:test-page-a", "320x180 from process 1",
        ]  # fmt: skip
        colour = page.run(f"""getComputedStyle([...{tile("spout:Deep")}.children]
            .find((e) => e.innerText === "Set it to 8 bits.")).color""")
        assert colour == "rgb(240, 179, 74)"
        page.until(f"{tile('camera:0')}.innerText.includes('select it to see it')")
        first = page.run(f"{tile('shm:test-page-a')}.querySelector('img').src")
        page.until(f"{tile('shm:test-page-a')}.querySelector('img').src !== '{first}'")

        marked = "[...document.querySelectorAll('.tiles .on b')].map((e) => e.innerText).join()"
        assert page.run(marked) == ""
        page.run(f"{tile('shm:test-page-b')}.click()")
        until(lambda: desk.attached == ["shm:test-page-b"])
        desk.now = {**desk.now, "source": "shm:test-page-b · 320x180 from process 1"}
        page.until(f"{marked} === 'shm:test-page-b'")
        desk.now = {**desk.now, "source": "spout: · Deep, 1920x1080 RGBA16F from Host, GPU texture"}
        page.until(f"{marked} === 'spout:Deep'")


def test_control_and_mask_are_chosen_shown_and_ended_where_the_input_is(opened):
    with sending("test-page-a") as senders, opened(senders) as (desk, page):
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until(f"{tile('shm:test-page-a')} !== undefined")
        marked = "[...document.querySelectorAll('.tiles .on b')].map((e) => e.innerText).join()"
        card = "document.getElementById('sources').innerText"
        page.run("document.querySelector('[data-role=control]').click()")
        assert "depth, pose, edges" in page.run(card)
        page.run(f"{tile('shm:test-page-a')}.click()")
        until(lambda: desk.attached == [("control", "shm:test-page-a")])
        desk.now = {**desk.now, "source": "demo: · 640x360", "control_input": "waiting",
                    "control": "shm:test-page-a · 320x180 from process 1"}  # fmt: skip
        page.until(f"{marked} === 'shm:test-page-a'")
        page.until(f"{card}.includes('control: shm:test-page-a')")
        assert "waiting: shm:test-page-a · 320x180" in page.run(card)
        page.run("document.querySelector('[data-role=mask]').click()")
        assert page.run(marked) == "", "the mask is none"
        typed(page, "pattern:mask")
        until(lambda: desk.attached[1:] == [("mask", "pattern:mask")])
        page.run("document.querySelector('[data-role=control]').click()")
        page.run("""[...document.querySelectorAll('#sources button')]
            .find((e) => e.innerText === 'none' && e.offsetParent).click()""")
        until(lambda: desk.attached[2:] == [("control", "none")])
        page.size(390, 900)
        assert page.run("document.documentElement.scrollWidth") <= 390


def test_pictures_of_control_and_mask_are_shown_while_there_is_one(opened):
    figures = (
        "[...document.querySelectorAll('figure:not([hidden]) canvas')].map((e) => e.id).join()"
    )
    drawn = "[...document.getElementById('mask').getContext('2d').getImageData(9, 9, 1, 1).data]"
    with opened() as (desk, page):
        page.until(f"{figures} === 'input'")
        for _ in range(2):
            desk.now = {**desk.now, "mask": "shm:cut · 320x180"}
            page.until(f"{figures} === 'input,mask'")
            page.until(f"{drawn}[3] === 255")
            assert page.run("document.getElementById('mask_at').innerText") == "shm:cut · 320x180"
            desk.now = {**desk.now, "mask": ""}
            page.until(f"{figures} === 'input'")
            page.until(f"{drawn}[3] === 0")


def test_there_is_room_between_the_tabs_and_what_they_show(opened):
    with opened([Offer(uri="shm:x", text="1x1", problem="Gone.")]) as (_, page):
        for width in (1265, 390):
            page.size(width, 900)
            page.run("document.getElementById('sources').scrollIntoView()")
            page.until(f"{tile('shm:x')} !== undefined")
            for role in ("source", "control", "mask"):
                page.run(f"document.querySelector('[data-role={role}]').click()")
                gaps = page.run("""(() => {
                    const shown = [...document.getElementById("sources").children].filter(
                        (e) => e.offsetHeight).map((e) => e.getBoundingClientRect());
                    return shown.slice(1).map((e, at) => e.top - shown[at].bottom);
                })()""")
                assert len(gaps) == (3 if role == "source" else 4)
                assert min(gaps) >= 6


def test_the_figures_name_the_device_and_how_the_gpu_is_doing(opened):
    cell = "document.querySelector('#figures [title^=\"Temperature of the GPU\"]')"
    with opened() as (desk, page):
        desk.now = {**desk.now, "device": "CPU", "fps": 10.0}
        page.until("document.getElementById('figures').innerText.includes('CPU')")
        assert page.run(f"{cell}.hidden")
        desk.now = {
            **desk.now, "device": "NVIDIA H100", "gpu_temperature": 83, "gpu_memory": 12345.0,
            "gpu_slowed_by": "heat",
        }  # fmt: skip
        page.until(f"{cell}.innerText.includes('83 °C, 12.3 GB, slowed by heat')")
        assert "NVIDIA H100" in page.run("document.getElementById('figures').innerText")
        assert page.run(f"{cell}.classList.contains('bad')")


def test_a_source_is_typed_and_what_is_none_stays_said(opened):
    with opened([]) as (desk, page):
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until("document.getElementById('sources').innerText.includes('No sender found')")
        typed(page, " file:clip.mp4 ")
        whole = f"file:{Path.cwd() / 'clip.mp4'}"
        until(lambda: desk.attached == [whole])
        typed(page, "clip")
        said = "document.querySelector('#sources .message')?.innerText"
        page.until(f"{said}?.includes('is not a source')")
        desk.now = {**desk.now, "uptime": 1.0, "fps": 10.0}
        page.until("document.getElementById('figures').innerText.includes('10')")
        assert "is not a source" in page.run(said), "the state changes, the answer stays"
        typed(page, "demo:")
        page.until("document.querySelector('.message') === null")
        assert desk.attached == [whole, "demo:"]


def test_senders_are_looked_at_only_while_somebody_sees_them(opened):
    with sending("test-page-a") as offers, opened(offers, hurry=8) as (_, page):
        page.run("window.beats = 0; setInterval(() => beats += 1, 2000)")  # in the page's own time

        def looked(beats):
            """How often they were looked at in so many beats."""
            begun, end = thumbnails(page), page.run("beats") + beats
            page.until(f"beats >= {end}")
            return thumbnails(page) - begun

        page.size(390, 400)
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until("[...document.querySelectorAll('.tiles img')].some((e) => e.naturalWidth > 0)")
        assert 3 <= looked(6) <= 7, "every two seconds, or less where the answer takes longer"
        page.run("scrollTo(0, document.body.scrollHeight)")
        looked(2)
        assert looked(3) == 0, "out of sight"
        before = thumbnails(page)
        page.run("document.getElementById('sources').scrollIntoView()")
        until(lambda: thumbnails(page) > before)
        page.run("""Object.defineProperty(document, "visibilityState",
            {get: () => window.seen ? "visible" : "hidden"})""")
        looked(2)
        assert looked(3) == 0, "another tab is in front"
        before = thumbnails(page)
        page.run("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
        until(lambda: thumbnails(page) > before)


def test_the_keyboard_stays_where_it_is_while_others_come(opened):
    senders = sending("test-page-a", "test-page-b")
    with senders as (one, other), opened(hurry=8) as (desk, page):
        desk.offers = lambda: [other]
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until(f"{tile('shm:test-page-b')} !== undefined")
        desk.offers = lambda: [one, other]
        page.until(f"{tile('shm:test-page-a')} !== undefined")
        page.run(f"{tile('shm:test-page-a')}.focus()")
        asked = thumbnails(page)
        until(lambda: thumbnails(page) > asked + 2)
        assert "test-page-a" in page.run("document.activeElement.innerText")
        desk.offers = lambda: [other]
        page.until(f"{tile('shm:test-page-a')} === undefined")


def test_words_of_others_are_text_and_no_markup(opened):
    with opened() as (desk, page):
        evil = '<img src=x onerror="window.evil = 1">'
        desk.offers = lambda: [Offer(uri=f"shm:{evil}", text=evil, problem=evil)]
        desk.now = {"state": "FAILED", "reason": evil, "error": evil, "source": evil}
        desk.store.update({"prompt": evil})
        page.until("document.getElementById('reason').textContent.includes('<img')")
        page.until("document.getElementById('control-prompt').value.includes('<img')")
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until("document.querySelector('.tiles').innerText.split('<img').length === 4")
        assert page.run("window.evil") is None
        assert page.run("document.querySelectorAll('img[src=x]').length") == 0


def test_a_dropped_picture_becomes_the_reference(opened):
    data = cv2.imencode(".png", np.full((20, 20, 3), 90, np.uint8))[1].tobytes()
    with opened() as (desk, page):
        page.run(f"""(() => {{
          const bytes = new Uint8Array({list(data)});
          const file = new File([bytes], "my art.png", {{type: "image/png"}});
          const carried = new DataTransfer();
          carried.items.add(file);
          document.getElementById("control-reference").closest(".drop").dispatchEvent(
            new DragEvent("drop", {{dataTransfer: carried, bubbles: true, cancelable: true}}));
        }})()""")
        until(lambda: desk.store.snapshot.values["reference"].startswith("my art-"))
        page.until("document.querySelector('.drop img.on') !== null")


def test_it_says_when_the_bridge_is_gone_and_finds_it_again(tmp_path, opened):
    with opened(hurry=8) as (desk, page):
        server = HttpServer(desk, Settings(port=0, folder=tmp_path))
        server.bind()
        server.start()
        page.go(f"http://127.0.0.1:{server.port}/")
        page.until("document.getElementById('state').textContent === 'RUNNING'")
        port = server.port
        desk.now |= {"error": "The disk is full."}
        page.until("document.getElementById('error').innerText === 'The disk is full.'")
        page.run("""window.errors = new Set(); new MutationObserver(() =>
            errors.add(document.getElementById("error").innerText)
        ).observe(document.getElementById("error"), {childList: true})""")
        server.close()
        number(page, "mix", "much")
        error = "document.getElementById('error')"
        page.until("document.getElementById('state').textContent !== 'RUNNING'")
        page.until("document.getElementById('state').textContent === 'bridge offline'")
        assert page.run("getComputedStyle(document.getElementById('output')).filter") != "none"
        figure = "getComputedStyle(document.querySelector('#figures dd')).textDecorationLine"
        assert page.run(figure) == "line-through"
        assert page.run("document.querySelector('.message')") is None
        desk.now |= {"error": ""}
        again = HttpServer(desk, Settings(port=port, folder=tmp_path))
        again.bind()
        again.start()
        try:
            desk.store.update({"vace_scale": 0.75})
            page.until("document.getElementById('state').textContent === 'RUNNING'")
            page.until("document.getElementById('control-vace_scale').value === '0.75'")
            assert page.run(figure) == "none"
            assert page.run("document.querySelector('.message')") is None
            assert page.run(f"{error}.hidden")
            assert set(page.run("[...errors]")) <= {""}
        finally:
            again.close()


class Dial(Parameters):
    dial: float = control(0.25, "Of a plug-in.", minimum=0, maximum=1)


@pytest.mark.parametrize("other", [False, True])
def test_a_bridge_that_comes_back_with_a_plug_in_gets_its_controls(tmp_path, opened, other):
    """And what is being typed stays; where nothing is other, so do the controls."""
    asked = "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/schema'))"
    with opened(hurry=4) as (desk, page):
        server = HttpServer(desk, Settings(port=0, folder=tmp_path))
        server.bind()
        server.start()
        page.go(f"http://127.0.0.1:{server.port}/")
        page.until("document.getElementById('state').textContent === 'RUNNING'")
        page.run("""(() => {
          window.kept = document.getElementById("control-mix");
          const field = document.getElementById("control-prompt");
          field.focus();
          field.value = "half a sent";
          field.setSelectionRange(4, 6);
        })()""")
        port, back = server.port, FakeDesk(desk.assets)
        if other:
            specs = [*back.store.specs.values(), *describe(Dial)]
            back.store = ParameterStore(specs)
            back.actions["sparkle"] = Action("Of a plug-in.", lambda: back.acted.append("sparkle"))
        back.store.update({"mix": 0.125})
        server.close()
        again = HttpServer(back, Settings(port=port, folder=tmp_path))
        again.bind()
        again.start()
        try:
            page.until("document.getElementById('control-mix').value === '0.125'")
            page.until(f"{asked}.length === 2")
            if other:
                page.until("document.getElementById('control-dial')?.value === '0.25'")
                page.run("document.querySelector('[data-action=sparkle]').click()")
                until(lambda: back.acted == ["sparkle"])
            assert page.run("kept.isConnected") is not other
            assert (
                page.run("""(() => {
              const field = document.activeElement;
              return [field.id, field.value, field.selectionStart, field.selectionEnd].join();
            })()""")
                == "control-prompt,half a sent,4,6"
            )
            page.until("document.getElementById('figures').textContent.match(/[0-9]/)")
        finally:
            again.close()


def test_a_lost_socket_comes_back_without_a_word_and_shows_the_state_again(opened):
    with opened(hurry=2) as (desk, page):
        page.until("document.getElementById('state').textContent === 'RUNNING'")
        page.run("""
            window.badges = new Set();
            new MutationObserver(() => badges.add(document.getElementById('state').textContent))
              .observe(document.getElementById('state'), { childList: true });
        """)
        page.run("window.sockets = []; window.Real = WebSocket;"
                 "window.WebSocket = class extends Real {"
                 "constructor(...given) { super(...given); sockets.push(this); } }")  # fmt: skip
        crowd = [  # of other pages: each takes the place of one that was served longer
            connect(f"ws://127.0.0.1:{page.run('location.port')}/api/v1/events")
            for _ in range(Limits().sockets)
        ]
        with ExitStack() as others:
            for one in crowd:
                others.enter_context(one)
            desk.store.update({"vace_scale": 0.25})
            page.until("document.getElementById('state').textContent === 'paused'")
            page.run("dispatchEvent(new Event('pointerdown'))")
            page.until("document.getElementById('state').textContent === 'RUNNING'")
            page.until("document.getElementById('control-vace_scale').value === '0.25'")
        page.run("badges.clear()")
        page.until("sockets.length >= 3")
        page.run("for (const socket of sockets) socket.close()")  # as where a network drops it
        desk.store.update({"vace_scale": 0.5})
        page.until("sockets.length >= 6")
        page.until("document.getElementById('control-vace_scale').value === '0.5'")
        assert set(page.run("[...badges]")) <= {"RUNNING"}, "nobody was told"
        assert page.complaints() == []


def test_a_warm_up_is_shown_where_loading_is_and_how_much_is_warm_beside_the_state(opened):
    with opened() as (desk, page):
        pipelines = "document.getElementById('pipelines').innerText"
        bar = "document.querySelector('#pipelines progress')"
        desk.now |= {"state": "WARMUP", "phase": "compiling 3 of 10, about 40 s", "progress": 0.25}
        page.until(f"{pipelines}.includes('stylize: compiling 3 of 10, about 40 s')")
        page.until(f"{bar}.value === 0.25")
        desk.now |= {"loading": "longlive", "phase": "", "progress": 0.0}
        page.until(f"{pipelines}.includes('loading longlive: starting')")
        desk.now |= {"state": "RUNNING", "loading": "", "phase": "", "progress": 1.0,
                     "notes": {"warm": "warm 4 of 10"}}  # fmt: skip
        page.until(f"{bar} === null")
        page.until("document.getElementById('reason').innerText === 'warm 4 of 10'")
        desk.now["notes"] = {"warm": "warm 5 of 10", "problems": ["The prompt is too long."]}
        told = "The prompt is too long. warm 5 of 10"
        page.until(f"document.getElementById('reason').innerText === {told!r}")
        assert page.complaints() == []


SHIFT = 8  # as a modifier
AT = "document.activeElement.id"


def shown(page, name):
    return page.run(f"document.getElementById('control-{name}').value")


def number(page, name, text):
    """Type into the number of a fader, and leave it."""
    page.run(f"""(() => {{
        const field = document.querySelector('[aria-label="{name} as a number"]');
        field.value = {text!r};
        field.dispatchEvent(new Event("change", {{bubbles: true}}));
    }})()""")


def test_the_prompt_is_first_for_keyboard_and_eye(opened):
    with opened() as (desk, page):
        page.size(390, 844)
        page.press("Tab", 9)
        assert page.run(AT) == "control-prompt"
        assert page.run("document.activeElement.getBoundingClientRect().bottom") < 250
        words = {"words_used": ["starry night", "gold"], "words_unused": ["zorp"]}
        desk.now |= {"notes": words}
        marked = "[...document.querySelectorAll('#prompt mark')].map((e) => e.innerText).join()"
        page.until(f"{marked} === 'starry night,gold'")
        told = page.run("document.querySelector('.understood').innerText.replace(/\\s+/g, ' ')")
        assert told.endswith("no effect: zorp")
        page.run("document.activeElement.select()")
        page.call("Input.insertText", text="gold, hok")
        chips = "[...document.querySelectorAll('#prompt .chips:not(.past) .chip')]"
        page.until(f"{chips}[0].innerText.startsWith('hok')")
        word = page.run(f"{chips}[0].innerText")
        page.run(f"{chips}[0].click()")
        until(lambda: desk.store.snapshot.values["prompt"] == f"gold, {word}")
        page.until(f"!{chips}[0].innerText.startsWith('hok')")
        word = page.run(f"{chips}[1].innerText")
        page.run(f"{chips}[1].click()")
        until(lambda: desk.store.snapshot.values["prompt"].endswith(f", {word}"))
        desk.now = {**desk.now, "pipeline": "longlive", "notes": {}}
        page.until(f"{chips}.length === 0")
        before = "document.querySelector('#prompt .past .chip')"
        assert word in page.run(f"{before}.textContent")
        desk.store.update({"prompt": "other"})
        page.run("document.activeElement.blur()")
        page.run(f"{before}.click()")
        until(lambda: desk.store.snapshot.values["prompt"].endswith(word))


def test_prompts_are_blended_on_a_pad(opened):
    with opened() as (desk, page):
        unfold(page)
        values = lambda *names: [desk.store.snapshot.values[name] for name in names]  # noqa: E731
        pad = "document.querySelector('.pad')"
        assert page.run(f"{pad}.hidden"), "one prompt needs none"
        desk.store.update({"prompt_2": "gold"})
        page.until(f"!{pad}.hidden")
        page.drag(page.middle(".pad"), 300)
        until(lambda: values("prompt_weight", "prompt_2_weight", "prompt_3_weight") == [0, 1, 1])
        desk.store.update({"prompt_3": "rain"})
        page.until(f"{pad}.innerText.includes('3')")
        page.drag(page.middle(".pad"), 10)
        names = ("prompt_weight", "prompt_2_weight", "prompt_3_weight")
        until(
            lambda: min(values(*names)) > 0.1 and sum(values(*names)) == pytest.approx(1, abs=0.02)
        )
        page.run("document.querySelector('.dot').focus()")
        left = values("prompt_3_weight")[0]
        page.press("ArrowRight", 39)
        until(lambda: values("prompt_3_weight")[0] > left)


def test_the_first_badge_says_what_the_audience_sees(opened):
    first = "document.getElementById('state')"
    others = "document.getElementById('badges').innerText"
    rows = [("FREEZE", {"freeze": True}, {}), ("BYPASS", {"bypass": True}, {}),
            ("MIX 0", {"mix": 0.0}, {}), ("FALLBACK", {}, {"shown": "fallback"}),
            ("HOLD", {}, {"shown": "hold", "picture_age": 9.0}),
            ("DEMO WEIGHTS", {}, {"reason": "DEMO WEIGHTS: small and random."})]  # fmt: skip
    with opened(hurry=4) as (desk, page):
        still = {**desk.now, "shown": "new"}
        desk.now = still
        page.until(f"{first}.textContent === 'RUNNING' && {others} === ''")
        kept = {name: desk.store.snapshot.values[name] for name in ("freeze", "bypass", "mix")}
        for word, values, state in rows:
            desk.store.update({**kept, **values})
            desk.now = {**still, **state}
            page.until(f"{others} === '{word}'")
        desk.store.update({"black": True, "freeze": True})
        page.until(f"{first}.textContent === 'BLACK'")
        page.until(f"{others}.split(/\\s+/).join() === 'FREEZE,DEMO,WEIGHTS,RUNNING'")
        assert page.run(f"getComputedStyle({first}).backgroundColor") == "rgb(0, 0, 0)"


def test_a_number_is_read_as_typed_and_a_refusal_stands_beside_it(opened):
    message = "document.querySelector('[data-parameter={}] + .message')"
    with opened() as (desk, page):
        values = desk.store.snapshot.values
        number(page, "vace_scale", "0,7")
        until(lambda: desk.store.snapshot.values["vace_scale"] == 0.7)
        number(page, "hold_s", "1 min")
        until(lambda: desk.store.snapshot.values["hold_s"] == 60)
        page.until("document.getElementById('control-hold_s').value === '60'")
        for wrong in ("much", "99"):
            number(page, "vace_scale", wrong)
            page.until(f"{message.format('vace_scale')}?.innerText.includes('from 0 to 2')")
            field = "document.querySelector('[aria-label=\"vace_scale as a number\"]').value"
            page.until(f"{field} === '0.7'")
        assert page.run(f"{message.format('hold_s')}") is None
        desk.store.update({"vace_scale": 0.5})
        page.until(f"{message.format('vace_scale')} === null")
        changes = desk.store.snapshot.number
        for empty in ("", "  "):
            number(page, "vace_scale", empty)
            assert page.run(field) == "0.5", "it snaps back"
        number(page, "mix", "0.25")
        until(lambda: desk.store.snapshot.values["mix"] == 0.25)
        assert desk.store.snapshot.number == changes + 1, "emptiness is not sent"
        assert values["vace_scale"] == 1.0


def test_a_fader_moves_by_its_unit_finely_and_not_while_scrolling(opened):
    with opened() as (desk, page):
        value = lambda name: desk.store.snapshot.values[name]  # noqa: E731
        fader = "[data-parameter={}] .fader"
        page.run("document.getElementById('control-hold_s').focus()")
        page.press("ArrowRight", 39)
        until(lambda: value("hold_s") == 3.1)
        page.press("ArrowLeft", 37, SHIFT)
        until(lambda: value("hold_s") == 3.09)
        page.press("PageUp", 33)
        until(lambda: value("hold_s") == 4.1)
        page.drag(page.middle(fader.format("hold_s")), 0)
        until(lambda: value("hold_s") == 450), "half of the way is an eighth of an hour"
        page.drag(page.middle(fader.format("vace_scale")), 20)
        until(lambda: value("vace_scale") > 1.05)
        coarse = value("vace_scale")
        page.drag(page.middle(fader.format("vace_scale")), 20, SHIFT)
        until(lambda: coarse < value("vace_scale") < coarse + 0.05)
        page.double_click(page.middle(fader.format("vace_scale")))
        until(lambda: value("vace_scale") == 1)
        page.size(390, 844)
        page.call("Emulation.setTouchEmulationEnabled", enabled=True)
        changes = desk.store.snapshot.number
        page.swipe(page.middle(fader.format("vace_scale")), (2, 90))
        page.swipe(page.middle(fader.format("vace_scale")), (3, 0))
        page.swipe(page.middle(fader.format("mix")), (-60, 1))
        until(lambda: value("mix") < 0.8)
        assert value("vace_scale") == 1
        assert desk.store.snapshot.number > changes


def test_a_seed_is_drawn_and_every_control_finds_its_default(opened):
    with opened(now="longlive") as (desk, page):
        value = lambda name: desk.store.snapshot.values[name]  # noqa: E731
        page.run("document.querySelector('[aria-label=\"Draw a new seed\"]').click()")
        until(lambda: value("seed") not in (42, -1))
        page.until(f"document.getElementById('control-seed').value === '{value('seed')}'")
        back = "document.querySelector('[aria-label=\"{}: back to its default\"]')"
        assert page.run(f"{back.format('noise_scale')}.hidden")
        desk.store.update({"noise_scale": 0.1})
        for name in ("seed", "noise_scale"):
            page.until(f"!{back.format(name)}.hidden")
            page.run(f"{back.format(name)}.click()")
        until(lambda: (value("seed"), value("noise_scale")) == (42, 0.7))


def test_undo_says_what_it_takes_back_and_a_control_who_moved_it(opened):
    button = "document.querySelector('[data-action={}]')"
    with opened(hurry=4) as (desk, page):
        page.until(f"{button.format('undo')}.disabled && {button.format('redo')}.disabled")
        desk.now |= {"undo": "prompt, by page", "undo_steps": 1}
        page.until(f"!{button.format('undo')}.disabled")
        assert page.run(f"{button.format('undo')}.title") == "undo: prompt, by page"
        page.run("document.body.focus()")
        page.press("u", 85, text="u")
        until(lambda: desk.acted == ["undo"])
        desk.now |= {"undo_note": "mix stays as OSC set it."}
        message = "document.querySelector('header .message')"
        page.until(f"{message}?.innerText.includes('mix stays as OSC set it.')")
        desk.now |= {"undo_note": ""}
        page.until(f"{message} === null")
        who = "document.querySelector('[data-parameter=mix] .who').innerText"
        desk.store.update({"mix": 0.5}, Setter(By.OSC, "10.0.0.7:9000 /bridge/mix"))
        page.until(f"{who} === 'moved by OSC 10.0.0.7'")
        move(page, "mix", "0.75")
        page.until("document.querySelector('[data-parameter=mix] .who').hidden")
        desk.now |= {"standby": "NOT READY", "standby_reason": "longlive is loading."}
        badge = "document.querySelector('#badges .badge[title]:not([title=\"\"])')"
        page.until(f"{badge}?.innerText === 'STANDBY NOT READY'")
        assert page.run(f"{badge}.title") == "longlive is loading."


def test_a_locked_page_keeps_panic_and_live(opened):
    with opened() as (desk, page):
        page.run("document.body.focus()")
        page.press("k", 75, text="k")
        page.until("document.querySelector('main').inert")
        for key in "bu":
            page.press(key, ord(key.upper()), text=key)
        page.press("p", 80, text="p")
        page.press("l", 76, text="l")
        until(lambda: desk.acted == ["panic", "live"])
        assert desk.store.snapshot.values["black"] is False
        page.press("k", 75, text="k")
        page.press("b", 66, text="b")
        until(lambda: desk.store.snapshot.values["black"])
        page.press("?", 191, SHIFT, text="?")
        page.until("document.getElementById('sheet').open")
        assert "panic" in page.run("document.getElementById('sheet').innerText")
        page.press("?", 191, SHIFT, text="?")
        page.until("!document.getElementById('sheet').open")
        page.run("document.getElementById('control-prompt').focus()")
        page.press("p", 80, text="p")
        page.until("document.activeElement.value.includes('p')")
        assert desk.acted == ["panic", "live"], "a letter of a prompt is no shortcut"


def test_a_pipeline_is_set_before_it_runs_and_its_download_is_a_question(opened):
    with opened() as (desk, page):
        names = "[...document.querySelectorAll('.pipeline')].map((e) => e.dataset.pipeline)"
        page.until("document.querySelector('.pipeline .soft').innerText !== ''")
        page.until("document.getElementById('pipelines').innerText.includes('to download')")
        assert set(page.run(names)[:2]) == {"stylize", "passthrough"}, "what runs here comes first"
        pipeline = "document.querySelector('[data-pipeline=longlive]')"
        page.run(f"{pipeline}.querySelector('.small').click()")
        page.until("document.getElementById('control-noise_scale') !== null")
        assert "not running" in page.run("document.getElementById('first').innerText")
        move(page, "noise_scale", "0.4")
        until(lambda: desk.store.snapshot.values["noise_scale"] == 0.4)
        page.run("document.querySelector('#first .message button').click()")
        page.until("document.getElementById('control-noise_scale') === null")
        page.run(f"{pipeline}.querySelector('button').click()")
        question = "document.querySelector('[data-pipeline=longlive] + .message')"
        page.until(f"{question} !== null")
        told = page.run(f"{question}.innerText")
        assert "longlive needs 20.4 GB of weights;" in told
        assert "free in" in told
        assert "Download 20.4 GB" in told
        assert desk.switched == []
        listing = {**desk.weights.listing(), "pipelines": []}
        desk.weights.listing = lambda: listing
        desk.now = {**desk.now, "download": "longlive is complete"}
        page.until(f"{question} === null")
        page.run("document.querySelector('[data-key=demo-longlive]').click()")
        until(lambda: desk.switched == [("longlive", {"weights": "demo"})])
        page.run("document.querySelector('[data-key=run-passthrough]').click()")
        until(lambda: desk.switched[1:] == [("passthrough", {})])

        def refused(*_):
            desk.now = {**desk.now, "loading": "passthrough", "progress": 0.5}
            page_has_it.wait(30)
            raise ValueError("There is no room for it.")

        page_has_it = threading.Event()
        desk.switch = refused
        page.run("document.querySelector('[data-key=run-passthrough]').click()")
        page.until("document.querySelector('#pipelines progress')?.value === 0.5")
        page_has_it.set()
        said = "document.querySelector('[data-pipeline=passthrough] + .message')"
        page.until(f"{said}?.innerText.includes('There is no room for it.')")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_texts_are_legible_controls_have_names_and_room(opened, theme):
    script = (Path(__file__).parents[2] / "support" / "contrast.js").read_text("utf-8")
    with opened() as (desk, page):
        desk.now |= {"error": "Run `spout-bridge doctor`.", "shown": "new", "device": "CPU",
                     "notes": {"words_used": ["gold"], "words_unused": ["zorp"]}}  # fmt: skip
        desk.store.update({"black": True, "prompt_2": "gold"})
        if theme == "light":
            page.press("t", 84, text="t")
        number(page, "mix", "much")
        page.until("document.querySelector('[data-parameter=mix] + .message') !== null")
        page.until("document.querySelector('#prompt mark') !== null")
        unfold(page)
        for width in (1440, 1024, 390):
            page.size(width, 844)
            page.until(f"innerWidth === {width}")
            found = page.run(script)
            assert found == {"pale": [], "nameless": [], "small": [], "wide": found["wide"]}
            assert found["wide"] <= 0
        tree = page.call("Accessibility.getFullAXTree")["nodes"]
        told = {"button", "slider", "textbox", "combobox", "switch", "link", "searchbox"}
        shown = [node for node in tree if not node.get("ignored")]
        nameless = [node["nodeId"] for node in shown if node["role"]["value"] in told
                    and not node["name"].get("value")]  # fmt: skip
        assert nameless == []
        assert (
            page.run("localStorage.getItem('spout-bridge:light')") == str(theme == "light").lower()
        )


def test_nothing_lies_over_the_picture_but_the_wipe(opened):
    over = """(() => {
        const screen = document.getElementById("screen");
        const {left, top, width, height} = screen.getBoundingClientRect();
        const found = new Set();
        for (let x = 0.02; x < 1; x += 0.06) for (let y = 0.02; y < 1; y += 0.1)
            found.add(document.elementFromPoint(left + x * width, top + y * height).id);
        return [...found].sort().join();
    })()"""
    with opened() as (_, page):
        for width in (1440, 390):
            page.size(width, 900)
            page.run("document.getElementById('screen').scrollIntoView({block: 'center'})")
            assert set(page.run(over).split(",")) <= {"wiped", "output", "wipe"}
        page.size(1440, 900)
        page.run("document.getElementById('wipe').focus()")
        for _ in range(3):
            page.press("ArrowRight", 39)
        assert page.run("document.activeElement.ariaValueText") == "input 15 %"
        page.drag(page.middle("#wipe"), 200)
        assert 35 <= int(page.run("document.activeElement.ariaValueNow")) <= 50
        left = "[...document.getElementById('{}').getContext('2d').getImageData(2, 2, 1, 1).data]"
        page.until(f"{left.format('wiped')}[0] > 100")  # the desk's input is red, its output blue
        page.until(f"{left.format('output')}[2] > 100")


def test_a_window_of_its_own_shows_the_output_alone(opened):
    with opened() as (_, page):
        page.go(page.run("location.origin") + "/?output=1")
        page.until("document.getElementById('output').width === 320")
        assert page.run("document.getElementById('screen').clientWidth === innerWidth")
        seen = "[...document.querySelectorAll('header,#side,#prompt,#wipe,figure,.under')]"
        assert page.run(f"{seen}.every((e) => !e.checkVisibility())")
        assert page.complaints() == []


def test_a_link_for_viewing_shows_and_controls_nothing(tmp_path, browser):
    (tmp_path / "assets").mkdir()
    desk = FakeDesk(tmp_path / "assets")
    server = HttpServer(desk, Settings(port=0, folder=tmp_path), "a-token-of-a-show")
    server.bind()
    server.start()
    try:
        with browser.page() as page:
            view = Rules(token="a-token-of-a-show").view_token
            page.go(f"http://127.0.0.1:{server.port}/?token={view}")
            page.until("document.getElementById('badges').innerText.includes('VIEW ONLY')")
            page.until("document.getElementById('output').width === 320")
            page.run("document.body.focus()")
            for key in "plbu":
                page.press(key, ord(key.upper()), text=key)
            desk.store.update({"vace_scale": 0.5})
            page.until("document.getElementById('control-vace_scale').value === '0.5'")
            page.press("Tab", 9)
            assert page.run("document.activeElement.id") not in ("control-prompt", "search")
            assert not page.run("document.getElementById('reach').checkVisibility()")
            assert (desk.acted, desk.store.snapshot.values["black"]) == ([], False)
            assert page.complaints() == []
    finally:
        server.close()


def test_sections_fold_and_are_searched_and_this_is_remembered(opened):
    visible = "[...document.querySelectorAll('#side .row')].filter((e) => e.checkVisibility())"
    names = f"{visible}.map((e) => e.dataset.parameter).filter(Boolean).join()"
    with opened(now="longlive") as (_, page):
        page.press("/", 191, text="/")
        assert page.run(AT) == "search"
        page.call("Input.insertText", text="attention kernel")
        page.until(f"{names} === 'attention'")
        page.press("Escape", 27)
        page.until(f"{names}.includes('vace_scale')")
        assert "attention" not in page.run(names), "its section is closed again"
        page.run("document.querySelector('[data-name=Generate] summary').click()")
        page.until(f"!{names}.includes('vace_scale')")
        page.go(page.run("location.href"))
        page.until("document.querySelector('#control-vace_scale') !== null")
        assert "vace_scale" not in page.run(names)


def test_references_are_taken_and_deleted_where_they_are_shown(opened):
    with opened() as (desk, page):
        drawn = (np.full((8, 8, 3), grey, np.uint8) for grey in (9, 99))
        one, two = (
            add(desk.assets, "a.png", cv2.imencode(".png", image)[1].tobytes())["name"]
            for image in drawn
        )
        desk.store.update({"reference": two})
        used = "document.querySelector('.refs button.on')"
        page.until(f"{used}?.innerText === '{two}'")
        remove = f"document.querySelector('[aria-label=\"Delete {one}\"]')"
        page.run(f"{remove}.click()")
        assert page.run(f"{remove}.innerText") == "delete?"
        assert (desk.assets / one).exists()
        page.run(f"{remove}.click()")
        page.until(f"{remove} === null")
        assert not (desk.assets / one).exists()
        page.run("[...document.querySelectorAll('.drop button')]"
                 ".find((e) => e.innerText === 'snap').click()")  # fmt: skip
        until(lambda: desk.acted == ["ref/snap"])
        page.run(f"{used}.click()")
        until(lambda: desk.store.snapshot.values["reference"] == "")


def test_the_log_is_read_and_filtered(opened, tmp_path):
    logs.to_file(tmp_path, "Page", logging.INFO)
    try:
        log = logging.getLogger("bridge.test")
        log.info("a frame arrived")
        log.warning("the token=abcdefgh is old")
        with opened(hurry=8) as (_, page):
            lines = "[...document.querySelectorAll('.log li')].map((e) => e.innerText).join('|')"
            page.run("document.querySelector('#log summary').click()")
            page.until(f"{lines}.includes('token=***')")
            log.error("<b>last</b>")
            page.until(f"{lines}.includes('<b>last')")
            choose = "document.querySelector('[aria-label=\"Least level of the log\"]')"
            page.run(f"{choose}.value = 'errors'; {choose}.dispatchEvent(new Event('change'))")
            assert "token" not in page.run(lines)
            assert "last" in page.run(lines)
    finally:
        logs.end()


def test_a_dropped_path_is_opened_and_a_film_without_one_says_what_to_do(opened):
    drop = """(() => {{
        const carried = new DataTransfer();
        {}
        document.getElementById("sources").dispatchEvent(new DragEvent("drop",
            {{dataTransfer: carried, bubbles: true, cancelable: true}}));
    }})()"""
    said = "document.querySelector('#sources .message')?.innerText ?? ''"
    with opened([]) as (desk, page):
        page.run(drop.format("carried.items.add(new File(['x'], 'my film.mp4'))"))
        page.until(f"({said}).includes('where my film.mp4 is')")
        for uri in ("file:///shows/a%20b.mp4", "/shows/a b.mp4"):
            kind = "text/uri-list" if ":" in uri else "text/plain"
            page.run(drop.format(f"carried.setData('{kind}', '{uri}')"))
            until(lambda: desk.attached and desk.attached.pop() == "file:/shows/a b.mp4")
            page.until(f"({said}) === ''")


def test_looks_are_saved_played_and_put_in_order(tmp_path, served):
    pytest.importorskip("bridge.show.looks")
    chosen = {"pipeline": "stylize", "source": "demo:", "output_size": "96x64", "size": "96x64"}
    with running_session(tmp_path, Catalog(), **chosen) as rig:
        rig.running("stylize")
        store = rig.session.store
        with served(rig.session, 2) as page:
            shown = "[...document.querySelectorAll('.looks b')].map((e) => e.innerText).join('|')"
            on = "document.querySelector('.looks .on b')?.innerText"
            press = """[...document.querySelectorAll("#side button")]
                .find((e) => e.textContent === "{}").click()"""
            for number, scale in ((1, 0.25), (2, 1.25), (3, 1.75)):
                store.update({"vace_scale": scale})
                page.run(press.format("Save as a new look"))
                page.until(f"{on}?.startsWith('{number} ')")
            page.until("document.querySelectorAll('.looks img').length === 3")
            page.run("document.body.focus()")
            page.press("1", 49, text="1")
            page.until(f"{on}?.startsWith('1 ')")
            assert page.run("document.querySelector('#state').innerText") == "RUNNING"
            page.run(press.format("edit"))
            page.run("""(() => {
                const field = document.querySelector('[aria-label="Name of look 2"]');
                field.value = "the sea";
                field.dispatchEvent(new Event("change"));
            })()""")
            page.until(f"{shown}.includes('2 the sea')")
            page.run("document.querySelector('[aria-label=\"Move forward look 3\"]').click()")
            page.until(f"{shown}.split('|').map((e) => e[0]).join('') === '132'")
            remove = "document.querySelector('[aria-label=\"Delete look 1\"]')"
            page.run(f"{remove}.click()")
            assert page.run(f"{remove}.innerText") == "delete?"
            page.run(f"{remove}.click()")
            page.until(f"{shown}.split('|').map((e) => e[0]).join('') === '32'")
            assert page.complaints() == []


def test_a_causal_pipeline_is_seen_and_played(tmp_path, served):
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    load = {"weights": "demo", "vae": "tae", "vace_load": True, "fade": 0}
    with running_session(
        tmp_path, Catalog(), load, pipeline="longlive", source="pattern:", size="96x64",
        output_size="640x360", load_s=120,
    ) as rig:  # fmt: skip
        rig.running("longlive")
        session = rig.session
        with served(session) as page:
            page.until("document.getElementById('reason').innerText.startsWith('DEMO WEIGHTS')")
            for side in ("input", "output"):
                picture = f"document.getElementById('{side}').toDataURL()"
                page.until(f"document.getElementById('{side}').width !== 480")  # as it stands empty
                first = page.run(picture)
                page.until(f"{picture} !== {first!r}")
            move(page, "vace_scale", 1.5)
            move(page, "prompt", "gold and black circles")
            until(lambda: session.store.snapshot.values["prompt"] == "gold and black circles")
            until(lambda: session.status().notes.get("vace_scale") == 1.5)
            until(lambda: session.status().snapshot >= session.store.snapshot.number)
            move(page, "input_mode", "text", "change")
            until(lambda: session.status().notes["mode"] == "text")
            page.size(1280, 900)
            page.screenshot(tmp_path / "page.png")
            page.run("""[...document.querySelectorAll("#pipelines button")]
                .find((e) => e.innerText === "krea-realtime-video").click()""")
            until(lambda: session.status().pipeline == "krea-realtime-video")
            page.until("document.getElementById('reason').innerText.startsWith('DEMO WEIGHTS')")
            assert page.run("document.getElementById('error').hidden")
            assert page.complaints() == []
