"""LoRAs through a running bridge: offered, named as they are typed, loaded, and told."""

import pytest
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.guard import Rules
from bridge.workers.machine import LocalMachine
from engine.catalog.rows import BUILT_IN, Catalog
from tests.support.lora_files import lora_file
from tests.support.rig import running_session

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
        for row in offered:
            client.patch("/api/v1/parameters", json={"lora_1": row["name"]})
            assert held() == row["name"]
        for given, words in (("old", "is a pickle"), ("gone", "There is no LoRA")):
            answer = client.patch("/api/v1/parameters", json={"lora_1": given})
            assert answer.status_code == 422
            assert words in answer.json()["detail"][0]["msg"]
        assert held() == row["name"], "what was refused changed nothing"


@pytest.mark.slow
def test_a_running_bridge_loads_it_and_says_how_strong_it_is(tmp_path, comfy):
    """From ComfyUI's folder, with alpha in the metadata; then one that is refused by its name."""
    pytest.importorskip("torch")
    from tests.support.loras import SPELLINGS

    named = {spelling.name: spelling for spelling in SPELLINGS}
    for number, name in enumerate(("patterns in diffusers' metadata", "lycoris, plain matrices",
                                   "LoKr", "8 bits")):  # fmt: skip
        named[name].save(comfy / f"lora {number}")
    load = {"weights": "demo", "lora_1": "lora 0/adapter_model", "lora_2": "lora 1/adapter_model"}
    with running_session(
        tmp_path / "data", Catalog(BUILT_IN), load, LocalMachine, pipeline="longlive", load_s=300
    ) as rig:
        stop = rig.steady_input(10)

        def told():
            return rig.session.status().report.get("loras", [])

        rig.until(lambda: len(told()) == 2, 240)
        first, second = told()
        assert first.startswith("lora 0/adapter_model.safetensors: 20 layers with alpha 1 to 8 of")
        assert first.endswith("of rank 4, from its metadata")
        assert second.endswith("20 layers with alpha 2 of rank 4, from its tensors")
        for name, words in (("lora 2/adapter_model", "parts of a LoKr, which is not supported"),
                            ("lora 3/adapter_model", "(int8)")):  # fmt: skip
            rig.session.store.update({"lora_1": name})
            rig.until(lambda words=words: words in rig.session.status().error, 240)
        stop()
