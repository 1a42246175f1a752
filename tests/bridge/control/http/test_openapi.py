"""The OpenAPI document is true: of the values, and of the answers."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import validator_for
from starlette.testclient import TestClient

from bridge.control import schema
from bridge.control.http.app import create_app
from bridge.control.http.guard import FILM_KIND, PICTURES
from bridge.control.http.rules import Rules
from bridge.control.schema import SIZE, STEPS
from bridge.state.store import ParameterError
from engine import sizes, steps
from engine.catalog.artifacts import LORAS
from engine.parameters import Kind, ParameterSpec
from tests.support.desk import HERE
from tests.support.lora_files import lora_file
from tests.support.slow_cases import rest_slow


def document(client):
    return client.get("/openapi.json").json()


def parameters(client):
    return document(client)["components"]["schemas"]["Parameters"]


# Values


def test_every_parameter_has_its_type_bounds_and_choices_and_there_is_no_other(client, desk):
    told = parameters(client)
    assert told["additionalProperties"] is False
    assert set(told["properties"]) == set(desk.store.specs)
    for name, spec in desk.store.specs.items():
        about = told["properties"][name]
        assert about["default"] == spec.default
        assert (about.get("minimum"), about.get("maximum")) == (spec.minimum, spec.maximum), name
        if spec.choices:
            assert set(about["enum"]) <= set(spec.choices)
            assert about["default"] in about["enum"]


ODD = [None, True, False, 0, -1, 1, 2, 0.5, 0.25, 61, 1e9, -1e300, 2**53 - 1, 2**31, "", "on",
       "0.5", "0,5", "+0", "-1", "00.25", "TRUE", "nan", "auto", "832x480", "9000x1", "hold",
       "stylize", "1000,750", "1000,750,500,250,0", "scope", "800,900,", "20", 20, [20], "[750]",
       "1000", "x" * 65_507, "x" * 65_508, "🦊", [], {}, [1], {"a": 1}, [480, 832],
       [480, 832, 1], [480, 9000], [0, 480], ["832", "480"]]  # fmt: skip


def test_what_the_document_allows_the_store_takes_and_the_other_way_round(client, desk):
    """But for the other spellings of a number, a size, a list of noise levels."""
    properties = parameters(client)["properties"]
    for name, about in properties.items():
        if desk.store.specs[name].lora:  # this desk looks for none
            continue
        allowed = validator_for(about)
        for value in [*ODD, *about.get("enum", ()), *about.get("examples", ())]:
            if value == "1000,750" and name in ("hold_s", "delay"):
                continue
            try:
                desk.store.check({name: value})
                taken = True
            except ParameterError:
                taken = False
            assert allowed.is_valid(value) is taken, (name, value)


def test_a_size_is_told_as_it_is_read():
    for side in (*range(1, 300), *range(7_900, 8_300), *range(9_990, 10_010)):
        for text in (f"{side}x1", f"1x{side}", f"{side}x{side}"):
            assert bool(re.fullmatch(SIZE, text)) is (side <= sizes.LARGEST)
            if side <= sizes.LARGEST:
                assert sizes.canonical(text) == text


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.from_regex(STEPS, fullmatch=True))
def test_every_list_of_levels_that_is_told_falls_and_is_read(text):
    assert steps.levels(text) == tuple(map(float, text.strip("[]").split(",")))
    assert steps.canonical(text) == text


RANGES = [(0, 1), (0, 2), (-1, 2**53 - 1), (-10, 10), (0.01, 1), (0, 3600), (1, 8), (None, None)]


@pytest.mark.slow
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("low", "high"), rest_slow(RANGES))
def test_numbers_as_texts_are_told_as_they_are_read(low, high, whole):
    kind = Kind.INT if whole else Kind.FLOAT
    if whole and low == 0.01:
        return
    spec = ParameterSpec(
        name="x", osc="x", kind=kind, default=1, help="", minimum=low, maximum=high
    )
    pattern = schema.written(low, high, whole=whole)

    @settings(max_examples=60, deadline=None)
    @given(st.from_regex(pattern, fullmatch=True))
    def all_that_is_told_is_read(text):
        spec.check(text)

    @settings(max_examples=200, deadline=None)
    @given(st.integers(-20, 4000) | st.integers(-(2**60), 2**60))
    def whole_ones_are_told(number):
        if high is not None or abs(number) <= 10**12:
            fits = high is None or low <= number <= high
            assert bool(re.fullmatch(pattern, str(number))) is fits

    all_that_is_told_is_read()
    whole_ones_are_told()


@pytest.mark.parametrize(
    "text", ["1000,750,500,250", "700,500", "1000,937,833,625,0", "999,899,99"]
)
def test_the_lists_that_the_authors_use_are_told(text):
    assert re.fullmatch(STEPS, text)
    assert not re.fullmatch(STEPS, f"{text},"), text
    assert not re.fullmatch(STEPS, f"{text},1000"), text


def test_files_that_can_be_chosen_are_those_that_are_there_now(client, desk, tmp_path, monkeypatch):
    """Another program's LoRAs too; none that the door refuses."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path / "comfy"))

    def choices(name):
        return parameters(client)["properties"][name]["enum"]

    assert choices("reference") == choices("lora_1") == [""]
    (desk.assets / "fox.png").write_bytes(b"picture")
    lora_file(desk.weights.library.models / LORAS / "deep" / "ink.safetensors", 1536)
    lora_file(tmp_path / "comfy" / "models" / "loras" / "wash.safetensors", 5120)
    (desk.weights.library.models / LORAS / "none.safetensors").write_bytes(b"GIF89a" + bytes(64))
    assert choices("reference") == choices("first_frame_image") == ["", "fox.png"]
    assert (
        choices("lora_1") == choices("lora_3") == ["", "deep/ink.safetensors", "wash.safetensors"]
    )
    (desk.assets / "fox.png").unlink()
    assert choices("reference") == [""]


def test_a_choice_whose_package_is_not_installed_is_not_offered(client, monkeypatch):
    assert "onnx" in parameters(client)["properties"]["backend"]["enum"]
    monkeypatch.setattr(schema, "find_spec", lambda name: None)
    assert parameters(client)["properties"]["backend"]["enum"] == ["auto", "onnx"]


def test_a_switch_takes_what_that_pipeline_is_loaded_with(client, desk):
    allowed = validator_for(document(client)["components"]["schemas"]["Switch"])
    rows = client.get("/api/v1/pipelines").json()
    assert all(allowed.is_valid({"pipeline": row["id"]}) for row in rows)
    assert allowed.is_valid({"pipeline": "stylize", "size": "512x288"})
    for name, more in (
        ("nothing", {}), ("stylize", {"vae": "wan"}), ("stylize", {"mix": 1}),
        ("longlive", {"vae": "x"}), (None, {}),
    ):  # fmt: skip
        assert not allowed.is_valid({"pipeline": name, **more}), name
    assert not allowed.is_valid({})


# Answers


ASKED = [
    ("GET", "/healthz", {}), ("GET", "/readyz", {}), ("GET", "/metrics", {}),
    ("GET", "/api/v1/state", {}), ("GET", "/api/v1/schema", {}), ("GET", "/api/v1/sources", {}),
    ("GET", "/api/v1/frame/output.png", {}), ("GET", "/api/v1/frame/x.png", {}),
    ("GET", "/api/v1/frame/control.png", {}),
    ("GET", "/api/v1/assets/fox.png", {}), ("GET", "/api/v1/assets/none.png", {}),
    ("GET", "/api/v1/thumbnail", {}), ("GET", "/api/v1/thumbnail?uri=x", {}),
    ("GET", "/api/v1/thumbnail?uri=spout:Deep", {}), ("GET", "/api/v1/models", {}),
    ("GET", "/api/v1/assets/a%00b", {}), ("GET", "/healthz", {"headers": {"host": "evil"}}),
    ("PATCH", "/api/v1/parameters", {"json": {"mix": 0.5}}),
    ("PATCH", "/api/v1/parameters", {"json": {"mix": 5}}),
    ("PATCH", "/api/v1/parameters", {"json": []}),
    ("PATCH", "/api/v1/parameters", {"content": b"{"}),
    ("PATCH", "/api/v1/parameters", {"content": "é".encode("latin-1")}),
    ("PATCH", "/api/v1/parameters", {"content": b"{}", "headers": {"content-type": "text/plain"}}),
    ("PATCH", "/api/v1/parameters", {"json": {}, "headers": {"origin": "http://evil"}}),
    ("PATCH", "/api/v1/parameters", {"content": b" " * (2 << 20)}),
    ("POST", "/api/v1/actions/reset", {}), ("POST", "/api/v1/actions/nothing", {}),
    ("POST", "/api/v1/pipeline", {"json": {"pipeline": "stylize"}}),
    ("POST", "/api/v1/pipeline", {"json": {"pipeline": "nothing"}}),
    ("POST", "/api/v1/pipeline", {"json": {"pipeline": "stylize", "vae": "wan"}}),
    ("POST", "/api/v1/source", {"json": {"uri": "demo:"}}),
    ("POST", "/api/v1/source", {"json": {"uri": "nothing:"}}),
    ("POST", "/api/v1/source", {"json": {}}),
    ("POST", "/api/v1/models/download", {"json": {"pipeline": "passthrough"}}),
    ("POST", "/api/v1/models/download", {"json": {"pipeline": "nothing"}}),
    ("POST", "/api/v1/assets?name=a.png",
     {"content": b"GIF89a", "headers": {"content-type": "image/png"}}),
    ("POST", "/api/v1/assets?name=../a.png",
     {"content": b"", "headers": {"content-type": "image/png"}}),
    ("DELETE", "/api/v1/assets/fox.png", {}), ("DELETE", "/api/v1/assets/none.png", {}),
]  # fmt: skip


@pytest.mark.parametrize("token", rest_slow(["", "secret"]))
def test_every_answer_is_one_that_the_document_has(desk, token):
    """Status, type and shape; without the token where one is needed too."""
    (desk.assets / "fox.png").write_bytes(b"picture")
    seen = set()
    with TestClient(create_app(desk, Rules(token=token)), HERE) as client:
        shown = {"authorization": f"Bearer {token}"}
        told = client.get("/openapi.json", headers=shown).json()
        for authorization in ({}, shown):
            for method, path, given in ASKED:
                headers = {**authorization, **given.get("headers", {})}
                if "content" in given and "content-type" not in headers:
                    headers["content-type"] = "application/json"
                answer = client.request(method, path, **{**given, "headers": headers})
                operation = _operation(told, method, path.partition("?")[0])
                described = operation["responses"][str(answer.status_code)]["content"]
                kind = answer.headers["content-type"].partition(";")[0]
                assert kind in described, (method, path, answer.status_code)
                if kind == "application/json":
                    about = {**described[kind]["schema"], "components": told["components"]}
                    assert validator_for(about).is_valid(answer.json()), (method, path, answer.text)
                seen.add(answer.status_code)
    assert seen >= {200, 202, 400, 403, 404, 409, 413, 415, 421, 422, *([401] if token else [])}


def _operation(told, method, path):
    for known, methods in told["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path):
            return methods[method.lower()]
    raise AssertionError(path)


@pytest.mark.slow
def test_a_token_is_told_where_one_is_needed(desk):
    for token in ("", "secret"):
        with TestClient(create_app(desk, Rules(token=token)), HERE) as client:
            headers = {"authorization": f"Bearer {token}"}
            told = client.get("/openapi.json", headers=headers).json()
            needs = {
                path: "security" in operation and "401" in operation["responses"]
                for path, methods in told["paths"].items()
                for operation in methods.values()
            }
            assert needs.pop("/healthz") is False
            assert set(needs.values()) == {bool(token)}
            assert ("securitySchemes" in told["components"]) is bool(token)


def test_uploads_are_told_as_pictures_and_films_as_bytes(client):
    paths = document(client)["paths"]
    assert tuple(paths["/api/v1/assets"]["post"]["requestBody"]["content"]) == PICTURES
    assert tuple(paths["/api/v1/films"]["post"]["requestBody"]["content"]) == (FILM_KIND,)
