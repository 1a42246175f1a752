"""LoRAs through a running bridge: offered, and named as they are typed."""

import pytest
from starlette.testclient import TestClient

from bridge.control.http.app import create_app
from bridge.control.http.guard import Rules
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
