"""What the page shows, and whether it can be seen and reached."""

import logging
from pathlib import Path

import pytest

from bridge.system import logs
from tests.bridge.control.page.test_midi import LEARN, NANO, RACK, USE
from tests.support.page import number, unfold

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_it_fits_a_telephone(opened):
    with opened() as (desk, page):
        page.size(390, 844)
        page.until("innerWidth === 390")
        desk.show.save(1, "sea")
        desk.show.cues.add({"look": 1, "name": "W" * 75})
        desk.now |= {"cue_waits": "1", "cue": "1", "look": 1, "recording": "a.mp4",
                     "recorded": 754.0, "reason": "DEMO WEIGHTS: " + "small and random, " * 9,
                     "standby": "NOT READY"}  # fmt: skip
        desk.store.update({"freeze": True})
        page.until("document.getElementById('badges').innerText.includes('STANDBY')")
        page.until("document.querySelector('[data-action=go]').innerText.includes('1 waits')")
        page.until("document.getElementById('record').innerText === '12:34'")
        width = page.run("document.documentElement.clientWidth")
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run("document.querySelector('header').offsetHeight") < 100
        desk.now |= {"cue_waits": "", "cue_next": "1"}
        page.until("document.querySelector('[data-action=go]').innerText.includes('1 WWWW')")
        seen = "[...document.querySelectorAll('.reach button, .chips .chip')]"
        assert page.run(f"Math.max(...{seen}.map((e) => e.getBoundingClientRect().right))") <= width
        small = page.run("""[...document.querySelectorAll("button,select,input[type=range]")]
            .filter((e) => e.offsetParent && !e.classList.contains("address"))
            .filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)""")
        assert small == [], "fingers need room"


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


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_texts_are_legible_controls_have_names_and_room(opened, theme):
    script = (Path(__file__).parents[3] / "support" / "contrast.js").read_text("utf-8")
    with opened() as (desk, page):
        desk.now |= {"error": "Run `spout-bridge doctor`.", "shown": "new", "device": "CPU",
                     "notes": {"words_used": ["gold"], "words_unused": ["zorp"]}}  # fmt: skip
        desk.store.update({"black": True, "prompt": "zorp", "prompt_2": "gold"})
        desk.show.save(1, "sea")
        for look in (1, 1, 9):
            desk.show.cues.add({"look": look})
        desk.now |= {"cue": "1", "cue_next": "2", "cue_follow": 9.0, "standby": "NOT READY",
                     "standby_reason": "There is no look 9.", "blind": True,
                     "blind_values": {"vace_scale": 0.5}}  # fmt: skip
        desk.midi.choose([{"kind": "cc", "number": 7, "parameter": "mix"}])
        page.run(RACK + f"rack.plug('nano'); {USE}.click(); {LEARN}.click()")
        page.until(f"{NANO} !== null")
        if theme == "light":
            page.press("t", 84, text="t")
        number(page, "mix", "much")
        page.until("document.querySelector('[data-parameter=mix] + .message') !== null")
        page.until("document.querySelector('#prompt mark') !== null")
        page.until("document.querySelector('.blind .cue.next .readiness') !== null")
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


def test_nothing_lies_over_the_picture_but_the_wipe_and_it_stays_in_view(opened):
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
        page.run("scrollTo(0, 1500)")
        at = "document.querySelector('{}').getBoundingClientRect()"
        page.until(f"{at.format('header')}.bottom <= {at.format('#screen')}.top")
        assert page.run(f"{at.format('#figures')}.bottom") <= 900
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
