"""What REST, OSC and the page answer for a pipeline whose files are missing."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="needs pip install 'spout-bridge[engine]'")

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.control.http.server import HttpServer
from bridge.control.osc.server import OscServer
from engine.catalog.rows import BUILT_IN, Catalog
from tests.bridge.downloads.files import CONTENT, NEEDY, NET, ROWS, put
from tests.support.chromium import chromium
from tests.support.hub import Hub
from tests.support.rig import Rig, running_session, scene

pytestmark = pytest.mark.slow


class Asker:
    """A program that speaks OSC: it sends, and keeps what it hears."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def to(self, port: int) -> None:
        self._bridge = port

    def send(self, address: str, *arguments: str) -> None:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        self._socket.sendto(builder.build().dgram, ("127.0.0.1", self._bridge))

    def heard(self, address: str, wanted: Callable[[Any], bool], timeout: float = 20) -> None:
        end = time.perf_counter() + timeout
        seen: list[Any] = []
        while time.perf_counter() < end:
            try:
                message = OscMessage(self._socket.recv(65536))
            except TimeoutError:
                continue
            if message.address == address:
                seen.append(message.params[0])
                if wanted(message.params[0]):
                    return
        raise AssertionError(f"{address} did not come as wanted: {seen}")


@contextmanager
def surfaces(folder: Path, pipeline: str) -> Generator[tuple[Rig, str, Asker]]:
    """A session with its page and its OSC; the page's address, and a program that speaks OSC."""
    with Asker() as asker, running_session(
        folder, ROWS, pipeline=pipeline, models=folder / "models",
        osc_feedback=f"127.0.0.1:{asker.port}", port=0,
    ) as rig:  # fmt: skip
        http = HttpServer(rig.session, rig.session.settings)
        http.bind()
        osc = OscServer(rig.session, rig.session.settings)
        osc.bind(0)
        osc.start()
        http.start()
        asker.to(osc.port)
        try:
            yield rig, f"http://127.0.0.1:{http.port}/api/v1", asker
        finally:
            osc.close()
            http.close()


def request(url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_rest_and_osc_answer_with_size_and_cure_and_download(
    hub: Hub, tmp_path: Path, alone: Path
) -> None:
    hub.slow = 0.01
    with surfaces(tmp_path, "passthrough") as (rig, api, asker):
        rig.put(scene(64, 48))
        rig.running("passthrough")
        status, answer = request(f"{api}/pipeline", {"pipeline": "needy"})
        assert status == 409
        assert answer["detail"].startswith("needy is missing 1 file of about 5 MB (")
        asker.send("/bridge/pipeline", "needy")
        asker.heard("/bridge/error", lambda text: "spout-bridge models download needy" in text)
        assert rig.session.status().pipeline == "passthrough"
        _, listing = request(f"{api}/models")
        (entry,) = listing["pipelines"]
        assert (entry["missing"], entry["lacks"]) == (NET.size, [NET.file])
        assert entry["files"][0]["licence"] == NET.terms
        assert listing["free"] > 0
        assert request(f"{api}/models/download", {"pipeline": "passthrough"})[0] == 409
        assert request(f"{api}/models/download", {"pipeline": "none"})[0] == 404

        asker.send("/bridge/download", "needy")
        asker.heard("/bridge/state/download", lambda text: "downloading model/files/net.pt" in text)
        asker.heard("/bridge/state/download_progress", lambda part: 0 < part < 1)
        assert request(f"{api}/models/download", {"pipeline": "needy"})[0] == 409  # one runs
        rig.until(lambda: not rig.session.weights.now.running)
        assert rig.session.status().error == ""
        assert rig.session.status().pipeline == "passthrough"  # a show is not changed by itself
        assert request(f"{api}/pipeline", {"pipeline": "needy"})[0] == 202
        rig.running("needy")
        assert request(f"{api}/models")[1]["pipelines"][0]["missing"] == 0


def test_a_download_can_be_cancelled_and_says_so(hub: Hub, tmp_path: Path, alone: Path) -> None:
    hub.slow = 0.05
    with surfaces(tmp_path, "passthrough") as (rig, api, asker):
        assert request(f"{api}/models/download", {"pipeline": "needy"})[0] == 202
        rig.until(lambda: rig.session.weights.now.done > 0)
        asker.send("/bridge/download/cancel")
        asker.heard("/bridge/state/download", lambda text: text == "The download was cancelled.")
        assert request(f"{api}/models")[1]["download"]["pipeline"] == ""


def test_a_start_without_files_waits_for_them_and_then_runs(
    hub: Hub, tmp_path: Path, alone: Path
) -> None:
    hub.slow = 0.01
    with surfaces(tmp_path, "needy") as (rig, api, _):
        rig.put(scene(64, 48))
        rig.until(lambda: rig.session.status().error.startswith("needy is missing 1 file"))
        assert rig.session.status().state == "IDLE"
        assert rig.session.status().worker == 0
        assert request(f"{api}/actions/reload", {})[0] == 409
        assert request(f"{api}/models/download", {"pipeline": "needy"})[0] == 202
        rig.until(lambda: rig.session.status().state == "DOWNLOADING")
        rig.running("needy")
        assert rig.session.status().error == ""


def test_files_that_are_put_there_by_hand_are_taken_at_a_reload(
    tmp_path: Path, alone: Path
) -> None:
    with surfaces(tmp_path, "needy") as (rig, _, asker):
        rig.put(scene(64, 48))
        rig.until(lambda: rig.session.status().error.startswith("needy is missing 1 file"))
        asker.send("/bridge/reload")
        asker.heard("/bridge/error", lambda text: "needy is missing 1 file" in text)
        put(tmp_path / "models" / NET.name)
        asker.send("/bridge/reload")
        rig.running("needy")
        assert rig.session.status().error == ""


@pytest.mark.parametrize(
    ("fallback", "shown"), [("hold", "stylize"), ("passthrough", "passthrough")]
)
def test_what_was_asked_for_at_the_start_is_stood_in_for_until_its_files_come(
    tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch, fallback: str, shown: str
) -> None:
    monkeypatch.setattr("bridge.state.awaited.GLANCE", 0.2)
    catalog = Catalog((*BUILT_IN, NEEDY))
    with running_session(
        tmp_path, catalog, pipeline="needy", models=tmp_path / "models", fallback=fallback
    ) as rig:
        stop = rig.steady_input()
        rig.running(shown)
        status = rig.session.status()
        assert status.pipeline_asked == "needy"
        assert status.error.startswith("needy is missing 1 file")
        assert f"Until then {shown} is shown" in status.error
        journal = tmp_path / f"{rig.name}.journal.json"
        rig.until(lambda: journal.exists() and '"needy"' in journal.read_text())
        put(tmp_path / "models" / NET.name)
        rig.running("needy")
        assert rig.session.status().pipeline_asked == ""
        assert rig.session.status().error == ""
        stop()


def test_another_wish_ends_the_waiting_for_files(tmp_path: Path, alone: Path) -> None:
    catalog = Catalog((*BUILT_IN, NEEDY))
    with running_session(tmp_path, catalog, pipeline="needy", models=tmp_path / "models") as rig:
        stop = rig.steady_input()
        rig.running("stylize")
        rig.session.switch("passthrough")
        rig.running("passthrough")
        assert rig.session.status().pipeline_asked == ""
        assert rig.session.status().error == ""
        stop()


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_offers_the_download_and_shows_it(hub: Hub, tmp_path: Path, alone: Path) -> None:
    hub.slow = 0.02
    with surfaces(tmp_path, "passthrough") as (rig, api, _), chromium(tmp_path) as page:
        rig.put(scene(64, 48))
        page.go(api.removesuffix("/api/v1") + "/")
        page.until("document.querySelector('#weights summary')?.textContent.includes('needy')")
        page.run("document.querySelector('#weights summary').click()")
        assert "needy: 5 MB in 1 file" in page.run("document.querySelector('#weights').textContent")
        page.run("document.querySelector('#weights .row button').click()")
        page.until("document.querySelector('#weights progress')?.value > 0.2")
        assert "downloading model/files/net.pt" in page.run(
            "document.querySelector('#weights .how').textContent"
        )
        page.screenshot(tmp_path / "download.png")
        page.until("document.querySelector('#weights').hidden", 30)
        assert (tmp_path / "models" / NET.name).read_bytes() == CONTENT
