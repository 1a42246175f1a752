"""Controls and actions of the page."""

import threading
from dataclasses import replace

import pytest

from bridge.state.change import By, Setter
from bridge.state.controls import OutputParameters
from engine.parameters import describe
from tests.support.lora_files import lora_file
from tests.support.page import AT, SHIFT, move, number, unfold, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
        } - {"blind/take", "learn/cancel"}  # which need a value set blind, and a control touched
        asked = "document.querySelector('[data-action=kill_engine]')"
        for name in pressed:
            page.run(f"document.querySelector('[data-action=\"{name}\"]').click()")
        until(lambda: {each.split()[0] for each in desk.acted} == pressed - {"kill_engine"})
        assert page.run(f"{asked}.innerText") == "kill it?"
        page.run(f"{asked}.click()")
        until(lambda: {each.split()[0] for each in desk.acted} == pressed)
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
    answered = threading.Event()

    def undo():
        desk.now |= {"undo_note": "mix stays as OSC set it."}
        desk.acted.append("undo")
        assert answered.wait(30)

    with opened(hurry=4) as (desk, page):
        desk.actions = {**desk.actions, "undo": replace(desk.actions["undo"], run=undo)}
        page.until(f"{button.format('undo')}.disabled && {button.format('redo')}.disabled")
        desk.now |= {"undo": "prompt, by page", "undo_steps": 1}
        page.until(f"!{button.format('undo')}.disabled")
        assert page.run(f"{button.format('undo')}.title") == "undo: prompt, by page"
        page.run("document.body.focus()")
        page.press("u", 85, text="u")
        until(lambda: desk.acted == ["undo"])
        message = "document.querySelector('header .message')"
        said = f"{message}?.innerText.includes('mix stays as OSC set it.')"
        page.until(said)
        answered.set()
        requests = "performance.getEntriesByType('resource')"
        page.until(f"{requests}.some((request) => request.name.endsWith('/actions/undo'))")
        page.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.run(said), "the answer of the click takes no news away"
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
