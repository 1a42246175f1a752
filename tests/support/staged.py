"""A bridge whose engine is on a server in a process of its own, with a foreign reader watching."""

import os
import time
from contextlib import contextmanager

from engine.ipc.segments import folder
from tests.attack.running import Reader
from tests.support.bridge import read, running
from tests.support.echo import installed, mark_of
from tests.support.serving import serving

WAIT = 60.0  # seconds, against hanging


class Stage:
    """A bridge, and what a foreign program sees of its output."""

    def __init__(self, bridge, name: str) -> None:
        self.bridge = bridge
        self.output = read(f"{name}Out")
        self.seen = Reader(f"{name}Out", str(folder()))

    def runs(self, pipeline: str = "echo") -> None:
        self.bridge.until(
            lambda told: told["state"] == "RUNNING" and told["pipeline"] == pipeline
            and told["frames_new"], WAIT,
        )  # fmt: skip

    def set(self, **values) -> None:
        self.bridge.ask("parameters", values, "PATCH")

    def mark(self) -> int | None:
        newest = self.output.newest()
        return mark_of(newest.image) if newest else None

    def shows(self, mark: int) -> None:
        """Wait until the output shows it, within what a codec loses."""
        end = time.perf_counter() + WAIT
        while (now := self.mark()) is None or abs(now - mark) > 4:
            assert time.perf_counter() < end, (now, mark, self.bridge.state())
            time.sleep(0.005)

    def close(self) -> None:
        self.seen.close()
        self.output.close()


@contextmanager
def staged(tmp_path, url: str, *more: str, pipeline: str = "echo", name: str = "bridge"):
    shown = f"Xrelay{os.getpid()}{name}"
    with running(
        tmp_path / name, "--name", shown, "--source", "pattern:", "--pipeline", pipeline,
        "--size", "64x48", "--output-size", "64x48", "--set", "mark=60", "--engine", url, *more,
        env=installed(tmp_path / f"plug-ins of {name}"),
    ) as bridge:  # fmt: skip
        stage = None
        try:
            bridge.until(lambda told: told["frames_new"], WAIT)
            stage = Stage(bridge, shown)
            yield stage
        finally:
            if stage:
                stage.close()


@contextmanager
def served(tmp_path, *more: str, name: str = "server", port: int = 0):
    with serving(
        tmp_path / name, *more, port=port, env=installed(tmp_path / f"plug-ins {name} {port}")
    ) as server:
        yield server
