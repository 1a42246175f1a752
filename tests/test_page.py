"""The page in a real browser, on a desk without an engine."""

import time
from contextlib import contextmanager
from time import perf_counter

import cv2
import numpy as np
import pytest

from bridge.control.http_server import HttpServer
from bridge.settings import Settings
from tests.chromium import chromium
from tests.desk import FakeDesk

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@contextmanager
def opened(tmp_path):
    """A desk, and its page in a tab."""
    folder = tmp_path / "assets"
    folder.mkdir()
    desk = FakeDesk(folder)
    server = HttpServer(desk, Settings(port=0, folder=tmp_path))
    server.bind()
    server.start()
    try:
        with chromium(tmp_path) as page:
            page.go(f"http://127.0.0.1:{server.port}/")
            page.until("document.querySelector('#control-vace_scale') !== null")
            yield desk, page
    finally:
        server.close()


def until(true, timeout=5.0):
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


def test_controls_and_store_follow_each_other(tmp_path):
    with opened(tmp_path) as (desk, page):
        values = lambda name: desk.store.snapshot.values[name]  # noqa: E731
        move(page, "vace_scale", 1.5)
        until(lambda: values("vace_scale") == 1.5)
        move(page, "freeze", True, "change")
        until(lambda: values("freeze") is True)
        move(page, "no_picture", "card", "change")
        until(lambda: values("no_picture") == "card")
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
        page.until(shown.format("mix", "value") + " === '0.1'", 3)


def test_every_parameter_and_action_has_its_control_and_every_control_a_label(tmp_path):
    with opened(tmp_path) as (desk, page):
        live = [spec.name for spec in desk.store.specs.values() if spec.live]
        found = page.run("[...document.querySelectorAll('[id^=control-]')].map((e) => e.id)")
        assert set(found) >= {f"control-{name}" for name in live}
        for name in desk.actions:
            page.run(f"document.querySelector('[data-action={name}]').click()")
        until(lambda: set(desk.acted) == set(desk.actions))
        nameless = page.run("""[...document.querySelectorAll("input:not([hidden]),select,textarea")]
            .filter((e) => !e.labels?.length && !e.ariaLabel).map((e) => e.outerHTML)""")
        assert nameless == []


def test_nothing_comes_from_elsewhere_and_nothing_goes_wrong(tmp_path):
    with opened(tmp_path) as (_, page):
        page.until("document.querySelector('#figures').textContent.length > 20")
        origin = page.run("location.origin")
        page.go(origin + "/docs")
        page.until("document.querySelector('.opblock') !== null")
        own = (origin, origin.replace("http", "ws"), "data:", "blob:", "about:")
        assert [url for url in page.requested() if not url.startswith(own)] == []
        assert page.complaints() == []


def test_it_fits_a_telephone(tmp_path):
    with opened(tmp_path) as (_, page):
        page.size(390, 844)
        page.until("innerWidth === 390")
        assert page.run("document.documentElement.scrollWidth") <= 390
        small = page.run("""[...document.querySelectorAll("button,select,input[type=range]")]
            .filter((e) => e.offsetParent && !e.classList.contains("address"))
            .filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)""")
        assert small == [], "fingers need room"


def test_words_of_others_are_text_and_no_markup(tmp_path):
    with opened(tmp_path) as (desk, page):
        evil = '<img src=x onerror="window.evil = 1">'
        desk.now = {"state": "FAILED", "reason": evil, "error": evil, "source": evil}
        desk.store.update({"prompt": evil})
        page.until("document.getElementById('reason').textContent.includes('<img')")
        page.until("document.getElementById('control-prompt').value.includes('<img')")
        assert page.run("window.evil") is None
        assert page.run("document.querySelectorAll('img[src=x]').length") == 0


def test_a_dropped_picture_becomes_the_reference(tmp_path):
    data = cv2.imencode(".png", np.full((20, 20, 3), 90, np.uint8))[1].tobytes()
    with opened(tmp_path) as (desk, page):
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


def test_it_says_when_the_bridge_is_gone_and_finds_it_again(tmp_path):
    with opened(tmp_path) as (desk, page):
        server = HttpServer(desk, Settings(port=0, folder=tmp_path))
        server.bind()
        server.start()
        page.go(f"http://127.0.0.1:{server.port}/")
        page.until("document.getElementById('state').textContent === 'RUNNING'")
        port = server.port
        server.close()
        page.until("document.getElementById('state').textContent !== 'RUNNING'")
        again = HttpServer(desk, Settings(port=port, folder=tmp_path))
        again.bind()
        again.start()
        try:
            desk.store.update({"vace_scale": 0.75})
            page.until("document.getElementById('state').textContent === 'RUNNING'", 15)
            page.until("document.getElementById('control-vace_scale').value === '0.75'")
        finally:
            again.close()
