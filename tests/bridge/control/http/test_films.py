"""Films and pictures uploaded to be a source."""

import asyncio
import shutil
from collections import namedtuple
from itertools import count

import cv2
import numpy as np
import pytest

from bridge.control.http import films, guard
from bridge.transports import Options, open_source

URL = "/api/v1/films"
TYPE = {"content-type": "application/octet-stream"}


def picture(grey):
    image = np.full((48, 64, 3), grey, np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def sent(client, data, name):
    return client.post(URL, params={"name": name}, content=data, headers=TYPE)


@pytest.fixture
def folder(desk):
    return desk.assets / "films"


def test_what_is_uploaded_can_be_played_once_and_leaves_nothing_half(client, folder):
    for _ in range(2):
        answer = sent(client, picture(90), "my art.PNG")
        assert answer.status_code == 201, answer.text
    told = answer.json()
    assert [path.name for path in folder.iterdir()] == [told["name"]]
    assert told["name"].startswith("my art-")
    assert told["uri"] == f"file:{folder / told['name']}"
    with open_source(told["uri"], Options()) as source:
        frame = source.receive(5)
        assert frame is not None
        assert frame.image[0, 0, 0] == 90


@pytest.mark.parametrize(
    ("name", "data", "status", "said"),
    [
        ("notes.mp4", b"just words", 415, "notes.mp4"),
        ("notes.txt", b"just words", 415, "is no film or picture by its ending"),
        ("../up.png", picture(1), 400, "is not a valid asset name"),
        ("cut.png", picture(1)[:60], 415, "cut.png"),
        ("empty.mp4", b"", 415, "empty.mp4"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_sentence_and_gone(
    client, folder, name, data, status, said
):
    answer = sent(client, data, name)
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert said in detail
    assert films.NEW not in detail
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_film_never_fills_the_disk(client, folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    free = iter([films.SPARE + 10, *[films.SPARE - 1] * 9])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, next(free)))
    for data in (picture(9), iter([picture(9)])):  # with a length in advance, and without
        answer = sent(client, data, "big.png")
        assert answer.status_code == 507
        assert "make room" in answer.json()["detail"]
        assert list(folder.iterdir()) == []
    length = {**TYPE, "content-length": str(guard.FILM_LIMIT + 1)}
    answer = client.post(URL, params={"name": "a.mp4"}, content=b"", headers=length)
    assert (answer.status_code, answer.json()["detail"]) == (413, "At most 4096 MB are accepted.")


def test_a_film_takes_no_room_from_what_is_held_in_memory(client, monkeypatch):
    monkeypatch.setattr(guard, "BODIES_LIMIT", 1 << 20)
    assert sent(client, picture(5) + bytes(3 << 20), "long.png").status_code == 201


def test_the_newest_are_kept_and_what_is_in_use(client, desk, folder, monkeypatch):
    monkeypatch.setattr(films, "KEPT", 2)
    made = []
    for grey in range(5):
        told = sent(client, picture(grey), "a.png").json()
        path = folder / told["name"]
        path.touch()
        made.append(path)
        if grey == 0:
            desk.now = {**desk.now, "mask": f"{told['uri']} · 64x48"}
    assert {path for path in made if path.exists()} == {made[0], *made[2:]}


def test_who_leaves_half_way_leaves_nothing_and_lets_the_next_one_in(client, folder):
    parts = count()

    async def receive():
        if next(parts) == 0:
            return {"type": "http.request", "body": picture(7), "more_body": True}
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    async def leave():
        scope = {
            "type": "http", "method": "POST", "path": URL, "raw_path": URL.encode(),
            "query_string": b"name=a.png", "client": ("127.0.0.1", 9), "scheme": "http",
            "headers": [(b"host", b"127.0.0.1"), (b"content-length", b"9999"),
                        (b"content-type", b"application/octet-stream")],
        }  # fmt: skip
        await client.app(scope, receive, send)

    asyncio.run(leave())
    assert list(folder.iterdir()) == []
    assert sent(client, picture(7), "a.png").status_code == 201
