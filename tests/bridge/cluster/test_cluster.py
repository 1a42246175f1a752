"""Two nodes of a cluster on this machine, by Ray itself, with bridges that use them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest

from tests.support.bridge import COMMAND, Running, running
from tests.support.echo import installed
from tests.support.staged import Stage

pytest.importorskip("ray", reason="the extra `cluster` is not installed: no test of Ray runs")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="a cluster runs on Linux"),
]
WAIT = 90.0  # seconds, against hanging
PORT, RAY, ONE, TWO = 8471, 8472, 8473, 8474
URL = f"cluster://127.0.0.1:{PORT}"


class Cluster(Running):
    """A head, which is the node "one", and the node "two"."""

    def __init__(self, up: subprocess.Popen, joined: subprocess.Popen) -> None:
        super().__init__(up, PORT, [])
        self.joined = joined

    @property
    def places(self):
        return {one["node"]: one for one in self.ask("cluster")["places"]}

    def until_places(self, true):
        end = time.perf_counter() + WAIT
        while True:
            with suppress(OSError):
                if true(told := self.places):
                    return told
                assert time.perf_counter() < end, str(told)
            assert time.perf_counter() < end, "the head does not answer"
            time.sleep(0.1)

    def drain(self, node: str, **more) -> None:
        self.ask(f"nodes/{node}", {"draining": True, **more}, "PUT")

    def processes(self):
        for process in (self.process, self.joined):
            parent = psutil.Process(process.pid)
            yield from (parent, *parent.children(recursive=True))


@contextmanager
def command(folder, *words, env):
    """A part of the cluster; all that it has started is gone at the end."""
    flags = ("--device", "cpu", "--folder", str(folder))
    serve = ("--", "--sessions", "1", "--drain", "1")
    process = subprocess.Popen([*COMMAND, "cluster", *words, *flags, *serve], env=env)
    try:
        yield process
    finally:
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.wait(30)
        _, left = psutil.wait_procs(started, 10)
        for each in left:
            each.kill()
        assert not left, left


@pytest.fixture
def cluster(tmp_path):
    env = installed(tmp_path / "plug-ins")
    one, two = tmp_path / "one", tmp_path / "two"
    names = ("--node-name", "one"), ("--node-name", "two")
    with command(
        one, "up", "--port", str(PORT), "--ray-port", str(RAY), "--node-port", str(ONE), *names[0],
        env=env,
    ) as up:  # fmt: skip
        end = time.perf_counter() + WAIT
        while not (key := one / "cluster" / "key").exists():
            assert time.perf_counter() < end
            time.sleep(0.05)
        with command(
            two, "join", f"127.0.0.1:{RAY}", "--key", f"@{key}", "--node-port", str(TWO), *names[1],
            env=env,
        ) as joined:  # fmt: skip
            made = Cluster(up, joined)
            made.until_places(
                lambda told: (
                    {node: one["state"] for node, one in told.items()}
                    == {"one": "ready", "two": "ready"}
                )
            )
            yield made


@contextmanager
def bridge(folder, name: str):
    name = f"X{name}{os.getpid()}"
    with running(
        folder / name, "--name", name, "--source", "pattern:", "--pipeline", "echo",
        "--size", "64x48", "--output-size", "64x48", "--set", "mark=60", "--engine", URL,
        env=installed(folder / f"plug-ins of {name}"),
    ) as made:  # fmt: skip
        yield made


def runs(told) -> bool:
    return told["state"] == "RUNNING" and told["frames_new"] > 0


def node_of(told) -> str:
    return {str(ONE): "one", str(TWO): "two"}[told["device"].rpartition(":")[2]]


def test_two_nodes_place_queue_drain_and_lose_sessions(cluster, tmp_path):
    with ExitStack() as stack:
        artist = stack.enter_context(bridge(tmp_path, "artist"))
        first = node_of(artist.until(runs, WAIT))
        stage = Stage(artist, f"Xartist{os.getpid()}")
        stack.callback(stage.close)
        stack.callback(lambda: print(cluster.ask("cluster"), artist.state()))  # if it fails

        with bridge(tmp_path, "second") as second:
            assert node_of(second.until(runs, WAIT)) != first
            third = stack.enter_context(bridge(tmp_path, "third"))
            told = third.until(lambda told: "queue" in told["reason"], WAIT)
            assert told["state"] == "RECONNECTING"
            assert "place 1 of 1 in the queue: all GPUs are in use" in told["reason"]
            assert listening(cluster) == {"127.0.0.1", "::1"}
        third.until(runs, WAIT)  # the second has gone
        third.process.send_signal(signal.SIGINT)
        third.process.wait(30)
        cluster.until_places(
            lambda told: sum(one["sessions"] - one["kept"] for one in told.values()) == 1
        )

        stage.set(mark=200)
        if first == "one":  # the node that is lost later is the one without the head
            cluster.drain("one", move=True)
            artist.until(lambda told: runs(told) and node_of(told) == "two", WAIT)
            stage.shows(200)
            cluster.ask("nodes/one", {"draining": False}, "PUT")
            cluster.until_places(lambda told: told["one"]["state"] == "ready")
        cluster.drain("two")
        assert node_of(artist.state()) == "two", "what runs there stays"

        lost = [psutil.Process(cluster.joined.pid)]
        lost += lost[0].children(recursive=True)
        for process in lost:  # as in a power cut, none of them sees another's end
            process.suspend()
        for process in lost:
            process.kill()
        began = time.perf_counter()
        stage.set(mark=120)
        stage.shows(120)
        assert time.perf_counter() - began < 10
        assert node_of(artist.until(runs, WAIT)) == "one"
        figures = stage.seen.read()
        assert (figures.black, artist.state()["restarts"]) == (0, 0)


def listening(cluster) -> set[str]:
    """The addresses on which anything of the cluster listens."""
    found = set()
    for process in cluster.processes():
        for one in process.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN or not one.raddr:
                found.add(one.laddr.ip.removeprefix("::ffff:"))
    return found
