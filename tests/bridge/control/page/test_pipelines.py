"""Pipelines on the page, and once a whole causal one."""

import threading

import pytest

from engine.catalog.rows import Catalog
from tests.support.page import move, until
from tests.support.rig import running_session

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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
