"""A bridge whose engine is elsewhere: through a bad line, with a foreign reader watching."""

import os
import shutil
import signal
import sys
import time

import psutil
import pytest

from bridge.doctor.elsewhere import engines
from bridge.settings import Settings
from tests.bridge.state.test_alarm import listening
from tests.support.bridge import running
from tests.support.certificates import Authority
from tests.support.echo import installed
from tests.support.line import Line
from tests.support.staged import WAIT, served, staged

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the foreign reader reads /dev/shm"),
]


def test_frames_and_values_go_there_and_back_and_nothing_stays(tmp_path):
    with served(tmp_path) as server:

        def until(sessions: int) -> None:
            end = time.perf_counter() + WAIT
            while len(server.sessions) > sessions:
                assert time.perf_counter() < end, server.sessions
                time.sleep(0.05)

        with staged(tmp_path, f"ws://127.0.0.1:{server.port}") as stage:
            stage.runs()
            stage.shows(60)
            stage.set(mark=200)
            stage.shows(200)
            told = stage.bridge.state()
            assert told["device"] == f"CPU on 127.0.0.1:{server.port}"
            assert (told["engine_size"], told["error"], told["black_frames"]) == ("64x48", "", 0)
            assert told["latency"] > 0
            (session,) = server.sessions
            assert (session["pipeline"], session["connected"]) == ("echo", True)
            stage.bridge.ask("pipeline", {"pipeline": "echo-text"})  # beside it, then instead
            stage.runs("echo-text")
            stage.set(mark=30)
            stage.shows(30)
            until(1)  # the one before has ended, as its bridge said
            assert stage.seen.read().black == 0
        until(0)  # as has the bridge


@pytest.mark.parametrize(("cut", "seconds"), [("closed", 3), ("silent", 5)])
def test_a_cut_line_is_held_and_the_engine_goes_on_without_loading(tmp_path, cut, seconds):
    with (
        served(tmp_path) as server,
        Line(to=server.port) as line,
        staged(tmp_path, f"ws://127.0.0.1:{line.port}") as stage,
    ):
        stage.runs()
        stage.shows(60)
        stage.seen.mark()
        relay = stage.bridge.state()["worker"]
        line.cut(cut)
        stage.bridge.until(lambda told: told["state"] == "RECONNECTING", 10)
        stage.set(mark=200)
        time.sleep(seconds - 3)
        assert stage.bridge.state()["reason"]
        line.cut("")
        began = time.perf_counter()
        states = set()
        while (now := stage.mark()) is not None and abs(now - 60) <= 4:
            states.add(stage.bridge.state()["state"])
            assert time.perf_counter() < began + WAIT
        assert abs(now - 200) <= 4, "what was set meanwhile is in the first new block"
        assert time.perf_counter() - began < 5
        stage.runs()
        assert states <= {"RECONNECTING", "RUNNING"}
        told = stage.bridge.state()
        assert (told["worker"], told["restarts"], told["error"]) == (relay, 0, "")
        figures = stage.seen.read()
        assert (figures.black, figures.gap < 1) == (0, True)


def test_a_bridge_that_dies_finds_its_engine_again(tmp_path):
    """Its relay is killed: the next one resumes the session, and nothing is loaded."""
    with (
        listening() as (hook, posted),
        served(tmp_path, "--alarm", hook) as server,
        staged(tmp_path, f"ws://127.0.0.1:{server.port}") as stage,
    ):
        stage.runs()
        (before,) = server.sessions
        os.kill(stage.bridge.state()["worker"], signal.SIGKILL)
        stage.bridge.until(lambda told: told["restarts"] == 1, WAIT)
        stage.runs()
        stage.set(mark=200)
        stage.shows(200)
        (after,) = server.sessions
        assert after["age"] >= before["age"]
        stage.bridge.ask("actions/kill_engine", {}, "POST")  # but this one is wanted anew
        stage.bridge.until(lambda told: told["restarts"] == 2, WAIT)
        stage.runs()
        end = time.perf_counter() + WAIT
        while [each["age"] > after["age"] for each in server.sessions] != [False]:
            assert time.perf_counter() < end, server.sessions
            time.sleep(0.1)
        assert posted == [], "no engine has died yet, only relays"
        (engine,) = psutil.Process(server.process.pid).children()
        engine.kill()
        stage.bridge.until(lambda told: told["restarts"] == 3, WAIT)
        stage.runs()
        while not posted:
            assert time.perf_counter() < end
            time.sleep(0.05)
        (_, _, news) = posted[0]
        assert (news["state"], news["reason"].startswith("Session 2: ")) == ("FAILED", True), news


def test_the_standby_takes_over_and_the_first_becomes_the_standby(tmp_path):
    with (
        served(tmp_path) as near,
        served(tmp_path, name="other") as far,
        staged(
            tmp_path, f"ws://127.0.0.1:{near.port}", "--standby", f"ws://127.0.0.1:{far.port}"
        ) as stage,
    ):
        stage.runs()
        stage.shows(60)
        end = time.perf_counter() + WAIT
        while [each["state"] for each in far.sessions] != ["WARMUP"]:  # loaded, and making nothing
            assert time.perf_counter() < end, far.sessions
            time.sleep(0.1)
        stage.seen.mark()
        near.kill()
        stage.set(mark=200)
        killed = time.perf_counter()
        stage.shows(200)
        assert time.perf_counter() - killed < 4
        assert stage.bridge.state()["device"] == f"CPU on 127.0.0.1:{far.port}"
        with served(tmp_path, port=near.port) as again:
            end = time.perf_counter() + WAIT
            while [each["state"] for each in again.sessions] != ["WARMUP"]:
                assert time.perf_counter() < end, again.sessions
                time.sleep(0.1)
            far.kill()
            stage.set(mark=100)
            stage.shows(100)
        assert stage.seen.read().black == 0


def test_an_unreachable_or_refusing_server_is_told_and_is_no_death(tmp_path):
    token = "0123456789abcdef-0123456789abcdef"
    with (
        served(tmp_path, "--token", token) as server,
        running(
            tmp_path / "bridge", "--name", f"Xno{os.getpid()}", "--pipeline", "echo",
            "--engine", f"ws://127.0.0.1:{server.port}",
            env=installed(tmp_path / "plug-ins of the bridge"),
        ) as bridge,
    ):  # fmt: skip
        told = bridge.until(lambda told: "token" in told["reason"], WAIT)
        assert told["state"] == "RECONNECTING"
        assert "it needs its token; give it with --engine-token" in told["reason"]
        assert told["restarts"] == 0
        url = f"ws://127.0.0.1:{server.port}"
        (refused,) = engines(Settings(engine=url))
        assert "it needs its token" in refused.problem
        row, has = engines(Settings(engine=url, engine_token=token))
        assert (row.problem, "answers in" in row.value, "echo" in has.value) == ("", True, True)
    (gone,) = engines(Settings(engine=url))
    assert gone.problem.endswith("cannot be reached: Connection refused.")


def test_a_certificate_that_is_not_trusted_is_told_until_it_is_replaced(tmp_path):
    """Of another authority, expired, then right, while both ends run; the token is right."""
    token = "0123456789abcdef-0123456789abcdef"
    ours, others = Authority(tmp_path), Authority(tmp_path, "others")
    path, key = tmp_path / "cert.pem", tmp_path / "key.pem"

    def use(certificate) -> None:
        shutil.copy(certificate.key, key)
        shutil.copy(certificate.path, path)

    use(others.certificate())
    with (
        served(tmp_path, "--token", token, "--tls-cert", path, "--tls-key", key) as server,
        running(
            tmp_path / "bridge", "--name", f"Xtls{os.getpid()}", "--pipeline", "echo",
            "--source", "pattern:", "--engine", f"wss://127.0.0.1:{server.port}",
            "--engine-ca", ours.path, "--engine-token", token,
            env=installed(tmp_path / "plug-ins of the bridge"),
        ) as bridge,
    ):  # fmt: skip
        told = bridge.until(lambda told: "cannot be trusted" in told["reason"], WAIT)
        assert "; name its authority's file with --engine-ca." in told["reason"]
        assert told["state"] == "RECONNECTING"
        use(ours.certificate(expired=True))
        bridge.until(lambda told: "expired" in told["reason"], WAIT)
        use(ours.certificate())
        told = bridge.until(lambda told: told["state"] == "RUNNING" and told["frames_new"], WAIT)
        assert (told["restarts"], told["error"]) == (0, "")


def test_a_server_that_is_shut_down_warns_and_its_standby_takes_over_at_once(tmp_path):
    with (
        served(tmp_path, "--drain", "50") as near,
        served(tmp_path, "--drain", "50", name="other") as far,
        staged(
            tmp_path, f"ws://127.0.0.1:{near.port}", "--standby", f"ws://127.0.0.1:{far.port}"
        ) as stage,
    ):
        stage.runs()
        end = time.perf_counter() + WAIT
        while [each["state"] for each in far.sessions] != ["WARMUP"]:
            assert time.perf_counter() < end, far.sessions
            time.sleep(0.1)
        stage.seen.mark()
        near.process.send_signal(signal.SIGTERM)
        stage.set(mark=200)
        began = time.perf_counter()
        stage.shows(200)
        assert near.process.wait(30) == 0
        assert time.perf_counter() - began < 10, "nobody is there: it does not wait"
        figures = stage.seen.read()
        assert (figures.black, figures.gap < 2) == (0, True)
        far.process.send_signal(signal.SIGTERM)
        told = stage.bridge.until(lambda told: "shut down" in told["reason"], WAIT)
        assert told["state"] == "RUNNING"
        assert f"127.0.0.1:{far.port} ends within 50 s" in told["reason"]
        far.process.send_signal(signal.SIGTERM)
        assert far.process.wait(30) == 0
        assert time.perf_counter() - began < 45
        told = stage.bridge.until(lambda told: told["state"] == "RECONNECTING", WAIT)
        assert (told["restarts"], told["error"]) == (0, "")


def test_a_server_ends_by_itself_when_nobody_comes(tmp_path):
    with served(tmp_path, "--idle-exit", "1") as server:
        assert server.process.wait(WAIT) == 0
    assert any("No bridge has come" in line for line in server.lines)
