"""How the page is served, finds its bridge again, and who may control it."""

from contextlib import ExitStack

import cv2
import numpy as np
import pytest
from websockets.sync.client import connect

from bridge.control.bridge_api import Action
from bridge.control.http.rules import Rules
from bridge.control.http.seats import Limits
from bridge.control.http.server import HttpServer
from bridge.settings import Settings
from bridge.state.references import add
from bridge.state.store import ParameterStore
from engine.parameters import Parameters, control, describe
from tests.support.desk import FakeDesk
from tests.support.page import number, sending, until
from tests.support.proxy import proxied

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def serving(desk, folder, port=0):
    """A server of a desk."""
    server = HttpServer(desk, Settings(port=port, folder=folder))
    server.bind()
    server.start()
    return server


def test_it_says_when_the_bridge_is_gone_and_finds_it_again(tmp_path, opened):
    with opened(hurry=8) as (desk, page):
        server = serving(desk, tmp_path)
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
        go = "document.querySelector('[data-action=go]').closest('[inert]')"
        assert page.run(f"getComputedStyle({go}).opacity < 1")
        assert page.run("document.querySelector('.message')") is None
        desk.now |= {"error": ""}
        again = serving(desk, tmp_path, port)
        try:
            desk.store.update({"vace_scale": 0.75})
            page.until("document.getElementById('state').textContent === 'RUNNING'")
            page.until("document.getElementById('control-vace_scale').value === '0.75'")
            assert page.run(figure) == "none"
            assert page.run(go) is None
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
        server = serving(desk, tmp_path)
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
        again = serving(back, tmp_path, port)
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
            for key in "plbuk":
                page.press(key, ord(key.upper()), text=key)
            desk.store.update({"vace_scale": 0.5})
            page.until("document.getElementById('control-vace_scale').value === '0.5'")
            page.press("Tab", 9)
            assert page.run("document.activeElement.id") != "control-prompt"
            assert page.run("getComputedStyle(document.getElementById('sources')).opacity < 1")
            page.press("/", 191, text="/")
            page.call("Input.insertText", text="vace scale")
            page.until("!document.getElementById('sources').checkVisibility()")
            assert page.run("document.getElementById('control-vace_scale').checkVisibility()")
            page.press("Escape", 27)
            for key in "t?":
                page.press(key, 84, text=key)
            page.until("document.getElementById('sheet').open")
            assert page.run("document.documentElement.dataset.theme") == "light"
            assert not page.run("document.getElementById('reach').checkVisibility()")
            assert (desk.acted, desk.store.snapshot.values["black"]) == ([], False)
            assert page.complaints() == []
    finally:
        server.close()
