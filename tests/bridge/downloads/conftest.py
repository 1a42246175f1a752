"""A hub with two files, and a home folder in which no other program keeps weights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.downloads.files import CONTENT, NAME
from tests.support.hub import Hub, running


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has both files; the environment of a child points to it."""
    files = {NAME: CONTENT, "authors/model/small.pth": b"small" * 1000}
    with running(Hub(files=files)) as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "30")
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
