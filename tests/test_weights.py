"""Weights: where they lie, how they come, what is said where they are missing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="needs pip install 'spout-bridge[engine]'")

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from bridge.cli import main
from bridge.control.http_server import HttpServer
from bridge.control.osc import OscServer
from bridge.downloads import Download, Downloads
from engine.library import Library, WeightsError, lack, other_places, size_text
from engine.pipelines.catalog import BUILT_IN, Catalog
from engine.pipelines.files import Artifact
from tests.chromium import chromium
from tests.hub import Hub, running
from tests.rig import Rig, running_session, scene

CONTENT = os.urandom(5 << 20)
HASH = sha256(CONTENT).hexdigest()
NAME = "authors/model/files/net.pt"
NET = Artifact("authors/model", "files/net.pt", len(CONTENT), HASH)
SMALL = Artifact("authors/model", "small.pth")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has both files; the environment of a child points to it."""
    files = {NAME: CONTENT, "authors/model/small.pth": b"small" * 1000}
    with running(Hub(files=files)) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield found


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home in which no other program keeps weights."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "COMFYUI_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def fetch(
    models: Path, *artifacts: Artifact, run: Sequence[str] = ("-m", "engine.fetch")
) -> tuple[int, list[dict[str, Any]]]:
    order = {"models": str(models), "artifacts": [asdict(one) for one in artifacts]}
    ended = subprocess.run(
        [sys.executable, *run], input=json.dumps(order).encode(),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=60,
    )  # fmt: skip
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def error_of(news: list[dict[str, Any]]) -> str:
    return next(line["text"] for line in news if line["say"] == "error")


def parts(models: Path) -> list[Path]:
    return list(models.rglob("*.part"))


# Where files lie.


@pytest.mark.parametrize(
    ("folder", "whose"),
    [
        ("models/model/files/net.pt", "here"),
        ("home/.daydream-scope/models/model/files/net.pt", "Scope"),
        ("home/.cache/huggingface/hub/models--authors--model/snapshots/0123/files/net.pt",
         "the hub's cache"),
        ("home/ComfyUI/models/diffusion_models/net.pt", "ComfyUI"),
        ("home/ComfyUI/models/vae/wan/net.pt", "ComfyUI"),
        ("named/model/files/net.pt", "named by you"),
        ("named/text_encoders/net.pt", "named by you"),
    ],
)  # fmt: skip
def test_a_file_is_found_where_any_program_keeps_it(
    tmp_path: Path, alone: Path, folder: str, whose: str
) -> None:
    path = put(tmp_path / folder)
    found = Library(tmp_path / "models", [tmp_path / "named"]).find(NET)
    assert found
    assert (found.path, found.whose) == (path, whose)


def test_our_own_folder_comes_first_and_another_size_is_another_file(
    tmp_path: Path, alone: Path
) -> None:
    put(alone / ".daydream-scope/models/model/files/net.pt")
    library = Library(tmp_path / "models")
    cut = put(library.home(NET), CONTENT[:1000])
    found = library.find(NET)
    assert found
    assert found.whose == "Scope"
    (alone / ".daydream-scope/models/model/files/net.pt").unlink()
    said = str(lack(library, "longlive", [NET]))
    assert f"{cut} is cut short: 1000 of {len(CONTENT)} bytes" in said
    put(cut)
    found = library.find(NET)
    assert found
    assert found.whose == "here"


def test_the_folders_of_others_can_be_named_in_the_environment(tmp_path: Path) -> None:
    for name in ("scope", "hub", "comfy/models"):
        (tmp_path / name).mkdir(parents=True)
    environment = {
        "DAYDREAM_SCOPE_MODELS_DIR": str(tmp_path / "scope"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "COMFYUI_PATH": str(tmp_path / "comfy"),
    }
    found = {place.whose: place.folder for place in other_places(environment)}
    assert found["Scope"] == tmp_path / "scope"
    assert found["the hub's cache"] == tmp_path / "hub"
    assert found["ComfyUI"] == tmp_path / "comfy/models"


def test_what_is_missing_is_said_with_size_room_and_cure(tmp_path: Path, alone: Path) -> None:
    found = lack(Library(tmp_path), "longlive", [NET, SMALL])
    assert found
    assert found.files == (NET, SMALL)
    text = str(found)
    assert text.startswith(f"longlive lacks 2 files of about {size_text(NET.size)} (")
    assert "files/net.pt of authors/model" in text
    assert "`spout-bridge models download longlive`" in text
    put(tmp_path / NET.name)
    put(tmp_path / SMALL.name)
    assert lack(Library(tmp_path), "longlive", [NET, SMALL]) is None


# Whether a file is the one that was declared.


def test_a_flipped_bit_is_noticed_by_the_declared_and_by_the_recorded_hash(tmp_path: Path) -> None:
    library = Library(tmp_path)
    flipped = bytearray(CONTENT)
    flipped[1 << 20] ^= 4
    path = put(tmp_path / NET.name, bytes(flipped))
    with pytest.raises(WeightsError, match=f"SHA-256 is .* where {HASH} is expected"):
        library.check(NET, path)
    known = put(tmp_path / SMALL.name)
    assert library.check(SMALL, known) == HASH  # nobody declared it: recorded
    stamp = known.stat()
    put(known, bytes(flipped))
    os.utime(known, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a disk does it
    with pytest.raises(WeightsError, match=f"where {HASH} is expected"):
        library.check(SMALL, known, anew=True)


def test_a_file_that_somebody_replaced_is_theirs_one_that_was_downloaded_is_not(
    tmp_path: Path,
) -> None:
    library = Library(tmp_path)
    path = put(tmp_path / SMALL.name, b"one")
    library.check(SMALL, path)
    put(path, b"another")
    library.check(SMALL, path)
    library.record(path, sha256(b"another").hexdigest(), came=True)
    put(path, b"a third")
    with pytest.raises(WeightsError, match="remove it and download it again"):
        library.check(SMALL, path)


def test_a_file_is_read_once_and_again_only_when_it_changed(tmp_path: Path) -> None:
    library = Library(tmp_path)
    path = put(tmp_path / NET.name)
    read: list[float] = []
    note: Callable[[float, float], None] = lambda done, whole: read.append(done)  # noqa: E731
    library.check(NET, path, note)
    assert read
    read.clear()
    Library(tmp_path).check(NET, path, note)
    assert not read
    os.utime(path, ns=(1, 1))
    library.check(NET, path, note)
    assert read
    read.clear()
    library.check(NET, path, note, anew=True)
    assert read


def test_a_spoilt_record_costs_another_look_and_nothing_else(tmp_path: Path) -> None:
    path = put(tmp_path / NET.name)
    (tmp_path / "hashes.json").write_text("[]")
    assert Library(tmp_path).check(NET, path) == HASH
    (tmp_path / "hashes.json").write_text("{broken")
    assert Library(tmp_path).check(NET, path) == HASH


# Downloads, by the real client from a server that speaks the hub's protocol.


def test_a_download_brings_what_is_missing_with_sizes_first(hub: Hub, tmp_path: Path, alone: Path):
    put(tmp_path / SMALL.name, b"mine")
    status, news = fetch(tmp_path, NET, SMALL)
    assert status == 0
    assert news[0]["say"] == "plan"
    assert (news[0]["files"], news[0]["todo"]) == (1, len(CONTENT))
    assert news[-1] == {"say": "done"}
    assert (tmp_path / NET.name).read_bytes() == CONTENT
    assert (tmp_path / SMALL.name).read_bytes() == b"mine"
    told = [line["sum"] for line in news if line["say"] == "progress"]
    assert told == sorted(told)
    assert len(told) >= 5  # a line each megabyte
    assert told[-1] == len(CONTENT)
    assert not parts(tmp_path)
    read: list[float] = []
    Library(tmp_path).check(NET, tmp_path / NET.name, lambda done, whole: read.append(done))
    assert not read  # the download recorded the hash


def test_a_connection_that_breaks_goes_on_where_it_broke(hub: Hub, tmp_path: Path, alone: Path):
    hub.broken = 2 << 20, 1
    status, _ = fetch(tmp_path, NET)
    assert status == 0
    assert (tmp_path / NET.name).read_bytes() == CONTENT
    assert hub.sent < len(CONTENT) + (1 << 20)


def test_one_that_is_killed_goes_on_at_the_next_start(hub: Hub, tmp_path: Path, alone: Path):
    hub.slow = 0.02
    downloads = Downloads(tmp_path)
    downloads.start("longlive", [NET])
    deadline = time.perf_counter() + 20
    while downloads.now.done < 2 << 20 and time.perf_counter() < deadline:
        time.sleep(0.01)
    downloads.cancel()
    downloads.join(10)
    assert downloads.now == Download(
        "longlive", NET.name, downloads.now.done, len(CONTENT), downloads.now.free,
        error="The download was cancelled.",
    )  # fmt: skip
    (part,) = parts(tmp_path)
    kept = part.stat().st_size
    assert kept >= 1 << 20
    assert part.read_bytes() == CONTENT[:kept]
    hub.slow, hub.sent = 0.0, 0
    status, news = fetch(tmp_path, NET)
    assert status == 0
    assert news[0]["todo"] == len(CONTENT) - kept
    assert hub.sent < len(CONTENT) - kept + (1 << 18)  # the killed one's last pieces, no more
    assert f"bytes={kept}-" in [asked[2] for asked in hub.asked]
    assert (tmp_path / NET.name).read_bytes() == CONTENT


def test_a_part_of_another_content_is_not_gone_on_with(hub: Hub, tmp_path: Path, alone: Path):
    old = put(tmp_path / f"{NET.name}.0123456789ab.part", b"old" * 1000)
    assert fetch(tmp_path, NET)[0] == 0
    assert not old.exists()
    assert (tmp_path / NET.name).read_bytes() == CONTENT


def test_a_server_without_ranges_gives_all_of_it_anew(hub: Hub, tmp_path: Path, alone: Path):
    put(tmp_path / f"{NET.name}.{HASH[:12]}.part", CONTENT[:100_000])
    hub.ranges = False
    assert fetch(tmp_path, NET)[0] == 0
    assert (tmp_path / NET.name).read_bytes() == CONTENT


def test_a_wrong_hash_is_removed_and_said(hub: Hub, tmp_path: Path, alone: Path) -> None:
    hub.files[NAME] = bytes(len(CONTENT))
    hub.tags[NAME] = HASH
    status, news = fetch(tmp_path, NET)
    assert status == 1
    assert f"where {HASH} is expected; it was removed" in error_of(news)
    assert not (tmp_path / NET.name).exists()
    assert not parts(tmp_path)


def test_another_file_than_the_declared_one_is_refused_before_it_comes(hub: Hub, tmp_path: Path):
    hub.files[NAME] = b"another"
    status, news = fetch(tmp_path, NET)
    assert status == 1
    assert "another file than the one that this version knows" in error_of(news)
    assert hub.sent == 0


def test_a_slow_server_is_waited_for(hub: Hub, tmp_path: Path, alone: Path) -> None:
    hub.slow = 0.3  # a piece now and then, each within the timeout
    hub.files["authors/model/small.pth"] = os.urandom(1 << 18)
    assert fetch(tmp_path, SMALL)[0] == 0


@pytest.mark.slow
def test_a_silent_server_is_not_waited_for(hub: Hub, tmp_path: Path, alone: Path) -> None:
    hub.slow = 3.0
    hub.files["authors/model/small.pth"] = os.urandom(1 << 17)
    status, news = fetch(tmp_path, SMALL)
    assert status == 1
    assert "broke off" in error_of(news)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"files": {}}, "no such file any more"),
        ({"status": 503}, "The hub answers"),
        ({"elsewhere": "http://10.0.0.1:80"}, "sent to 10.0.0.1, which is not the hub's"),
        ({"elsewhere": "http://169.254.169.254"}, "sent to 169.254.169.254"),
    ],
)
def test_what_the_hub_does_wrong_is_one_sentence(
    hub: Hub, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    for name, value in wrong.items():
        setattr(hub, name, value)
    status, news = fetch(tmp_path, NET)
    assert status == 1
    assert words in error_of(news)
    assert not (tmp_path / NET.name).exists()


def test_offline_and_unreachable_are_told_apart(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "Offline (HF_HUB_OFFLINE is set)" in error_of(fetch(tmp_path, NET)[1])
    assert not hub.asked
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "127.0.0.1 cannot be reached" in error_of(fetch(tmp_path, NET)[1])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, check=False).returncode:
        pytest.skip("nobody may mount a small disk here: run as root on Linux")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_too_little_room_is_said_before_the_first_byte(hub: Hub, small_disk: Path) -> None:
    status, news = fetch(small_disk / "models", NET)
    assert status == 1
    said = error_of(news)
    assert said.startswith(f"The download takes 5 MB and {small_disk} has 3 MB free")
    assert "--models" in said
    assert hub.sent == 0


def test_a_disk_that_fills_up_meanwhile_keeps_what_came(
    hub: Hub, small_disk: Path, alone: Path
) -> None:
    hub.sizes[NAME] = 2 << 20  # so it seems to fit
    nothing_spared = "import sys, engine.fetch as f; f.SPARE = 0; sys.exit(f.main())"
    status, news = fetch(small_disk, replace(NET, size=0, sha256=""), run=["-c", nothing_spared])
    assert status == 1
    assert error_of(news).startswith("The disk is full; what has come is kept")
    (part,) = parts(small_disk)
    assert part.stat().st_size > 1 << 20


# What a pipeline without its files answers, everywhere.


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


PASSTHROUGH = next(row for row in BUILT_IN if row.id == "passthrough")


def _needs(load: object) -> dict[str, Artifact]:
    return {"network": NET}


NEEDY = replace(PASSTHROUGH, id="needy", title="Needs files", needs=_needs)
ROWS = Catalog((PASSTHROUGH, NEEDY))


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
        assert answer["detail"].startswith("needy lacks 1 file of about 5 MB (")
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
        rig.until(lambda: rig.session.status().error.startswith("needy lacks 1 file"))
        assert rig.session.status().state == "IDLE"
        assert rig.session.status().worker == 0
        assert request(f"{api}/models/download", {"pipeline": "needy"})[0] == 202
        rig.until(lambda: rig.session.status().state == "DOWNLOADING")
        rig.running("needy")
        assert rig.session.status().error == ""


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


# The command.


@pytest.fixture
def needy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation whose pipelines are passthrough and one that needs a file."""
    monkeypatch.setattr(Catalog, "installed", classmethod(lambda cls: ROWS))


def command(
    capsys: pytest.CaptureFixture[str], *words: object, folder: Path
) -> tuple[int | str | None, str]:
    with pytest.raises(SystemExit) as ended:
        main(["models", *map(str, words), "--folder", str(folder)])
    said = capsys.readouterr()
    return ended.value.code, said.out + said.err


def test_the_command_lists_downloads_finds_and_copies(
    hub: Hub, needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, stick = tmp_path / "data", tmp_path / "stick"
    status, said = command(capsys, "list", folder=home)
    assert status == 0
    assert "needy: 5 MB, 5 MB missing" in said
    assert f"Models folder: {home / 'models'} (" in said
    status, said = command(capsys, "where", "needy", folder=home)
    assert (status, said) == (1, f"missing: {home / 'models' / NET.name}\n")
    assert command(capsys, "copy", "needy", "--to", stick, folder=home)[0] == 1
    status, said = command(capsys, "download", "needy", "--yes", folder=home)
    assert status == 0
    assert f"{NET.name}  5 MB  {NET.terms}" in said
    assert "at 100 Mbit/s" in said
    assert said.endswith("Everything is here.\n")
    status, said = command(capsys, "where", "needy", folder=home)
    assert (status, said) == (0, f"{home / 'models' / NET.name}\n")
    assert command(capsys, "copy", "needy", "--to", stick, folder=home)[0] == 0
    assert (stick / NET.name).read_bytes() == CONTENT
    command(capsys, "download", "needy", "--models", stick, folder=tmp_path / "else")
    assert command(capsys, "where", "needy", "--more-models", stick, folder=tmp_path / "else") == (
        0, f"{stick / NET.name}\n",
    )  # fmt: skip


def test_a_spoilt_file_is_not_copied(
    hub: Hub, needy: None, tmp_path: Path, alone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path / "models" / NET.name, bytes(len(CONTENT)))
    status, said = command(capsys, "copy", "needy", "--to", tmp_path / "stick", folder=tmp_path)
    assert status == 1
    assert "is not the file that it was" in said
    assert not list((tmp_path / "stick").rglob("net.pt*"))


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["download"], "download takes the pipelines to get, such as longlive."),
        (["list", "none"], "There is no pipeline 'none'"),
        (["download", "passthrough"], "passthrough takes no weights: it runs as it is."),
        (["copy", "needy"], "copy takes --to FOLDER."),
    ],
)
def test_a_wrong_command_is_one_sentence(
    needy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], answer: str
) -> None:
    status, said = command(capsys, *words, folder=tmp_path)
    assert status == 1
    assert answer in said


def test_what_the_real_pipelines_need_is_declared_in_full() -> None:
    for row in BUILT_IN:
        for artifact in row.needs(row.load()).values():
            assert artifact.size > 0
            assert len(artifact.sha256) in (0, 64)
            assert artifact.terms
