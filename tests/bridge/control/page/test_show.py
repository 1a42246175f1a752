"""The page while a show is played."""

import pytest

from bridge.show import showfile
from engine.catalog.rows import Catalog
from tests.support.page import SHIFT, dragged, drop, move, until
from tests.support.rig import running_session

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_locked_page_keeps_panic_and_live(opened):
    with opened() as (desk, page):
        page.run("document.body.focus()")
        page.press("k", 75, text="k")
        page.until("document.querySelector('main').inert")
        for key in "bu":
            page.press(key, ord(key.upper()), text=key)
        assert page.run("document.getElementById('record').disabled")
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
        page.run("document.getElementById('record').click()")
        until(lambda: desk.store.snapshot.values["record"])
        desk.now = {**desk.now, "recording": "a.mp4", "recorded": 83.4}
        page.until("document.getElementById('record').innerText === '1:23'")
        page.run("document.getElementById('record').click()")
        until(lambda: not desk.store.snapshot.values["record"])
        desk.now = {**desk.now, "recording": "", "recorded": 0.0}  # as a bridge that ends
        told = "document.querySelector('header').innerText.includes('Recorded {}')"
        page.until(told.format("1:23 to recordings/a.mp4"))
        desk.now |= {"recording": "b.mp4"}
        page.until("document.getElementById('record').innerText === '0:00'")
        desk.now |= {"recording": ""}
        page.until(told.format("to recordings/b.mp4"))


def delete(page, label):
    """Press its button twice: it asks first."""
    remove = f"document.querySelector('[aria-label=\"Delete {label}\"]')"
    page.run(f"{remove}.click()")
    assert page.run(f"{remove}.innerText") == "delete?"
    page.run(f"{remove}.click()")


def test_looks_are_saved_played_and_put_in_order(tmp_path, served):
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
            delete(page, "look 1")
            page.until(f"{shown}.split('|').map((e) => e[0]).join('') === '32'")
            rig.session.show.cues.add({"look": 2})
            page.until("!document.querySelector('[data-action=go]').hidden")
            page.press(" ", 32, text=" ")
            page.until("document.querySelector('.cue.on .number')?.value === '1'")
            until(lambda: store.snapshot.values["vace_scale"] == 1.25)
            rig.session.show.cues.change(1, {"name": "dusk"})  # on another page
            page.until("document.querySelector('.cue input.name')?.value === 'dusk'")
            rig.session.show.looks.rename(3, "the lake")
            page.until(f"{shown}.includes('3 the lake')")
            strange = {**rig.session.show.looks.exported(3), "pipeline": "sparkle"}
            rig.session.show.looks.take_in(strange)
            page.until("document.querySelector('.looks .lack')?.innerText === 'cannot be recalled'")
            assert [each for each in page.complaints() if "exception" in each] == []


PRESS = "document.querySelector('[data-action=\"{}\"]').click()"


def edit(page, label, value):
    """Type into a field of the cue list, and leave it."""
    page.run(f"""(() => {{
        const field = document.querySelector('.cue [aria-label="{label}"]');
        field.value = {value!r};
        field.dispatchEvent(new Event("change", {{bubbles: true}}));
    }})()""")


def test_cues_are_added_edited_where_they_stand_and_deleted(opened):
    with opened() as (desk, page):
        shown = "[...document.querySelectorAll('.cues .number')].map((e) => e.value).join()"
        add = """[...document.querySelectorAll("#side button")]
            .find((e) => e.textContent === "Add a cue")"""
        page.until(f"{add}.disabled")  # there is no look that it could show
        for number, name in ((1, "sea"), (2, "fire")):
            desk.show.save(number, name)
        desk.now |= {"look": 2, "look_name": "fire"}
        page.until(f"!{add}.disabled")
        page.until("document.querySelector('[data-key=look-2]')?.ariaPressed === 'true'")
        page.run(f"{add}.click()")
        page.until(f"{shown} === '1'")
        choice = "document.querySelector('[aria-label=\"look of a new cue\"]')"
        page.run(f"{choice}.value = '1'; {choice}.dispatchEvent(new Event('change'))")
        page.run(f"{add}.click()")
        page.until(f"{shown} === '1,2'")
        assert desk.show.cues.all[1].look == 1
        cue = lambda at: desk.show.cues.all[at]  # noqa: E731
        assert (cue(0).look, cue(0).fade, cue(0).follow) == (2, None, None)
        page.until("document.querySelector('.cue .play img')?.naturalWidth > 0")
        edit(page, "name of cue 1", "the <b>sea</b>")
        until(lambda: cue(0).name == "the <b>sea</b>")
        edit(page, "look of cue 1", "1")
        until(lambda: cue(0).look == 1)
        edit(page, "fade of cue 1", "2,5")
        until(lambda: cue(0).fade == 2.5)
        edit(page, "follow of cue 1", "1 min")
        until(lambda: cue(0).follow == 60)
        field = "document.querySelector('[aria-label=\"{} of cue 1\"]').value"
        page.until(field.format("follow") + " === '60'")
        edit(page, "fade of cue 1", "")
        until(lambda: cue(0).fade is None)
        edit(page, "fade of cue 1", "much")
        page.until("document.querySelector('.cue + .message')?.innerText.includes('fade')")
        assert page.run(field.format("fade")) == "", "what was refused is not shown as if it held"
        edit(page, "number of cue 1", "2.5")
        page.until(f"{shown} === '2,2.5'")
        edit(page, "number of cue 2.5", "2")
        page.until("document.querySelector('.cue + .message')?.innerText.includes('already')")
        page.until(f"{shown} === '2,2.5'")
        delete(page, "cue 2")
        page.until(f"{shown} === '2.5'")
        assert [each for each in page.complaints() if "exception" in each] == []


def test_go_says_what_it_shows_and_whether_it_is_ready(opened):
    with opened() as (desk, page):
        desk.show.save(1, "sea")
        for name in ("first", "second"):
            desk.show.cues.add({"look": 1, "name": name})
        desk.now |= {"cue": "1", "cue_next": "2", "look": 1, "standby": "NOT READY",
                     "standby_reason": "There is no look 9."}  # fmt: skip
        go = "document.querySelector('[data-action=go]')"
        page.until(f"{go}.innerText.replace(/\\s+/g, ' ') === 'GO 2 second'")
        told = "document.querySelector('.cue.next .readiness')?.innerText"
        page.until(f"{told}?.includes('NOT READY')")
        assert "NOT READY" in page.run(told)
        assert "There is no look 9." in page.run(told)
        assert page.run("document.querySelector('.cue.on .number').value") == "1"
        cancel = "document.querySelector('[data-action=\"cue/cancel\"]').hidden"
        assert page.run(cancel)
        desk.now |= {"standby": "LOADING", "standby_progress": 0.5, "cue_waits": "2"}
        page.until("document.querySelector('.cue.next progress')?.value === 0.5")
        page.until(f"{go}.innerText.includes('2 waits') && !({cancel})")
        page.run(PRESS.format("cue/cancel"))
        page.run(PRESS.format("cue/back"))
        page.run("document.querySelector('[aria-label=\"Show cue 1 now\"]').click()")
        until(lambda: sorted(desk.acted) == ["cue 1.0", "cue/back", "cue/cancel"])
        desk.now |= {"cue_waits": "", "cue_follow": 12.0}
        page.until(f"{told}.includes('It goes in 12 s.') && !({cancel})")
        desk.now |= {"look_changed": True}
        page.until("document.querySelector('.cue.on') === null")
        desk.now |= {"cue_follow": 0.0, "pipeline": "longlive"}
        at_once = page.run(f"""new Promise((done) => new MutationObserver(() =>
            document.querySelector('#control-noise_scale') && done({go}.innerText)
        ).observe(document.body, {{childList: true, subtree: true}}))""")
        assert "2 second" in at_once, "the controls of another pipeline are new, and GO is too"


def test_the_space_bar_is_go_but_where_it_types_or_presses(opened):
    with opened() as (desk, page):
        space = lambda: page.press(" ", 32, text=" ")  # noqa: E731
        page.run("document.getElementById('control-prompt').focus()")
        space()
        page.until("document.activeElement.value.includes(' ')")
        page.run("document.activeElement.blur()")
        space()
        until(lambda: desk.acted == ["go"])
        page.press("Tab", 9)
        page.run("document.querySelector('[data-action=live]').focus()")
        space()
        until(lambda: desk.acted == ["go", "live"])
        page.drag(page.middle("[data-action=panic]"), 0)
        until(lambda: desk.acted[2:] == ["panic"])
        space()
        until(lambda: desk.acted[3:] == ["go"])
        page.press("k", 75, text="k")
        space()
        page.press("p", 80, text="p")
        until(lambda: desk.acted[4:] == ["panic"])
        page.press("k", 75, text="k")
        frozen = lambda: desk.store.snapshot.values["freeze"]  # noqa: E731
        page.drag(page.middle("#control-freeze"), 0)
        until(frozen)
        held = {"key": " ", "windowsVirtualKeyCode": 32, "text": " "}
        for kind in ("keyDown", "keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, autoRepeat=kind == "keyDown", **held)
        space()
        until(lambda: desk.acted[5:] == ["go"])
        assert page.run("document.getElementById('control-freeze').checked")
        page.run("document.getElementById('control-on_loss').focus()")
        page.press("p", 80, text="p")
        until(lambda: desk.acted[6:] == ["panic"])
        page.press("Tab", 9)
        page.run("document.getElementById('control-freeze').focus()")
        space()
        until(lambda: not frozen())


def test_blind_the_controls_set_the_next_look_and_the_output_stays(opened):
    with opened() as (desk, page):
        blind = desk.show.blind
        tell = lambda: desk.now.update(blind.told())  # noqa: E731
        page.run(PRESS.format("blind"))
        until(lambda: desk.acted == ["blind"])
        blind.begin()
        tell()
        page.until("document.body.classList.contains('blind')")
        page.until("document.getElementById('badges').innerText.includes('BLIND')")
        desk.store.update({"prompt": "Sea"})
        desk.now |= {"notes": {"words_used": ["sea"]}}
        marked = "document.querySelector('#prompt mark')?.innerText"
        page.until(f"{marked} === 'sea'")
        before = dict(desk.store.snapshot.values)
        move(page, "vace_scale", "0.4")
        move(page, "prompt", "gold")
        assert page.run(marked) is None, "these are the words of the output"
        until(lambda: blind.values == {"vace_scale": 0.4, "prompt": "gold"})
        assert desk.store.snapshot.values == before
        tell()
        row = "document.querySelector('[data-parameter=vace_scale]').classList.contains('unseen')"
        page.until(row)
        desk.store.update({"vace_scale": 1.5, "fade": 2.0})
        page.until("document.getElementById('control-fade').value === '2'")
        value = "document.getElementById('control-vace_scale').value"
        assert page.run(value) == "0.4", "what another hand does to the output is not the next look"
        move(page, "freeze", True, "change")
        until(lambda: desk.store.snapshot.values["freeze"] is True)
        page.run("document.getElementById('blind-fade').value = '3'")
        page.run(PRESS.format("blind/take"))
        page.run(PRESS.format("blind/discard"))
        until(lambda: sorted(desk.acted[1:]) == ["blind/discard", "blind/take 3.0"])
        blind.discard()
        tell()
        page.until(f"{value} === '1.5' && !({row})")
        page.until(f"document.getElementById('control-prompt').value === {before['prompt']!r}")
        page.until(f"{marked} === 'sea'")
        assert not page.run("document.body.classList.contains('blind')")


def test_the_tempo_is_tapped_and_seen_in_one_place(opened):
    with opened() as (desk, page):
        own = """[...document.querySelectorAll('details.card')]
            .find((e) => e.querySelector('h2').textContent === 'Tempo')"""
        found = f"[...{own}.querySelectorAll('[id^=control-],[data-action]')]"
        names = page.run(f"{found}.map((e) => e.id || e.dataset.action)")
        assert names == ["control-tempo", "control-quantise", "tap", "beat"]
        page.run(PRESS.format("tap"))
        page.run(PRESS.format("beat"))
        until(lambda: sorted(desk.acted) == ["beat 1", "tap"])
        desk.now |= {"bpm": 97.5, "beat": 3.2, "clock": "Digitakt", "beat_waits": "look 3"}
        told = "97.5 bpm, from the clock of Digitakt, look 3 waits for its beat"
        page.until(f"{own}.innerText.includes({told!r})")
        page.until(f"[...{own}.querySelectorAll('.bar i')].findIndex("
                   "(e) => e.classList.contains('on')) === 2")  # fmt: skip


def test_the_show_is_saved_and_another_one_opened_with_each_proposal_asked(
    opened, tmp_path, monkeypatch
):
    asked = {"source": "spout:Cam", "mask": "no such", "osc_feedback": "10.0.0.5:9000"}
    same = {"control": "none", "fit": "", "sink": "spout:Out", "output_size": "640x360"}
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(showfile, "this_machine", lambda: "0" * 16)
        tour = showfile.written(showfile.ShowFile(
            name="Tour", pipeline="stylize", values={"vace_scale": 0.5, "gone": 1},
            proposals={**same, **asked},
        ))  # fmt: skip
    with opened() as (desk, page):
        card = """[...document.querySelectorAll('#side details.card')]
            .find((e) => e.querySelector('h2').textContent === 'Show file')"""
        buttons = f"[...{card}.querySelectorAll('button')]"
        press = f"{buttons}.find((e) => e.textContent === '{{}}').click()"
        desk.show.save(1, "sea")
        desk.now |= {"sink": "spout:Out · sending", "output_size": "640x360"}
        page.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        page.run(press.format("Save the show"))
        page.until(f"{card}.innerText.includes('Desk.show is saved.')")
        until(lambda: (tmp_path / "Desk.show").is_file())
        until(
            lambda: showfile.read((tmp_path / "Desk.show").read_bytes()).looks[0][0].name == "sea"
        )

        page.size(390, 900)
        drop(page, dragged(b"PK no zip", "broken.show"))
        page.run(press.format("replace"))
        page.until(f"{card}.querySelector('.message')?.innerText.includes('This is no show file')")
        drop(page, dragged(tour, "tour.show"))
        page.run(press.format("keep"))
        assert desk.show.looks.all != ()
        drop(page, dragged(tour, "tour.show"))
        page.until(f"!{card}.querySelector('.message')")
        page.run(press.format("replace"))
        page.until(f"{card}.innerText.includes('tour.show is open: 0 looks.')")
        until(lambda: desk.store.snapshot.values["vace_scale"] == 0.5)
        assert "no parameter 'gone'" in page.run(f"{card}.querySelector('.problem').innerText")
        rows = f"[...{card}.querySelectorAll('.proposal b')].map((e) => e.textContent).join()"
        assert page.run(rows) == "spout:Cam,no such,10.0.0.5:9000"
        assert desk.attached == [], "nothing of another machine is used unasked"
        assert page.run("document.documentElement.scrollWidth") <= 390
        page.run(f"{card}.querySelector('[aria-label=\"Use the mask no such\"]').click()")
        page.until(f"{card}.querySelector('.proposal + .message') !== null")
        page.run(f"{card}.querySelector('[aria-label=\"Use the source spout:Cam\"]').click()")
        until(lambda: desk.attached == ["spout:Cam"])
        page.run(
            f"{card}.querySelector('[aria-label=\"Leave the OSC feedback 10.0.0.5:9000\"]').click()"
        )
        page.until(f"{rows} === 'no such'")
        assert [each for each in page.complaints() if "exception" in each] == []
