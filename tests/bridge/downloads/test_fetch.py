"""Downloads, by the real client from a server that speaks the hub's protocol."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("huggingface_hub", reason="needs pip install 'spout-bridge[engine]'")

from bridge.downloads.downloads import Download, Downloads
from engine.catalog.artifacts import Artifact
from engine.files.library import Library
from tests.bridge.downloads.files import ARCHIVE, CONTENT, HASH, NAME, NET, SMALL, put
from tests.support.hub import Hub

pytestmark = pytest.mark.slow


def fetch(
    models: Path, *artifacts: Artifact, run: Sequence[str] = ("-m", "engine.files.download")
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


def test_a_download_brings_what_is_missing_with_sizes_first(hub: Hub, tmp_path: Path, alone: Path):
    put(tmp_path / SMALL.name, ARCHIVE)
    status, news = fetch(tmp_path, NET, SMALL)
    assert status == 0
    assert news[0]["say"] == "plan"
    assert (news[0]["files"], news[0]["todo"]) == (1, len(CONTENT))
    assert news[-1] == {"say": "done"}
    assert (tmp_path / NET.name).read_bytes() == CONTENT
    assert (tmp_path / SMALL.name).read_bytes() == ARCHIVE
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
    assert f"but {HASH} is expected; it was removed" in error_of(news)
    assert not (tmp_path / NET.name).exists()
    assert not parts(tmp_path)


def test_another_file_than_the_declared_one_is_refused_before_it_comes(hub: Hub, tmp_path: Path):
    hub.files[NAME] = b"another"
    status, news = fetch(tmp_path, NET)
    assert status == 1
    assert "not the file that this version expects" in error_of(news)
    assert hub.sent == 0


def test_a_slow_server_is_waited_for(
    hub: Hub, tmp_path: Path, alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    hub.slow = 0.3  # a piece now and then, each within the timeout, all of them beyond it
    hub.files["authors/model/small.pth"] = os.urandom(1 << 18)
    assert fetch(tmp_path, SMALL)[0] == 0


# The hub's library waits in whole seconds for an answer, and one more before each of its retries.
HASTY = """
import sys, time
from huggingface_hub import constants
import engine.files.download
constants.HF_HUB_DOWNLOAD_TIMEOUT, time.sleep = 0.3, lambda _: None
sys.exit(engine.files.download.main())
"""


def test_a_silent_server_is_not_waited_for(hub: Hub, tmp_path: Path, alone: Path) -> None:
    hub.slow = 60.0
    hub.files["authors/model/small.pth"] = os.urandom(1 << 17)
    status, news = fetch(tmp_path, SMALL, run=["-c", HASTY])
    assert status == 1
    assert "dropped the connection" in error_of(news)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"files": {}}, "File not found on the hub"),
        ({"status": 503}, "The hub answered"),
        ({"elsewhere": "http://10.0.0.1:80"}, "redirected to 10.0.0.1, which is not a hub host"),
        ({"elsewhere": "http://169.254.169.254"}, "redirected to 169.254.169.254"),
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
    assert "127.0.0.1 is unreachable" in error_of(fetch(tmp_path, NET)[1])


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
    assert said.startswith(f"The download needs 5 MB, but {small_disk} has 3 MB free")
    assert "--models" in said
    assert hub.sent == 0


def test_a_disk_that_fills_up_meanwhile_keeps_what_came(
    hub: Hub, small_disk: Path, alone: Path
) -> None:
    hub.sizes[NAME] = 2 << 20  # so it seems to fit
    nothing_spared = "import sys, engine.files.download as f; f.SPARE = 0; sys.exit(f.main())"
    status, news = fetch(small_disk, replace(NET, size=0, sha256=""), run=["-c", nothing_spared])
    assert status == 1
    assert error_of(news).startswith("The disk is full; partial data is kept")
    (part,) = parts(small_disk)
    assert part.stat().st_size > 1 << 20


# A scanner that holds what has come, and lets go after HELD seconds: what Windows would refuse.
SCANNED = """
import sys, time
from pathlib import Path
import engine.files.download, engine.system.held
engine.files.download.LET_GO, began, replace = 0.5, [], Path.replace
def held(self, target):
    began.append(began[0] if began else time.monotonic())
    if self.suffix == ".part" and time.monotonic() - began[0] < HELD:
        error = PermissionError(13, "The process cannot access the file", str(self))
        error.winerror = 32
        raise error
    return replace(self, target)
Path.replace = held
sys.exit(engine.files.download.main())
"""


def test_what_has_come_and_is_held_gets_its_name_when_it_is_let_go(
    hub: Hub, tmp_path: Path, alone: Path
) -> None:
    status, news = fetch(tmp_path, NET, run=["-c", SCANNED.replace("HELD", "60")])
    assert status == 1
    assert "is complete and correct, but another program" in error_of(news)
    assert [part.stat().st_size for part in parts(tmp_path)] == [len(CONTENT)], "it is not lost"
    hub.sent = 0
    status, news = fetch(tmp_path, NET, run=["-c", SCANNED.replace("HELD", "0.2")])
    assert (status, news[-1]) == (0, {"say": "done"})
    assert hub.sent == 0, "nothing of it is fetched twice"
    assert (tmp_path / NET.name).read_bytes() == CONTENT
    assert not parts(tmp_path)
