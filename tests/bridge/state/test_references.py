"""Reference images under any file name: saved, listed and found."""

import random
import re
import unicodedata
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.state.references import AssetError, add_file, check_name, find, names, refer, safe
from engine.images.assets import find as find_picture
from tests.support.desk import FakeDesk
from tests.support.slow_cases import rest_slow

ROOM = "ACDEFG abcdef012[](){}'!+,;=@#$%&~^äßéñøŁюжя가漢字あ🦊-_."
NAMES = [
    "fox (1).png", "[a] b.png", "über Größe.png", "naïve café.png", "狐.png", "여우.png", "🦊.png",
    "Screenshot 2026-11-29 at 8.00.00\u202fPM.png", "100% #1 & more; yes!.png", "-dash.png",
    "it's.png", "a+b=c@home.png", "x" * 116 + ".png",
]  # fmt: skip


def picture() -> bytes:
    return cv2.imencode(".png", np.full((8, 12, 3), 90, np.uint8))[1].tobytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_file_laid_into_the_folder_is_listed_and_found_however_its_name_is_typed(
    tmp_path: Path, name: str, form: str
) -> None:
    lies = unicodedata.normalize(form, name)
    try:
        (tmp_path / lies).write_bytes(picture())
    except OSError:
        pytest.skip("too long for this disk")
    (kept,) = names(tmp_path)
    assert unicodedata.normalize("NFC", kept) == unicodedata.normalize("NFC", name)
    stem = name.removesuffix(".png")
    for typed in (
        kept,
        name,
        unicodedata.normalize("NFD", name),
        stem,
        name.replace("\u202f", " "),
    ):
        found = refer(tmp_path, typed)
        assert found == kept
        assert find_picture(tmp_path, found)
        if typed != stem:
            assert find(tmp_path, typed) == tmp_path / kept


@pytest.mark.parametrize("name", rest_slow(NAMES))
def test_an_upload_keeps_its_name_and_is_shown(tmp_path: Path, name: str) -> None:
    desk = FakeDesk(tmp_path)
    with TestClient(create_app(desk, Rules()), "http://127.0.0.1") as client:
        answer = client.post(
            "/api/v1/assets",
            params={"name": unicodedata.normalize("NFD", name)[:300]},
            content=picture(),
            headers={"content-type": "image/png"},
        )
        assert answer.status_code == 201, answer.text
        kept = answer.json()["name"]
        assert kept.startswith(unicodedata.normalize("NFC", name).removesuffix(".png")[:100])
        assert len(kept.encode()) <= 120
        assert client.get("/api/v1/assets").json() == [kept]
        assert client.get(f"/api/v1/assets/{answer.json()['id']}").content
    assert refer(desk.assets, kept) == kept


def test_a_name_that_is_one_s_own_wins_over_one_that_reads_like_it(tmp_path: Path) -> None:
    for name in ("a b.png", "a\u202fb.png", "é.png", "e\u0301.png"):
        (tmp_path / name).write_bytes(picture())
    for name in names(tmp_path):
        assert refer(tmp_path, name) == name
        assert find(tmp_path, name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".hidden.png", " a.png", "../a.png", "a/b.png", "a\\b.png", "C:a.png", "a*.png",
        "a?.png", 'a".png', "a<b>.png", "a|b.png", "a\nb.png", "a\x00.png",
        "a..png", "a\u2028b.png", "gnp\u202eexe.png", "\ud83d.png", "x" * 121,
    ],
)  # fmt: skip
def test_a_name_that_some_system_takes_otherwise_is_refused_with_the_cure(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(AssetError, match=r"of at most 120 characters\.$") as refused:
        check_name(name)
    assert refused.value.status == 400
    with pytest.raises(ValueError, match="not found in the assets"):
        refer(tmp_path, name)
    with pytest.raises(AssetError):
        find(tmp_path, name)


@pytest.mark.parametrize("name", ["CON.png", "con", "lpt1.jpg", "nul", "Aux.tar.png"])
def test_a_name_of_a_device_is_refused_as_one(tmp_path: Path, name: str) -> None:
    device = f"^{re.escape(name)} is the name of a device on Windows; choose another name.$"
    with pytest.raises(AssetError, match=device) as refused:
        check_name(name)
    assert refused.value.status == 400
    with pytest.raises(ValueError, match="not found in the assets"):
        refer(tmp_path, name)


@pytest.mark.parametrize("name", ["loop.gif", "film.mp4", "scan.tiff"])
def test_a_file_that_is_no_image_we_read_is_refused_by_its_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"GIF89a")
    with pytest.raises(ValueError, match="is not an image: a reference is PNG") as told:
        refer(tmp_path, name)
    assert str(told.value).endswith(" To use a video, make it the input: --source file:PATH.")
    (tmp_path / "my fox.png").write_bytes(picture())
    with pytest.raises(ValueError, match=r"not found in the assets folder\. Did you mean my fox\?"):
        refer(tmp_path, "my fxo")


def test_any_file_given_at_the_start_gets_a_name_that_may_be_kept(tmp_path: Path) -> None:
    draw = random.Random(7)
    for _ in range(500):
        letters = draw.choices(ROOM + '/\\:*?"<>|\n\u202e', k=draw.randint(1, 150))
        check_name(safe("".join(letters) + ".png"))
    path = tmp_path / "Größe [2].png"
    path.write_bytes(picture())
    made = add_file(tmp_path / "assets", path)
    assert made["name"].startswith("Größe [2]-")
