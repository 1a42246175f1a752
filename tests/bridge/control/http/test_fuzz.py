"""Random requests, valid by OpenAPI or not, WebSocket messages and images to a running bridge."""

import io
import os
import random
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from bridge.control.http.guard import UPLOADS
from tests.support.bridge import running

pytestmark = pytest.mark.slow
SUPPORT = Path(__file__).parents[3] / "support"
NOWHERE = "http://127.0.0.1:9"  # where no hub is


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    """At the end nothing has gone wrong that was not told to whoever asked."""
    folder = tmp_path_factory.mktemp("bridge")
    ends = ["--source", "demo:", "--sink", "null:", "--output-size", "64x48", "--size", "64x48"]
    env = {**os.environ, "HF_ENDPOINT": NOWHERE}
    with running(folder, *ends, "--name", "Fuzz", env=env) as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        yield bridge
        assert bridge.state()["black_frames"] == 0
    log = (folder / "logs" / "Fuzz.log").read_text("utf-8")
    assert "Traceback" not in log + "".join(bridge.lines)


@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(bridge, tmp_path):
    """All of its checks, in all of its phases; the same cases each time."""
    command = [
        sys.executable, "-m", "schemathesis.cli",
        "--config-file", str(SUPPORT / "schemathesis.toml"),
        "run", f"{bridge.url}/openapi.json", "--checks", "all",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "6",
        "--generation-deterministic", "--no-shrink", "--no-color",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(SUPPORT.parents[1]),
           "SCHEMATHESIS_HOOKS": "tests.support.gentle"}  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: " in done.stdout


# WebSockets


SEED = 20261130
INTERNAL = 1011  # the close code of a server's error
QUERIES = ["", "side=input", "side=output&width=64", "side=elsewhere", "width=0", "width=-1",
           "width=99999999999999999999", "width=wide", "width=1&width=2", "side=%00", "side=%FF",
           "side=input&side=output", "width=NaN", "x" * 3000, "%", "=&=&"]  # fmt: skip


def sent(rng):
    """A message that no page sends."""
    size = rng.choice([0, 1, 7, 125, 126, 70_000])
    return rng.choice([
        rng.randbytes(size),
        "".join(chr(rng.randrange(32, 0x2FFF)) for _ in range(size)),
        '{"type": "parameters", "values": {"mix": 0}}', "[" * size, "\0", "null",
    ])  # fmt: skip


def bothered(url, rng):
    """Send what nobody sends; the code with which we are left, or the status of the refusal."""
    try:
        with connect(url) as socket:
            for _ in range(4):
                socket.send(sent(rng))
            socket.send(["a", "message", "in", "parts"])
            socket.ping(ack_on_close=True).wait(10)
            socket.recv(timeout=10)
            socket.close(rng.choice([1000, 1001, 3000, 4999]))
    except InvalidStatus as error:
        return error.response.status_code
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else 0
    return 0


def test_messages_to_the_sockets_change_nothing_and_end_nobody_else(bridge):
    """Whoever sends them is listened to or left, and never by an error of ours."""
    rng = random.Random(SEED)
    at = f"{bridge.url.replace('http', 'ws')}/api/v1"
    before = bridge.ask("parameters")
    with connect(f"{at}/events") as page:
        page.recv(timeout=10)
        for query in QUERIES:
            for path in ("events", "preview", "elsewhere"):
                code = bothered(f"{at}/{path}?{query}", rng)
                assert code != INTERNAL, query
                assert not 500 <= code < 600, query
        assert bridge.ask("parameters") == before
        for _ in range(3):
            assert "values" in page.recv(timeout=10)


# Pictures


def kept(kind, width=24, height=16):
    rng = np.random.default_rng(7)
    image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
    image.save(data := io.BytesIO(), kind)
    return data.getvalue()


def archive():
    with zipfile.ZipFile(data := io.BytesIO(), "w") as file:
        file.writestr("a.png", kept("PNG"))
    return data.getvalue()


PICTURES = {kind: kept(kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "AVIF")}
OTHERS = {
    "nothing": b"", "a byte": b"\x89", "zeros": bytes(5000), "text": b"a picture of a fox",
    "gif": kept("GIF"), "tiff": kept("TIFF"), "ico": kept("ICO"), "zip": archive(),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    "html": b"<!doctype html><img src=x>", "json": b'{"image": "iVBORw0KGgo="}',
    "pdf": b"%PDF-1.4\n1 0 obj<<>>endobj trailer<<>>", "mp4": b"\0\0\0\x18ftypmp42" + bytes(99),
    "heic": b"\0\0\0\x18ftypheic" + bytes(99), "elf": b"\x7fELF" + bytes(99),
    "base64": b"data:image/png;base64,iVBORw0KGgo=", "form": b"--x\r\n\r\n\r\n--x--\r\n",
}  # fmt: skip


NO_UPLOADS = ["text/plain", "multipart/form-data; boundary=x", "application/json", "image/gif",
              "image/svg+xml", "video/mp4", "", "image/png, text/html"]  # fmt: skip


def damaged(rng, data):
    """A picture after a bad disk."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 3, 30])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    cut = rng.choice([len(data), rng.randrange(len(data)), 12])
    return bytes(data[:cut]) + rng.choice([b"", rng.randbytes(100), bytes(data)])


def uploaded(http, data, kind):
    return http.post("/api/v1/assets", params={"name": "fuzz.png"}, content=data,
                     headers={"content-type": kind})  # fmt: skip


def test_a_body_of_any_kind_is_kept_as_a_picture_or_refused_in_a_sentence(bridge):
    rng = random.Random(SEED)
    bodies = {**OTHERS, **PICTURES}
    for kind, data in PICTURES.items():
        bodies |= {f"{kind} {number}": damaged(rng, data) for number in range(30)}
    with httpx2.Client(base_url=bridge.url, timeout=60) as http:
        for name, data in bodies.items():
            answer = uploaded(http, data, rng.choice(UPLOADS))
            told = answer.json()
            if answer.status_code == 201:
                assert name not in OTHERS, name
                picture = http.get(f"/api/v1/assets/{told['id']}").content
                image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
                assert image.shape[1::-1] == (told["width"], told["height"]), name
            else:
                assert answer.status_code in (413, 415), (name, answer.text)
                assert told["detail"].endswith("."), name
                assert name not in PICTURES, (name, answer.text)
        for kind in NO_UPLOADS:
            assert uploaded(http, PICTURES["PNG"], kind).status_code == 415, kind
