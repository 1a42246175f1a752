"""What a show does with an engine elsewhere, and what happens to both: files, guides, switches,
cuts, suspensions, deaths.
"""

import json
import os
import signal
import struct
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from tests.support.bridge import running
from tests.support.certificates import Authority
from tests.support.echo import corners_of, installed
from tests.support.line import Line
from tests.support.staged import WAIT, served, staged
from tests.support.tunnel import tunnel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the foreign reader reads /dev/shm"),
]


def picture(path: Path, grey: int, noise: int = 0) -> int:
    """Write a picture, with so many lines of noise, and return its bytes."""
    image = np.full((64 + noise, 64 + noise, 3), grey, np.uint8)
    if noise:
        image[:] = np.random.default_rng(1).integers(0, 256, image.shape, np.uint8)
    assert cv2.imwrite(str(path), image)
    return path.stat().st_size


def lora(path: Path) -> int:
    """Write a LoRA, and return its bytes."""
    tensor = {"dtype": "F16", "shape": [4, 100_000], "data_offsets": [0, 800_000]}
    head = json.dumps({"blocks.0.self_attn.q.lora_down.weight": tensor}).encode()
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(800_000))
    return path.stat().st_size


def corners(stage, *wanted: int) -> None:
    """Wait until the output tells of this reference, control and mask."""
    end = time.perf_counter() + WAIT
    while not np.allclose(
        now := corners_of(stage.output.newest().image)[: len(wanted)], wanted, 0, 6
    ):
        assert time.perf_counter() < end, (now, wanted, stage.bridge.state())
        time.sleep(0.01)


def told(server, true) -> None:
    """Wait until this holds of the server's sessions."""
    end = time.perf_counter() + WAIT
    while not true(server.sessions):
        assert time.perf_counter() < end, server.sessions
        time.sleep(0.05)


def test_references_loras_guides_and_switches_there(tmp_path):
    assets = tmp_path / "bridge" / "assets"
    assets.mkdir(parents=True)
    picture(assets / "a.png", 200)
    size = picture(assets / "large.png", 0, noise=760)
    weights = lora(tmp_path / "bridge" / "models" / "loras" / "my lora (v2).safetensors")
    for name, grey in (("control.png", 90), ("mask.png", 255)):
        picture(tmp_path / name, grey)
    guides = (
        "--control",
        f"file:{tmp_path / 'control.png'}",
        "--mask",
        f"file:{tmp_path / 'mask.png'}",
    )
    with (
        served(tmp_path) as server,
        Line(to=server.port) as line,
        staged(tmp_path, f"ws://127.0.0.1:{line.port}", *guides, pipeline="echo-more") as stage,
    ):
        bridge = stage.bridge
        stage.runs("echo-more")
        corners(stage, 0, 90, 255)
        stage.set(picture="a.png")
        corners(stage, 200)
        picture(assets / "a.png", 100)  # by a program that knows nothing of us
        corners(stage, 100)
        before = line.set(rate=8000)["up"]
        stage.set(picture="large.png")
        stage.set(mark=200)
        stage.shows(200)
        corners(stage, 100)  # the values do not wait for what takes seconds
        line.set(drop=True)
        corners(stage, 127)
        assert line.set(rate=0)["up"] - before < 1.5 * size, "it went on where it was"
        (assets / "huge.png").write_bytes(bytes(26 << 20))
        stage.set(picture="huge.png", mark=60)
        told_of = bridge.until(lambda told: told["reason"], WAIT)
        assert told_of["reason"].startswith("'huge.png' cannot be used on the server: it is larger")
        stage.shows(60)
        stage.set(picture="a.png", file="my lora (v2).safetensors")
        bridge.ask("actions/reload", {}, "POST")
        bridge.until(lambda told: told["report"].get("lora") == weights, WAIT)
        corners(stage, 100, 90, 255)
        bridge.until(lambda told: not told["reason"], WAIT)
        worker = bridge.state()["worker"]
        bridge.ask("pipeline", {"pipeline": "echo-most"})  # of one family: in the same worker
        stage.runs("echo-most")
        stage.set(broken=True)
        bridge.ask("pipeline", {"pipeline": "echo-more"})
        bridge.until(lambda told: "echo-more could not be loaded: This one" in told["error"], WAIT)
        stage.set(broken=False, mark=200)
        stage.shows(200)
        assert (bridge.state()["pipeline"], bridge.state()["worker"]) == ("echo-most", worker)
        server.process.send_signal(signal.SIGSTOP)
        bridge.ask("pipeline", {"pipeline": "echo-more"})
        time.sleep(0.3)
        server.kill()  # with the switch, which the next one has not heard of
        with served(tmp_path, port=server.port):
            stage.runs("echo-more")
            stage.set(mark=100)
            stage.shows(100)
            now = bridge.state()
            assert (now["worker"], now["loading"], now["restarts"]) == (worker, "", 0)
            bridge.ask("pipeline", {"pipeline": "echo-most"})
            stage.runs("echo-most")
            stage.set(size="333x251")
            bridge.until(lambda told: told["engine_size"] == "320x240", WAIT)
        assert stage.seen.read().black == 0


def test_cuts_suspensions_and_deaths_leave_nothing_behind(tmp_path):
    with (
        served(tmp_path) as server,
        Line(to=server.port) as line,
        staged(
            tmp_path, f"ws://127.0.0.1:{line.port}", "--engine-coding", "raw", "--alpha", "input"
        ) as stage,
    ):
        stage.runs()
        worker = stage.bridge.state()["worker"]
        processes = [
            psutil.Process(pid) for pid in (stage.bridge.process.pid, worker, server.process.pid)
        ]

        def cut(mark: int) -> list[int]:
            line.set(drop=True)
            stage.set(mark=mark)
            stage.shows(mark)
            return [one.num_fds() + one.num_threads() for one in processes]

        before = [cut(100), cut(140)][1]
        after = [cut(mark) for mark in (100, 140, 100, 140)][-1]
        assert all(now <= then + 2 for now, then in zip(after, before, strict=True)), (
            before,
            after,
        )
        server.process.send_signal(signal.SIGSTOP)
        stage.bridge.until(lambda told: told["state"] == "RECONNECTING", WAIT)
        server.process.send_signal(signal.SIGCONT)
        stage.set(mark=60)
        stage.shows(60)
        os.kill(worker, signal.SIGSTOP)  # the relay, for longer than a line is silent
        told(server, lambda sessions: not sessions[0]["connected"])
        os.kill(worker, signal.SIGCONT)
        stage.set(mark=200)
        stage.shows(200)
        assert stage.bridge.state()["restarts"] == 0
        (engine,) = processes[2].children()
        engine.kill()
        now = stage.bridge.until(lambda told: told["restarts"] == 1, WAIT)
        assert now["error"] == f"On 127.0.0.1:{line.port}: The engine worker was killed by SIGKILL."
        stage.set(mark=100)
        stage.shows(100)
        told(server, lambda sessions: len(sessions) == 1)
        assert stage.seen.read().black == 0


def test_bridges_share_a_server_and_text_mode_does_not_run_ahead(tmp_path):
    with served(tmp_path, "--sessions", "1") as server:
        url = f"ws://127.0.0.1:{server.port}"
        more = "--engine-coding", "jpeg", "--set", "frames=4", "--output-fps", "30"
        with (
            staged(tmp_path, url, *more, pipeline="echo-text") as stage,
            running(
                tmp_path / "other", "--name", f"Xother{os.getpid()}", "--pipeline", "echo",
                "--source", "pattern:", "--engine", url, env=installed(tmp_path / "plug-ins"),
            ) as other,
        ):  # fmt: skip
            stage.runs("echo-text")
            now = other.until(lambda told: "places" in told["reason"], WAIT)
            assert (
                f"The engine on 127.0.0.1:{server.port} cannot be used: All 1 places"
                in now["reason"]
            )
            assert now["restarts"] == 0
            made, began = stage.bridge.state()["report"]["made"], time.perf_counter()
            time.sleep(1.5)
            rate = (stage.bridge.state()["report"]["made"] - made) / (time.perf_counter() - began)
            assert 25 <= rate <= 40, "4 in a moment, and yet hardly more than are shown"
            assert stage.bridge.state()["frames_new"] > 30
            stage.bridge.process.kill()  # it does not say goodbye: its engine is kept for it
            told(server, lambda sessions: [each["pipeline"] for each in sessions] == ["echo"])
            other.until(lambda told: told["state"] == "RUNNING" and told["frames_new"], WAIT)


def test_by_a_companys_proxy_and_the_fallback_while_the_line_is_lost(tmp_path, monkeypatch):
    """Both the line and the questions about the machine: nobody else knows engine.invalid."""
    authority, token = Authority(tmp_path), "0123456789abcdef-0123456789abcdef"
    certificate = authority.certificate(also="engine.invalid")
    picture(tmp_path / "film.png", 250)
    with (
        tunnel() as proxy,
        served(
            tmp_path,
            "--allow-host",
            "engine.invalid",
            "--token",
            token,
            "--tls-cert",
            certificate.path,
            "--tls-key",
            certificate.key,
        ) as server,
    ):
        for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", proxy.url)
        place = f"engine.invalid:{server.port}"
        with staged(
            tmp_path, f"wss://{place}", "--engine-token", token, "--engine-ca", authority.path,
            "--fallback", f"file:{tmp_path / 'film.png'}", "--set", "hold_s=0.5",
        ) as stage:  # fmt: skip
            stage.runs()
            assert stage.bridge.state()["device"] == f"CPU on {place}"
            assert proxy.asked == {place}
            assert stage.bridge.ask("models")["pipelines"], "as it answers by the same way"
            proxy.cut = True
            stage.shows(250)
            told = stage.bridge.state()
            assert (told["state"], told["shown"]) == ("RECONNECTING", "fallback")
            proxy.cut = False
            stage.shows(60)
            stage.bridge.until(lambda told: told["shown"] == "new", WAIT)
            assert stage.seen.read().black == 0
