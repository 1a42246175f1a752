"""The table of attacks: a row of data each, played on a running bridge, measured from outside."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any, TypeAlias

from tests.attack.reader import Figures
from tests.attack.running import NEW, Bridge, Home, Unanswered

PATIENCE = 20.0  # seconds in which new pictures must come again after an attack
WORKERS = 3  # that may exist at once: the one shown, the one coming, one that ends
AGAIN = 20.0  # seconds that a bridge may take to be as it was before the next attack

HOMES: dict[str, Home] = {}
ATTACKS: "dict[str, Attack]" = {}


@dataclass(slots=True)
class Field:
    """What an attack is given: the bridge, for how many `seconds` to go on, and where to put what
    was `wrong`, a sentence each.
    """

    bridge: Bridge
    seconds: float
    wrong: list[str] = field(default_factory=list)
    most_workers: int = 0

    def expect(self, good: object, text: str) -> bool:
        """Note what is not as it should be, once."""
        if not good and text not in self.wrong:
            self.wrong.append(text)
        return bool(good)

    def goes_on(self, after: str, seconds: float = 5.0) -> bool:
        """Whether new pictures come; noted where they do not."""
        return self.expect(
            self.bridge.reader.goes_on(seconds), f"no new picture for {seconds:g} s after {after}"
        )

    def ends(self, state: str, what: str, seconds: float = PATIENCE) -> bool:
        """Whether the bridge comes to this state."""
        return self.expect(
            self.bridge.until(lambda now: now["state"] == state, seconds), f"not {state} {what}"
        )

    @contextmanager
    def counting_workers(self) -> Generator[None]:
        """Count meanwhile how many engine workers there are at once."""
        stop = threading.Event()

        def look() -> None:
            while not stop.wait(0.1):
                self.most_workers = max(self.most_workers, len(self.bridge.workers()))

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        self.expect(self.most_workers <= WORKERS, f"{self.most_workers} engine workers at once")


Act: TypeAlias = Callable[[Field], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One row. `what` says it in a line; `home` is the bridge it is played on.

    seconds  for how long it goes on, where that is its choice
    stands   seconds for which the output may stand, where a process is stopped or ended by us
    deaths   engine workers that it may cost: those that it kills itself
    ends     whether it ends the bridge itself, and starts it again
    needs    what the machine must have, for `missing`
    whole    played by the command only: the tests of its own part show it too
    """

    name: str
    what: str
    act: Act
    home: str = "stylize"
    seconds: float = 1.0
    stands: float = 1.0
    deaths: int = 0
    ends: bool = False
    needs: tuple[str, ...] = ()
    whole: bool = False


def attack(home: str = "stylize", **about: Any) -> Callable[[Act], Act]:
    """Put a function into the table, under its own name and docstring."""

    def keep(act: Act) -> Act:
        name = act.__name__.replace("_", "-")
        what = (act.__doc__ or name).strip().splitlines()[0].rstrip(".")
        ATTACKS[name] = Attack(name=name, what=what, act=act, home=home, **about)
        return act

    return keep


@dataclass(frozen=True, slots=True)
class Result:
    """What one attack did. `recovery` is the time in seconds from its end until new pictures came,
    None where none came; `ended` says which processes ended.
    """

    attack: Attack
    seen: Figures
    recovery: float | None
    ended: str
    workers: int
    wrong: list[str]


def play(attack: Attack, bridge: Bridge, seconds: float = 0.0) -> Result:
    """Play an attack on a bridge that runs, and measure what a receiver sees meanwhile."""
    field = Field(bridge, seconds or attack.seconds)
    before = _before(bridge)
    bridge.reader.mark()
    process = bridge.process
    try:
        attack.act(field)
    except (Unanswered, OSError) as error:
        field.expect(False, str(error))
    began = perf_counter()
    recovery = perf_counter() - began if bridge.reader.goes_on(PATIENCE, NEW) else None
    seen = bridge.reader.read()
    ended, deaths = _ended(bridge, process, before, attack)
    field.expect(recovery is not None, f"no new picture within {PATIENCE:g} s after its end")
    field.expect(seen.black == 0, f"{seen.black} black frames")
    field.expect(seen.gap <= attack.stands, f"the output stood for {seen.gap:.1f} s")
    field.expect(deaths <= attack.deaths, f"{deaths} engine workers died")
    gone = not attack.ends and process.poll() is not None
    field.expect(not gone, f"the bridge ended: {' '.join(bridge.lines)[-300:]}")
    return Result(attack, seen, recovery, ended, field.most_workers, field.wrong)


def _before(bridge: Bridge) -> int:
    with suppress(Unanswered):
        return int(bridge.state()["restarts"])
    return 0


def _ended(bridge: Bridge, process: Any, before: int, attack: Attack) -> tuple[str, int]:
    """Which processes ended, in words, and how many workers died."""
    status, told = process.poll(), []
    if status is not None:
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with {status}"
        told.append(f"bridge {how}")
    deaths = _before(bridge) - (0 if status is not None else before)
    if deaths > 0:
        told.append(f"worker {deaths}x" if deaths > 1 else "worker")
    return ", ".join(told) or "nothing", max(0, deaths)


class Houses:
    """The bridges of the homes, each started when it is first asked for."""

    def __init__(self) -> None:
        self._bridges: dict[str, Bridge] = {}
        self._values: dict[str, dict[str, Any]] = {}

    def ready(self, home: str) -> Bridge:
        """The bridge of a home as it was at its start: the same values, pipeline and source."""
        bridge = self._bridges.get(home)
        if bridge is None or not bridge.alive or not self._restored(home, bridge):
            if bridge:
                bridge.close()
            name = f"Attack{home.capitalize()}{os.getpid()}"
            bridge = self._bridges[home] = Bridge(HOMES[home], name)
            if not _runs(bridge):
                raise RuntimeError(f"{home} does not run: {bridge.state()}")
            self._values[home] = bridge.ask("parameters")
        return bridge

    def _restored(self, home: str, bridge: Bridge) -> bool:
        try:
            state = bridge.state()
            bridge.act("live")
            bridge.ask("parameters", self._values[home], "PATCH")
            if "demo:" not in state["source"]:
                bridge.ask("source", {"uri": "demo:"})
            if state["state"] != "RUNNING" or state["pipeline"] != pipeline_of(HOMES[home]):
                bridge.ask("pipeline", {"pipeline": pipeline_of(HOMES[home])})
        except Unanswered:
            return False
        return _runs(bridge)

    def close(self) -> None:
        """End them all."""
        for bridge in self._bridges.values():
            bridge.close()


def pipeline_of(home: Home) -> str:
    """The pipeline that a home is started with."""
    given = list(home.arguments)
    return given[given.index("--pipeline") + 1] if "--pipeline" in given else "stylize"


def _runs(bridge: Bridge) -> bool:
    pipeline = pipeline_of(bridge.home)
    there = bridge.until(
        lambda state: (
            state["state"] == "RUNNING" and state["pipeline"] == pipeline and not state["loading"]
        ),
        AGAIN * 2,
    )
    end = perf_counter() + AGAIN
    while len(bridge.workers()) > 1 and perf_counter() < end:  # of the attack before this one
        sleep(0.05)
    return there and bridge.reader.goes_on(AGAIN)


def together(first: str, second: str) -> Act:
    """Two attacks at once."""

    def act(field: Field) -> None:
        fields = [Field(field.bridge, field.seconds) for _ in range(2)]
        errors: list[str] = []

        def work(name: str, own: Field) -> None:
            try:
                ATTACKS[name].act(own)
            except (Unanswered, OSError) as error:
                errors.append(f"{name}: {error}")

        threads = [
            threading.Thread(target=work, args=pair)
            for pair in zip((first, second), fields, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for own in fields:
            for text in own.wrong:
                field.expect(False, text)
            field.most_workers = max(field.most_workers, own.most_workers)
        for text in errors:
            field.expect(False, text)

    return act


def pause(seconds: float) -> None:
    """Wait; a name for what is part of an attack."""
    sleep(seconds)
