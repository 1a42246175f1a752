"""Attacks on the engine: poisoned files, plug-ins of strangers, storms of orders."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

from tests.attack import doors, ground  # noqa: F401 - pairs are of what stands there
from tests.attack.plugin import POISON
from tests.attack.running import Home, Unanswered, beats
from tests.attack.table import ATTACKS, HOMES, Attack, Field, attack, together

STORM = 60.0  # orders a second
COMMON = ("--output-size", "320x180", "--settle-s", "1")
RANK, WIDTH = 4, 96  # of a LoRA for the demo weights


def _lora(path: Path, poison: float, alpha: float = 4.0) -> None:
    """A LoRA in the safetensors format, with `poison` in one of its numbers."""
    layer = "diffusion_model.blocks.0.self_attn.q"
    numbers = [0.01] * (RANK * WIDTH)
    parts = {
        f"{layer}.lora_A.weight": ([RANK, WIDTH], [poison, *numbers[1:]]),
        f"{layer}.lora_B.weight": ([WIDTH, RANK], numbers),
        f"{layer}.alpha": ([], [alpha]),
    }
    head: dict[str, object] = {}
    data = b""
    for name, (shape, values) in parts.items():
        content = struct.pack(f"<{len(values)}f", *values)
        place = [len(data), len(data) + len(content)]
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": place}
        data += content
    text = json.dumps(head).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


POISONED = {
    "nan.safetensors": (float("nan"), 4.0),
    "inf-alpha.safetensors": (0.01, float("inf")),
}


def _loras(folder: Path) -> None:
    for name, (poison, alpha) in {"good.safetensors": (0.01, 4.0), **POISONED}.items():
        _lora(folder / "models" / "loras" / name, poison, alpha)


HOMES["stylize"] = Home(
    arguments=(*COMMON, "--size", "96x56"),
    files=1024,
)
HOMES["hasty"] = Home(arguments=(*COMMON, "--size", "96x56", "--hang-s", "2"))
HOMES["small"] = Home(arguments=(*COMMON, "--size", "96x56"), shared=6 << 20, disk=1 << 20)
HOMES["fallback"] = Home(
    arguments=(*COMMON, "--size", "96x56", "--fallback", "passthrough", "--set", "hold_s=0.5")
)
HOMES["longlive"] = Home(
    arguments=(
        *COMMON, "--size", "64x48", "--pipeline", "longlive", "--set", "weights=demo",
        "--set", "vae=lighttae",
    ),
    prepare=_loras,
)  # fmt: skip


@attack(home="longlive", needs=("torch",))
def poisoned_loras(field: Field) -> None:
    """LoRAs with one NaN in a matrix and with inf as alpha, live"""
    bridge = field.bridge
    for name in POISONED:
        try:
            bridge.ask("pipeline", {"pipeline": "longlive", "lora_1": name})
        except Unanswered as error:
            field.expect("422" in str(error) or "409" in str(error), str(error))
            continue
        told = bridge.until(lambda state, name=name: name in state["error"], 15)
        field.expect(told, f"{name} is not named in the error")
        field.goes_on(f"lora_1={name}", 15)
    bridge.ask("pipeline", {"pipeline": "longlive", "lora_1": "good.safetensors"})
    field.expect(bridge.until(lambda state: not state["loading"], 15), "a good LoRA is not loaded")
    field.goes_on("a good LoRA", 15)
    bridge.set(lora_1="")


@attack(deaths=6, stands=1.0)
def key_error(field: Field) -> None:
    """A plug-in that raises KeyError at every block, and back"""
    bridge = field.bridge
    bridge.ask("pipeline", {"pipeline": "key_error"})
    field.expect(bridge.until(lambda state: state["error"], 10), "a KeyError is told nobody")
    log = bridge.folder / "logs" / f"{bridge.name}.log"

    def told(_: dict[str, Any]) -> bool:
        return log.exists() and "the look of a stranger" in log.read_text("utf-8", "replace")

    field.expect(bridge.until(told), "the log has no traceback of the KeyError")
    bridge.ask("pipeline", {"pipeline": "stylize"})
    field.expect(
        bridge.until(lambda state: state["pipeline"] == "stylize", 15), "stylize is not taken back"
    )


@attack(stands=1.0)
def bad_prompt(field: Field) -> None:
    """A prompt that a pipeline answers with NaN is taken back"""
    bridge = field.bridge
    bridge.set(prompt="a good one")
    bridge.ask("pipeline", {"pipeline": "moody"})
    came = bridge.until(lambda state: (state["pipeline"], state["state"]) == ("moody", "RUNNING"))
    field.expect(came, "the pipeline does not run")
    field.goes_on("a good prompt")
    bridge.set(prompt=POISON)
    back = bridge.until(lambda _: bridge.ask("parameters")["prompt"] == "a good one", 5)
    field.expect(back, "a prompt that gives NaN is not taken back")
    field.expect(bridge.state()["error"], "that a prompt was taken back is told nobody")
    field.goes_on("a prompt that gives NaN")
    bridge.ask("pipeline", {"pipeline": "stylize"})
    bridge.until(lambda state: state["pipeline"] == "stylize")


@attack(deaths=2, whole=True)
def hang(field: Field) -> None:
    """A pipeline that hangs after 30 good blocks is ended in time"""
    bridge = field.bridge
    before = bridge.state()["restarts"]
    bridge.ask("pipeline", {"pipeline": "hanging"})
    ended = bridge.until(lambda state: state["restarts"] > before, 8)
    field.expect(ended, "a pipeline that hangs is not ended within 8 s")
    bridge.ask("pipeline", {"pipeline": "stylize"})
    field.expect(
        bridge.until(lambda state: state["pipeline"] == "stylize"), "stylize is not taken back"
    )


def _storm(field: Field, order: Callable[[int], None]) -> None:
    """Orders at 60 a second; the number of workers is counted meanwhile."""
    with field.counting_workers():
        for number in beats(STORM, field.seconds):
            order(number)
        sleep(0.5)


@attack(seconds=1.5, whole=True)
def reload_storm(field: Field) -> None:
    """`reload` at 60 a second"""
    _storm(field, lambda _: field.bridge.osc("/bridge/reload", 1))
    field.ends("RUNNING", "after a storm of reload")


@attack(seconds=1.5)
def switch_storm(field: Field) -> None:
    """Pipelines switched at 60 a second; the last wish arrives"""
    bridge, names = field.bridge, ("passthrough", "stylize")
    _storm(field, lambda number: bridge.osc("/bridge/pipeline", names[number % 2]))
    for last in names:
        bridge.osc("/bridge/pipeline", last)
        came = bridge.until(lambda state, last=last: state["pipeline"] == last, 15)
        field.expect(came, f"the last wish, {last}, never came")


@attack(seconds=1.5, whole=True)
def load_storm(field: Field) -> None:
    """A value that the pipeline is loaded with, changed at 60 a second"""
    bridge, names = field.bridge, ("onnx", "auto")
    _storm(field, lambda number: bridge.osc("/bridge/backend", names[number % 2]))
    field.ends("RUNNING", "after a storm of load values")


@attack(seconds=1.5, deaths=200, whole=True)
def kill_storm(field: Field) -> None:
    """`kill_engine` at 60 a second, then `reload`"""
    _storm(field, lambda _: field.bridge.osc("/bridge/kill_engine", 1))
    field.bridge.act("reload")
    field.ends("RUNNING", "after a storm of kills and a reload")


@attack(seconds=1.5, deaths=20, whole=True)
def worker_kills(field: Field) -> None:
    """The worker's process killed from outside, again as soon as it is back, twice"""
    bridge = field.bridge
    for _ in range(2):
        for worker in bridge.workers():
            worker.kill()
        field.goes_on("kill -9 of the worker", 15)


@attack(home="fallback", deaths=8, whole=True)
def breaker(field: Field) -> None:
    """The worker killed until nobody starts it again: the fallback plays, and leaves by itself"""
    bridge = field.bridge

    def dead(state: dict[str, Any]) -> bool:
        for worker in bridge.workers():
            if worker.pid == state["worker"]:
                worker.kill()
        return state["state"] == "FAILED"

    field.expect(bridge.until(dead), "the breaker never opens")
    shown = bridge.until(lambda state: state["shown"] == "fallback", 10)
    field.expect(shown, "no fallback is shown when the breaker is open")
    field.goes_on("the breaker opened", 10)
    bridge.act("reload")
    field.ends("RUNNING", "after a reload")
    left = bridge.until(lambda state: state["shown"] in ("new", "hold"), 10)
    field.expect(left, "the fallback does not leave by itself")


PAIRS = {
    ("reload-storm", "patterns"): False,
    ("cut-sink", "few-idle"): False,
    ("load-storm", "fuzz"): False,
    ("sizes", "queries"): True,
    ("half-emoji", "worker-kills"): True,
}
for (first, second), whole in PAIRS.items():
    name = f"{first}+{second}"
    ATTACKS[name] = Attack(
        name=name, what="both at once", act=together(first, second), deaths=20, whole=whole
    )
