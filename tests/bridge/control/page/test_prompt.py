"""The prompt on the page: its words, and the blend of several."""

import pytest

from bridge.transports import Offer
from tests.support.page import AT, unfold, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_words_of_others_are_text_and_no_markup(opened):
    with opened() as (desk, page):
        evil = '<img src=x onerror="window.evil = 1">'
        desk.offers = lambda: [Offer(uri=f"shm:{evil}", text=evil, problem=evil)]
        desk.now = {"state": "FAILED", "reason": evil, "error": evil, "source": evil}
        desk.store.update({"prompt": evil})
        page.until("document.getElementById('reason').textContent.includes('<img')")
        page.until("document.getElementById('control-prompt').value.includes('<img')")
        page.run("document.getElementById('sources').scrollIntoView()")
        page.until("document.querySelector('#sources .tiles').innerText.split('<img').length === 4")
        assert page.run("window.evil") is None
        assert page.run("document.querySelectorAll('img[src=x]').length") == 0


def test_the_prompt_is_first_for_keyboard_and_eye(opened):
    with opened() as (desk, page):
        page.size(390, 844)
        desk.store.update({"prompt": "Starry  night: gold, zorp"})
        page.until("document.getElementById('control-prompt').value.includes('zorp')")
        page.press("Tab", 9)
        assert page.run(AT) == "control-prompt"
        assert page.run("document.activeElement.getBoundingClientRect().bottom") < 250
        words = {"words_used": ["starry night", "gold"], "words_unused": ["zorp"]}
        desk.now |= {"notes": words}
        marked = "[...document.querySelectorAll('#prompt mark')].map((e) => e.innerText).join()"
        page.until(f"{marked} === 'starry night,gold'")
        told = page.run("document.querySelector('.understood').innerText.replace(/\\s+/g, ' ')")
        assert told.endswith("no effect: zorp")
        page.call("Input.insertText", text="gold, hok")
        assert page.run(marked) == ""
        chips = "[...document.querySelectorAll('#prompt .chips:not(.past) .chip')]"
        page.until(f"{chips}[0].innerText.startsWith('hok')")
        word = page.run(f"{chips}[0].innerText")
        page.run(f"{chips}[0].click()")
        until(lambda: desk.store.snapshot.values["prompt"] == f"gold, {word}")
        page.until(f"!{chips}[0].innerText.startsWith('hok')")
        word = page.run(f"{chips}[1].innerText")
        page.run(f"{chips}[1].click()")
        until(lambda: desk.store.snapshot.values["prompt"].endswith(f", {word}"))
        page.press("Escape", 27)
        assert page.run(AT) == ""
        page.press("i", 73, text="i")
        page.call("Input.insertText", text="ink")
        page.press("Enter", 13, text="\r")
        assert page.run(AT) == "", "the next key is a shortcut"
        until(lambda: desk.store.snapshot.values["prompt"] == "ink")
        desk.now = {**desk.now, "pipeline": "longlive", "notes": {}}
        page.until(f"{chips}.length === 0")
        before = "document.querySelector('#prompt .past .chip:nth-child(2)')"
        assert word in page.run(f"{before}.textContent")
        desk.store.update({"prompt": "other"})
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
