"""Sources and references on the page."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bridge.state.references import add
from bridge.transports import Offer
from tests.support.page import dragged, drop, sending, thumbnails, tile, typed, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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


def test_a_film_is_dropped_chosen_uploaded_and_becomes_the_source(opened):
    data = cv2.imencode(".png", np.full((20, 20, 3), 90, np.uint8))[1].tobytes()
    said = "document.querySelector('#sources .message')?.innerText ?? ''"
    idle = "!document.querySelector('#sources progress').checkVisibility()"
    with opened([]) as (desk, page):
        page.size(390, 900)
        drop(page, dragged(data, "my: film.png"))
        page.until(idle)
        kept = Path(desk.attached.pop().removeprefix("file:"))
        assert kept.parent == desk.assets / "films"
        assert kept.name.startswith("my_ film-")
        page.run("document.querySelector('[data-role=mask]').click()")
        page.run(f"""(() => {{
          const carried = new DataTransfer();
          {dragged(data, "cut.png")};
          const field = document.querySelector("#sources input[type=file]");
          field.files = carried.files;
          field.dispatchEvent(new Event("change"));
        }})()""")
        page.until(idle)
        role, uri = desk.attached.pop()
        assert (role, "cut-" in uri) == ("mask", True)
        drop(page, dragged(b"just words", "broken.mp4"))
        page.until(f"({said}).includes('broken.mp4')")
        assert page.run(idle)
        assert page.run("document.documentElement.scrollWidth") <= 390
        page.press("k", 75, text="k")
        page.until("document.querySelector('main').inert")
        drop(page, dragged(data, "late.png"))
        assert desk.attached == []
        assert len(list(kept.parent.iterdir())) == 2


def test_an_upload_can_be_cancelled(opened):
    with opened([]) as (desk, page):
        drop(page, "carried.items.add(new File([new Uint8Array(6e7)], 'long.mp4'))")
        stop = """[...document.querySelectorAll('#sources button')]
            .find((e) => e.innerText === 'cancel' && e.checkVisibility())"""
        page.run(f"{stop}.click()")
        page.until(f"!({stop})")
        folder = desk.assets / "films"
        until(lambda: not folder.exists() or not list(folder.iterdir()))
        assert desk.attached == []


def test_a_dropped_path_is_opened_where_it_is(opened):
    with opened([]) as (desk, page):
        for uri in ("file:///shows/a%20b.mp4", "/shows/a b.mp4"):
            kind = "text/uri-list" if ":" in uri else "text/plain"
            drop(page, f"carried.setData('{kind}', '{uri}')")
            until(lambda: desk.attached and desk.attached.pop() == "file:/shows/a b.mp4")
