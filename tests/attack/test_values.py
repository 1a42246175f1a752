"""Random values at every door of a running bridge: frames keep coming, after a restart too.

One bridge with real workers plays every pipeline, the generating ones by demo weights. Each of its
parameters is given 200 values by REST and 200 by OSC: half of them anything, half what it takes.
"""

import json
import math
import os
import socket
import struct
from contextlib import contextmanager
from functools import cache, partial
from time import perf_counter

import cv2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")

import torch
from safetensors.torch import save_file

from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.control.osc.server import OscServer
from bridge.state.controls import OutputParameters
from bridge.workers.fit import Free
from engine.catalog.artifacts import LORAS
from engine.catalog.rows import BUILT_IN, Catalog
from engine.parameters import Kind, ParameterSpec, describe
from tests.support.machine import StagedMachine
from tests.support.rig import running_session, scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

VALUES = int(os.environ.get("SPOUT_BRIDGE_TEST_VALUES", "20"))  # of each parameter, by each door
BATCH = 100  # of them between two looks for new frames
SMALL = {"size": "48x32", "weights": "demo", "vae": "tae", "text_encoder": "resident"}
# What keeps new frames away because it was asked to.
QUIET = {"black": False, "freeze": False, "bypass": False, "mix": 1.0, "max_fps": 0.0}
ROWS = Catalog(BUILT_IN).rows
JSON = {"content-type": "application/json"}

TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)
NUMBERS = st.integers() | st.floats() | st.integers(-3, 3)
ANY = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none(), st.lists(st.integers(), max_size=3))
SIDES = st.integers(1, 64) | st.just(8000)  # small, for the sake of time, or without room
SIZES = st.builds("{}{}{}".format, SIDES, st.sampled_from(["x", "*", " × "]), SIDES)
STEPS = st.lists(st.integers(1, 1000), min_size=1, max_size=2).map(
    lambda levels: ",".join(map(str, sorted(levels, reverse=True)))
)


def fitting(spec: ParameterSpec) -> st.SearchStrategy:
    """What a parameter takes."""
    if spec.asset:
        return st.sampled_from(["", "a.png", "a", "broken.png", "none.png"])
    if spec.lora:
        return st.sampled_from(["", "style.safetensors", "none.safetensors"])
    if spec.kind is Kind.BOOL:
        return st.booleans()
    if spec.kind is Kind.CHOICE:
        return st.sampled_from(spec.choices)
    if spec.kind is Kind.INT:
        return st.integers(int(spec.minimum), int(spec.maximum))
    if spec.kind is Kind.FLOAT:
        return st.floats(spec.minimum, spec.maximum)
    by_kind = {
        Kind.SIZE: SIZES,  # not auto, whose blocks of a causal pipeline take seconds here
        Kind.STEPS: STEPS | st.sampled_from(["authors", "scope", "scope-video"]),
    }
    return by_kind.get(spec.kind, TEXTS)


def packed(address: str, value: object) -> bytes:
    """An OSC message of any value at all, as a foreign program may write it."""
    tags, data = ",", b""
    for part in value if isinstance(value, list) else [value]:
        if part is None or isinstance(part, bool):
            tags += "N" if part is None else "FT"[part]
        elif isinstance(part, str):
            tags += "s"
            data += padded(part.replace("\0", "").encode("utf-8", "surrogatepass"))
        elif isinstance(part, float):
            tags += "d"
            data += struct.pack(">d", part)
        else:
            tags += "h"
            data += struct.pack(">q", max(-(1 << 63), min(part, (1 << 63) - 1)))
    return padded(address.encode()) + padded(tags.encode()) + data


def unreadable(value: object) -> bool:
    """Whether the JSON of a value is refused with the whole body it is in."""
    parts = value if isinstance(value, list) else [value]
    numbers = [part for part in parts if isinstance(part, (int, float))]
    return not all(math.isfinite(n) and (isinstance(n, float) or abs(n) < 10**20) for n in numbers)


def padded(text: bytes) -> bytes:
    return text + b"\0" * (4 - len(text) % 4)


class Bridge:
    """A running session with its doors."""

    def __init__(self, rig, http: TestClient, osc: OscServer) -> None:
        self.rig, self.session, self.http, self.osc = rig, rig.session, http, osc
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.start = dict(self.values())

    def values(self):
        return self.session.store.snapshot.values

    def patch(self, row) -> None:
        """By REST: all of it, then what of it was not refused."""
        for _ in range(4):  # the whole body is refused, then values, then what has no room
            before = self.session.store.snapshot.number
            answer = self.http.patch("/api/v1/parameters", content=json.dumps(row), headers=JSON)
            assert answer.status_code in (200, 409, 422), answer.text
            if answer.status_code == 200:
                after = self.session.store.snapshot
                if after.number <= before + 1:  # else the last message by OSC came in between
                    assert answer.json() == {name: after.values[name] for name in row}
                return
            refused = {told["loc"][-1] for told in answer.json()["detail"]}
            row = {
                name: value
                for name, value in row.items()
                if name not in refused and not ("body" in refused and unreadable(value))
            }
        raise AssertionError(answer.text)

    def send(self, row) -> None:
        """By OSC, each a datagram of its own; until all of it was taken."""
        counters, specs = self.session.counters, self.session.store.specs
        wanted = counters.osc_messages + len(row)
        for name, value in row.items():
            data = packed(f"/bridge/{specs[name].osc}", value)
            self.sock.sendto(data, ("127.0.0.1", self.osc.port))
        self.rig.until(lambda: counters.osc_messages >= wanted, 30)

    def news(self, timeout: float = 60) -> None:
        """Wait for frames that are made from now on."""
        self.session.store.update(QUIET)
        number = self.session.store.snapshot.number
        counters = self.session.counters
        self.rig.until(lambda: counters.snapshot >= number, timeout)
        made = counters.shown["new"]
        self.rig.until(lambda: counters.shown["new"] > made + 3, timeout)
        self.rig.until(lambda: self.session.status().state == "RUNNING", timeout)
        json.dumps(dict(self.values()), ensure_ascii=False).encode()

    def show(self, pipeline: str) -> None:
        self.session.switch(pipeline)
        self.rig.until(lambda: self.session.status().pipeline == pipeline, 90)
        self.news()


@contextmanager
def running(folder, name, **more):
    """A bridge; of its memory only so much is free that no size makes it slow."""
    machine = partial(StagedMachine, there=Free(None, 10**9, 10**9))
    with running_session(
        folder,
        Catalog(),
        machine=machine,
        name=name,
        size=SMALL["size"],
        osc_feedback=(),
        hang_s=60,
        **more,
    ) as rig:  # fmt: skip
        stop = rig.steady_input(size=(48, 32))
        osc = OscServer(rig.session, rig.session.settings)
        osc.bind(0)
        osc.start()
        app = create_app(rig.session, Rules())
        with TestClient(app, "http://127.0.0.1:8000") as http:
            bridge = Bridge(rig, http, osc)
            try:
                yield bridge
            finally:
                stop()
                osc.close()
                bridge.sock.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two pictures, one of them none, and a LoRA that fits the demo network."""
    folder = tmp_path_factory.mktemp("values")
    (folder / "assets").mkdir()
    cv2.imwrite(str(folder / "assets" / "a.png"), scene(48, 32)[..., :3])
    (folder / "assets" / "broken.png").write_bytes(b"x")
    (folder / "models" / LORAS).mkdir(parents=True)
    query = "diffusion_model.blocks.0.self_attn.q.lora"
    lora = {f"{query}_A.weight": torch.zeros(4, 96), f"{query}_B.weight": torch.zeros(96, 4)}
    save_file(lora, folder / "models" / LORAS / "style.safetensors")
    return folder


@pytest.fixture(scope="module")
def bridge(folder):
    with running(
        folder, "values", pipeline="passthrough", load={**SMALL, "vace_load": True}
    ) as bridge:
        yield bridge


@pytest.mark.parametrize("pipeline", ROWS)
def test_any_value_of_every_parameter_while_it_runs(bridge, pipeline):
    row = ROWS[pipeline]
    bridge.session.store.update(bridge.start)
    bridge.show(pipeline)
    worker, restarts = bridge.session.status().worker, bridge.session.status().restarts
    live = {spec.name: spec for spec in (*describe(OutputParameters), *describe(row.parameters))}
    values = st.fixed_dictionaries({n: ANY | fitting(spec) for n, spec in live.items()})
    played = iter(range(2 * VALUES + 2))

    @settings(
        max_examples=VALUES, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values, values)
    def play(by_rest, by_osc) -> None:
        bridge.patch(by_rest)
        bridge.send(by_osc)
        if next(played) % BATCH == BATCH - 1:
            bridge.news()

    play()
    bridge.news()
    after = bridge.session.status()
    assert (after.worker, after.restarts, after.black_frames) == (worker, restarts, 0), after


@pytest.mark.parametrize("pipeline", ["stylize", "longlive"])
def test_any_value_of_what_a_pipeline_is_loaded_with(bridge, pipeline):
    """While another one runs, which need not be built anew for each; what holds is loaded then."""
    bridge.show("passthrough")
    loads = {spec.name: spec for spec in describe(ROWS[pipeline].load)}
    values = st.fixed_dictionaries({n: ANY | fitting(spec) for n, spec in loads.items()})

    @settings(
        max_examples=VALUES, phases=[Phase.generate], deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values, values)
    def play(by_rest, by_osc) -> None:
        bridge.patch(by_rest)
        bridge.send(by_osc)

    play()
    # demo weights, as there are no others here, and no size that only passthrough has room for
    usable = {**SMALL, "vace_load": True, "passes": "auto", "quantization": "none"}
    bridge.session.store.update(usable)
    bridge.show(pipeline)


LAST = {  # by kind: what was accepted last, and of which pipeline; each has one life
    "float": ("stylize", {"vace_scale": 1.75, "fade": 0.0}),
    "bool and choice": ("stylize", {"on_loss": "card", "backend": "onnx"}),
    "text": ("stylize", {"prompt": "half a \ud83d", "prompt_2": "\0"}),
    "size": ("stylize", {"size": "33 × 47"}),
    "asset": ("stylize", {"reference": "broken.png", "reference_2": "a"}),
    "int, steps and LoRA": (
        "longlive",
        {"seed": 7, "denoising_steps": "900,0", "lora_1": "style.safetensors", "passes": "plain"},
    ),
}


@pytest.fixture(scope="module")
def again(folder):
    """What a pipeline's values are before its bridge ends and after the next one's start."""

    @cache
    def lived(pipeline):
        journal = folder / "again.journal.json"
        journal.unlink(missing_ok=True)
        with running(folder, "again", pipeline=pipeline, load={**SMALL, "fade": 0.0}) as bridge:
            bridge.news()
            for last in [last for where, last in LAST.values() if where == pipeline]:
                bridge.session.store.update(last)
                bridge.news()
            bridge.session.actions["reload"].run()
            worker = bridge.session.status().worker
            bridge.rig.until(lambda: bridge.session.status().worker != worker, 60)
            bridge.news()
            held = dict(bridge.values())
            del held["record"]  # which no restart keeps
            # as after a crash: what the journal has then, and the picture and LoRA that it names
            end = perf_counter() + 30
            while not journal.exists() or json.loads(journal.read_text())["values"] != held:
                assert perf_counter() < end, "the journal does not come"
            kept = json.loads(journal.read_text())
        journal.write_text(json.dumps({**kept, "source": ""}))  # the test's own end is another
        with running(folder, "again", pipeline=pipeline) as bridge:
            bridge.news()
            return held, dict(bridge.values())

    return lived


@pytest.mark.parametrize("kind", LAST)
def test_a_reload_and_a_restart_with_the_last_values(again, kind):
    pipeline, last = LAST[kind]
    held, found = again(pipeline)
    assert {name: found[name] for name in last} == {name: held[name] for name in last}
