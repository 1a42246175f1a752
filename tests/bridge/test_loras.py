"""LoRAs through a running bridge: listed, chosen by name, loaded, reported."""

import math
import re
from dataclasses import replace
from functools import partial

import pytest
from starlette.testclient import TestClient

from bridge.cli.commands import main
from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.state.change import By, Setter
from bridge.state.store import ParameterError
from bridge.workers.machine import LocalMachine
from engine.catalog.artifacts import Artifact
from engine.catalog.controls import PassthroughParameters
from engine.catalog.rows import BUILT_IN, Catalog
from engine.catalog.specs import DEMO
from tests.support.lora_files import lora_file
from tests.support.machine import PLENTY, StagedMachine
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow

HERE = "http://127.0.0.1:8000"


@pytest.fixture(name="comfy")
def _comfy(tmp_path, monkeypatch):
    """ComfyUI's folder, and no other program's."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "comfy"))
    return tmp_path / "comfy" / "models" / "loras"


def test_a_lora_is_offered_and_taken_by_any_of_its_names(tmp_path, comfy):
    more = tmp_path / "more"
    lora_file(comfy / "wan" / "Ink Wash.safetensors", 1536)
    lora_file(more / "Lora" / "my style.safetensors", 5120)
    (comfy / "old.bin").touch()
    folder = tmp_path / "data"
    with (
        running_session(folder, pipeline="passthrough", more_models=[more]) as rig,
        TestClient(create_app(rig.session, Rules()), HERE) as client,
    ):
        offered = client.get("/api/v1/loras").json()
        assert [(row["name"], row["origin"], row["made_for"]) for row in offered] == [
            ("my style.safetensors", "named by you", "Wan2.1 14B"),
            ("wan/Ink Wash.safetensors", "ComfyUI", "Wan2.1 1.3B"),
        ]
        assert offered[0]["fits"] == ["krea-realtime-video"]
        assert all(row["size"] > 0 and row["modified"] > 0 for row in offered)

        def held():
            return rig.session.store.snapshot.values["lora_1"]

        for given in ("ink wash", ' "Ink Wash" ', "wan\\Ink Wash.safetensors",
                      (comfy / "wan" / "Ink Wash.safetensors").as_uri()):  # fmt: skip
            assert client.patch("/api/v1/parameters", json={"lora_1": given}).status_code == 200
            assert held() == "wan/Ink Wash.safetensors", "what holds"
            rig.session.store.update({"lora_1": ""})
        for given, guess in (("ink wsh", "Ink Wash"), ("wan/Ink Wish.safetensors", "wan/Ink Wash"),
                             ("mystyle", "my style"), ("nothing like it", "")):  # fmt: skip
            refused = client.patch("/api/v1/parameters", json={"lora_1": given})
            assert refused.status_code == 422
            told = refused.json()["detail"][0]["msg"]
            assert told.endswith(f"file there. Did you mean {guess}?" if guess else "file there.")
        unknown = client.post("/api/v1/actions/rest", json={})
        assert unknown.status_code == 404
        assert unknown.json()["detail"].endswith(" Did you mean reset?")
        for row in offered:
            client.patch("/api/v1/parameters", json={"lora_1": row["name"]})
            assert held() == row["name"]
        for given, words in (("old", "is a pickle"), ("gone", "LoRA 'gone' not found")):
            answer = client.patch("/api/v1/parameters", json={"lora_1": given})
            assert answer.status_code == 422
            assert words in answer.json()["detail"][0]["msg"]
        assert held() == row["name"], "what was refused changed nothing"


def shown(row):
    """The row of a causal pipeline, whose worker shows its input."""
    return replace(
        Catalog(BUILT_IN)[row], target="engine.passthrough:Passthrough", needs=lambda load: {},
        parameters=PassthroughParameters,
    )  # fmt: skip


CATALOG = Catalog((*(shown(row) for row in ("longlive", "krea-realtime-video")),
                   *(row for row in BUILT_IN if row.spec is None)))  # fmt: skip


@pytest.mark.slow
def test_what_does_not_fit_is_refused_at_every_door_before_anything_loads(tmp_path, comfy):
    lora_file(comfy / "small.safetensors", 1536)
    lora_file(comfy / "large.safetensors", 5120)
    up = "blocks.1.{}.lora_B.weight".format
    lora_file(comfy / "mixed.safetensors", 1536, **{up("self_attn.q"): [5120, 4]})
    lora_file(comfy / "cut.safetensors", 1536, **{up("ffn.2"): [1535, 4]})
    lora_file(comfy / "wide.safetensors", 1536, **{"blocks.1.ffn.0.lora_A.weight": [4, 1600]})
    lora_file(comfy / "lokr.safetensors", 0, **{"lycoris_blocks_0_attn1_to_k.lokr_w1": [4, 4]})
    (comfy / "page.safetensors").write_text("<!DOCTYPE html><title>Sign in</title>")
    machine = partial(StagedMachine, there=PLENTY)
    with (
        running_session(tmp_path / "data", CATALOG, {"lora_1": "small"}, machine,
                        pipeline="longlive", osc_feedback=()) as rig,
        TestClient(create_app(rig.session, Rules()), HERE) as client,
    ):  # fmt: skip
        rig.put(scene(64, 48))
        rig.running("longlive")
        worker = rig.session.status().worker
        large = "large.safetensors is for Wan2.1 14B and does not fit longlive, which runs Wan2.1"
        for name, status, words in (
            ("large", 409, f"lora_2: {large} 1.3B; choose a LoRA made for Wan2.1 1.3B."),
            ("lokr", 422, "lokr.safetensors contains no usable LoRA: parts of a LoKr"),
            (
                "mixed",
                422,
                "mixed.safetensors contains layers of networks of different widths, 1536 (",
            ),
            ("cut", 422, "and 1535 (blocks.1.ffn.2.lora_B.weight); download it again"),
            ("wide", 422, "and 1600 (blocks.1.ffn.0.lora_A.weight)"),
            ("page", 422, "page.safetensors is a web page, not the file itself; download it"),
        ):
            answer = client.patch("/api/v1/parameters", json={"lora_2": name})
            assert answer.status_code == status
            assert words in answer.json()["detail"][0]["msg"]
            with pytest.raises(ParameterError, match=re.escape(words)):
                rig.session.store.update({"lora_2": name}, Setter(By.OSC), lenient=True)
        answer = client.post("/api/v1/pipeline", json={"pipeline": "krea-realtime-video"})
        assert answer.status_code == 409
        assert "lora_1: small.safetensors is for Wan2.1 1.3B and does not fit" in answer.text
        look = {"format": "spout-bridge look", "version": 1, "name": "Large", "saved": "",
                "pipeline": "longlive", "values": {"lora_2": "large.safetensors"}}  # fmt: skip
        rig.session.show.looks.take_in(look)
        client.post("/api/v1/cues", json={"look": 1})
        rig.until(lambda: large in rig.session.status().standby_reason)
        answer = client.post("/api/v1/actions/go", json={})
        assert (answer.status_code, large in answer.text) == (409, True)
        offered = {row["name"]: row["fits"] for row in client.get("/api/v1/loras").json()}
        assert offered == {
            "large.safetensors": ["krea-realtime-video"], "small.safetensors": ["longlive"],
            "lokr.safetensors": [], "page.safetensors": [],
            "mixed.safetensors": [], "cut.safetensors": [], "wide.safetensors": [],
        }  # fmt: skip
        answer = client.patch("/api/v1/parameters", json={"weights": "demo"})
        assert answer.status_code == 409
        assert "does not fit longlive, which runs the demo weights" in answer.text
        changes = {"weights": "demo", "lora_1": ""}
        assert client.patch("/api/v1/parameters", json=changes).status_code == 200
        offered = {row["name"]: row["fits"] for row in client.get("/api/v1/loras").json()}
        assert not any(offered.values()), "none is for the demo weights, which any would run now"
        assert rig.session.status().worker == worker, "nothing was loaded in vain"


def test_the_change_that_lacks_files_is_named_among_others(tmp_path, comfy):
    lora_file(comfy / "toy.safetensors", DEMO.dim)
    file = Artifact("authors/model", "files/net.safetensors", 1)
    row = replace(
        shown("longlive"), needs=lambda load: {"network": file} if load.weights == "real" else {}
    )
    given = {"weights": "demo", "lora_1": "toy"}
    machine = partial(StagedMachine, there=PLENTY)
    with (
        running_session(tmp_path / "data", Catalog((row,)), given, machine, pipeline="longlive",
                        osc_feedback=()) as rig,
        TestClient(create_app(rig.session, Rules()), HERE) as client,
    ):  # fmt: skip
        rig.put(scene(64, 48))
        rig.running("longlive")
        for changes in (
            {"lora_1": "", "weights": "real"},
            {"weights": "real", "lora_1": ""},
            {"vae": "tae", "lora_1": "", "weights": "real", "quantization": "fp8"},
        ):
            answer = client.patch("/api/v1/parameters", json=changes)
            assert answer.status_code == 409
            assert [each["loc"] for each in answer.json()["detail"]] == [["body", "weights"]]
            assert "longlive is missing 1 file" in answer.text


def test_one_that_is_still_coming_is_refused_and_taken_when_it_is_whole(tmp_path, comfy):
    path = lora_file(comfy / "style.safetensors", 1536)
    whole = path.read_bytes()
    with (
        running_session(tmp_path, pipeline="passthrough") as rig,
        TestClient(create_app(rig.session, Rules()), HERE) as client,
    ):
        for length in (0, 5, 100, 5000, len(whole) - 1):
            path.write_bytes(whole[:length])
            answer = client.patch("/api/v1/parameters", json={"lora_1": "style"})
            assert answer.status_code == 422
            assert "style.safetensors is " in answer.json()["detail"][0]["msg"]
        assert "wait for its download to finish" in answer.json()["detail"][0]["msg"]
        path.write_bytes(whole)
        assert client.patch("/api/v1/parameters", json={"lora_1": "style"}).status_code == 200


@pytest.mark.parametrize("left", rest_slow(["gone", "half", "pointer"]))
def test_one_of_the_run_before_is_told_by_its_name_and_taken_when_it_is_back(
    tmp_path, comfy, monkeypatch, left
):
    monkeypatch.setattr("bridge.state.missed.GLANCE", 0.05)
    path = lora_file(comfy / "style.safetensors", 1536)
    name, whole = f"back {left}", path.read_bytes()
    with running_session(tmp_path, name=name, pipeline="passthrough") as rig:
        rig.session.store.update({"lora_1": "style"})
    path.unlink()
    data = {"half": whole[:5000], "pointer": b"version https://git-lfs.github.com/spec/v1"}
    words = {"half": "is damaged, truncated", "pointer": "is a Git LFS pointer"}
    if left in data:
        path.write_bytes(data[left])
    with running_session(tmp_path, name=name, pipeline="passthrough") as rig:
        error = rig.session.status().error
        assert words.get(left, "LoRA 'style.safetensors' not found") in error
        assert error.endswith("It is restored once available.")
        path.write_bytes(whole)
        rig.until(lambda: rig.session.store.snapshot.values["lora_1"] == path.name)
        rig.until(lambda: not rig.session.status().error)


@pytest.mark.slow
def test_one_that_became_another_since_the_run_before_is_left_out_and_told(
    tmp_path, comfy, monkeypatch
):
    """Which a worker could not even start with."""
    monkeypatch.setattr("bridge.state.missed.GLANCE", 0.05)
    lora_file(comfy / "style.safetensors", 1536)
    lora_file(comfy / "good.safetensors", 1536)
    machine = partial(StagedMachine, there=PLENTY)
    start = partial(running_session, tmp_path, CATALOG, machine=machine, name="became",
                    pipeline="longlive")  # fmt: skip
    with start() as rig:
        rig.session.store.update({"lora_1": "style", "lora_2": "good"})
    lora_file(comfy / "style.safetensors", 5120)
    with start() as rig:
        rig.put(scene(64, 48))
        rig.running("longlive")
        values = rig.session.store.snapshot.values
        assert (values["lora_1"], values["lora_2"]) == ("", "good.safetensors")
        error = rig.session.status().error
        assert "lora_1: style.safetensors is for Wan2.1 14B and does not fit longlive" in error
        assert error.endswith("It is used again once its file has been replaced.")
        lora_file(comfy / "style.safetensors", 1536)
        rig.until(lambda: rig.session.store.snapshot.values["lora_1"] == "style.safetensors")
        rig.until(lambda: not rig.session.status().error)


@pytest.mark.parametrize(("lora", "words"), [
    ("large", "lora_1: large.safetensors is for Wan2.1 14B and does not fit longlive"),
    ("pointer", "pointer.safetensors is a Git LFS pointer"),
])  # fmt: skip
def test_the_command_line_refuses_it_in_the_same_words(tmp_path, comfy, capsys, lora, words):
    lora_file(comfy / "large.safetensors", 5120)
    (comfy / "pointer.safetensors").write_text("version https://git-lfs.github.com/spec/v1")
    folder, given = str(tmp_path / "data"), f"lora_1={lora}"
    with pytest.raises(SystemExit) as ended:
        main(["run", "--pipeline", "longlive", "--sink", "null:", "--port", "0", "--folder", folder,
              "--set", given])  # fmt: skip
    assert ended.value.code == 2
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_running_bridge_loads_it_and_says_how_strong_it_is(tmp_path, comfy):
    """From ComfyUI's folder, with alpha in the metadata."""
    pytest.importorskip("torch")
    from tests.support.loras import SPELLINGS, Spelling, kohya, peft

    named = {spelling.name: spelling for spelling in SPELLINGS}
    for number, name in enumerate(("patterns in diffusers' metadata", "lycoris, plain matrices")):
        named[name].save(comfy / f"lora {number}")
    for name, alpha, config in (("loud", 1e30, None), ("nan", math.nan, None),
                                ("broken", 2.0, {"lora_alpha": "much"}),
                                ("lying", 0.0, {"lora_alpha": 64, "r": 64})):  # fmt: skip
        write = peft("") if config else kohya("lora_unet_", value=alpha)
        Spelling(name, write, config=config).save(comfy / name)
    load = {"weights": "demo", "vae": "tae", "size": "64x48"}
    load |= {f"lora_{number + 1}": f"lora {number}/adapter_model" for number in range(2)}
    with running_session(
        tmp_path / "data", Catalog(BUILT_IN), load, LocalMachine, pipeline="longlive", load_s=300
    ) as rig:
        stop = rig.steady_input(10)

        def told():
            return rig.session.status().notes.get("loras", [])

        rig.until(lambda: len(told()) == 2, 240)
        first, second = told()
        assert first.startswith("lora 0/adapter_model.safetensors: 20 layers with alpha 1 to 8 of")
        assert first.endswith("of rank 4, from its metadata")
        assert second.endswith("20 layers with alpha 2 of rank 4, from its tensors")
        for name, words in (
            ("loud", "has an alpha of 1e+30 for a rank of 4 in"),
            ("nan", "has an alpha of nan in lora_unet_"),
            ("broken", "adapter_config.json does not say how strong the LoRA is"),
        ):
            rig.session.store.update({"lora_1": f"{name}/adapter_model"})
            rig.until(lambda words=words: words in rig.session.status().error, 240)
        log = "\n".join(rig.session._host.current.log)
        assert "Traceback" not in log
        rig.session.store.update({"lora_1": "lying/adapter_model"})
        rig.until(lambda: "of rank 64, but this one has rank 4, so it is ignored" in told()[0], 240)
        Spelling("another", kohya("lora_unet_", value=3.0)).save(comfy / "lying")
        assert "of rank 64" in told()[0], "a file that is replaced changes nothing by itself"
        rig.session.actions["reload"].run()
        rig.until(lambda: told() and "20 layers with alpha 3 of rank 4" in told()[0], 240)
        stop()
