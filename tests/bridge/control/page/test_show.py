"""The page while a show is played."""

import pytest

from engine.catalog.rows import Catalog
from tests.support.page import SHIFT, until
from tests.support.rig import running_session

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
