"""Every door (OSC, REST, command line, journal) takes the same values, or refuses with the cure."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

import bridge.workers.troubles
from bridge.control.osc.packets import encoded, parse
from bridge.frames.frame import Frame
from bridge.session import Session
from bridge.settings import Settings
from bridge.state.controls import all_specs
from bridge.state.store import ParameterError, ParameterStore
from bridge.transports import Offer
from bridge.workers.client import UNGUIDED
from bridge.workers.feeder import Feeder
from bridge.workers.fit import Free, fit_within
from engine import sizes
from engine.catalog.controls import CausalLoad, CausalParameters, StylizeLoad
from engine.catalog.rows import BUILT_IN, Catalog
from engine.ipc.segments import RingError
from engine.parameters import Kind, Parameters, clamped, control, describe
from engine.system.devices import Gpu
from engine.system.texts import mended, mended_all
from tests.bridge.cli.test_cli import running
from tests.bridge.control.osc.test_osc import osc
from tests.support.desk import FakeDesk
from tests.support.machine import PLENTY, StagedMachine
from tests.support.rig import running_session, scene
from tests.support.slow_cases import rest_slow

HALF = "\ud83d"
JSON = {"content-type": "application/json"}
SPELLED = ["832x480", "832X480", "832*480", "832×480", " 832 x 480 ", "0832x00480"]
NO_SIZES = [
    "",
    "huge",
    "640 by 360",
    "640x",
    "x360",
    "0x0",
    "8193x16",
    "٣x٤",
    "1e3x16",
    "640x360x1",
]
ROWS = Catalog(BUILT_IN).rows


def patched(client, body: bytes):
    return client.patch("/api/v1/parameters", content=body, headers=JSON)


# Sizes.


@pytest.mark.parametrize("text", SPELLED)
def test_every_usual_spelling_of_a_size_is_stored_alike(desk, client, text):
    assert client.patch("/api/v1/parameters", json={"size": text}).json() == {"size": "832x480"}
    assert desk.store.update({"size": text}, lenient=True) == {"size": "832x480"}
    assert CausalLoad.model_validate({}) == CausalLoad()
    assert StylizeLoad(size=text).size == "832x480"
    assert Settings(size=text, output_size=text, gpu_scale=text).output == (832, 480)


@pytest.mark.parametrize("text", NO_SIZES)
def test_what_is_no_size_is_refused_at_every_door(desk, client, text):
    answer = client.patch("/api/v1/parameters", json={"size": text})
    assert answer.status_code == 422
    (told,) = answer.json()["detail"]
    assert told["loc"] == ["body", "size"]
    assert "such as 576x320" in told["msg"]
    with pytest.raises(ParameterError, match="576x320"):
        desk.store.update({"size": text}, lenient=True)
    for name in ("size", "output_size", *(["gpu_scale"] if text else [])):
        with pytest.raises(ValueError, match="576x320"):
            Settings(**{name: text})
    assert desk.store.snapshot.values["size"] == "auto"


@given(st.integers(1, 8192), st.integers(1, 8192), st.sampled_from(["x", "X", "*", "×", " x "]))
def test_a_size_is_its_two_numbers_however_it_is_written(width, height, between):
    text = f"{width}{between}{height}"
    assert sizes.canonical(text) == f"{width}x{height}"
    assert sizes.sides(text) == (width, height)
    floored = sizes.floored(width, height, 16)
    assert all(side % 16 == 0 and side >= 16 for side in floored)


@pytest.mark.slow
@given(st.text())
def test_any_other_text_is_no_size_and_nothing_else_is_raised(text):
    with suppress(ValueError):
        found = sizes.canonical(text)
        assert sizes.canonical(found) == found


def test_auto_is_auto_however_it_is_written_and_no_output_size():
    assert sizes.canonical(" Auto ") == "auto"
    assert sizes.sides("AUTO") is None
    assert sizes.exact_sides("640 × 360") == (640, 360)
    with pytest.raises(ValueError, match="takes WIDTHxHEIGHT"):
        sizes.exact_sides("auto")
    with pytest.raises(ValueError, match="output_size"):
        Settings(output_size="auto")


def test_a_plug_in_that_knows_a_size_as_a_text_does_not_open_the_door():
    (size,) = (spec for spec in describe(StylizeLoad) if spec.name == "size")
    text = replace(size, kind=Kind.TEXT)
    for specs in ((size, text), (text, size)):
        with pytest.raises(ParameterError):
            ParameterStore(specs).update({"size": "huge"})


class One(Parameters):
    colour: Literal["red", "green"] = control("red", "Of one plug-in.")
    amount: int = control(1, "As well.", minimum=0, maximum=2)


class Other(Parameters):
    colour: Literal["green", "blue"] = control("green", "Of another.")
    amount: int = control(1, "As well.", minimum=0, maximum=9)


def test_what_another_pipeline_alone_may_take_leaves_this_one_its_own():
    store = ParameterStore([*describe(One), *describe(Other)])
    values = store.update({"colour": "blue", "amount": 9})
    assert clamped(Other, values) == values
    assert clamped(One, values) == {"amount": 2}
    assert One.model_validate(clamped(One, values)).colour == "red"


# Noise levels.


@pytest.mark.parametrize("given", rest_slow(["[1000, 500]", "1000.0; 500.0", [1000, 500], 2, "2"]))
def test_noise_levels_are_answered_as_the_list_that_holds(desk, client, given):
    answer = client.patch("/api/v1/parameters", json={"denoising_steps": given})
    assert answer.json() == {"denoising_steps": "1000,500"}
    assert desk.store.snapshot.values["denoising_steps"] == "1000,500"


@pytest.mark.parametrize("given", ["500,1000", [500, 1000], 1.5, True, [[1000]], {"1000": 500}])
def test_noise_levels_that_rise_or_are_none_are_refused_and_nothing_changes(desk, client, given):
    answer = client.patch("/api/v1/parameters", json={"denoising_steps": given})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"].startswith("denoising_steps ")
    assert desk.store.snapshot.values["denoising_steps"] == "authors"


# Numbers as they are typed.

TYPED_NUMBERS = [
    ("noise_scale", "0,7", 0.7), ("fade", "2 s", 2.0), ("fade", "500 ms", 0.5),
    ("hold_s", "1,5 sec", 1.5), ("max_fps", "29,97 fps", 29.97), ("mix", "50 %", 0.5),
    ("mix", "50%", 0.5), ("cache_bias", "12,5 %", 0.125), ("seed", "42", 42),
    ("seed", str(2**53 - 1), 2**53 - 1), ("vace_scale", " 1.25 ", 1.25), ("fade", "0,700", 0.7),
    ("vace_scale", "\uff11\uff0c\uff15", 1.5), ("lora_1_strength", "\N{MINUS SIGN}1,5", -1.5),
    ("fade", "1 min", 60.0), ("hold_s", "0,5 minutes", 30.0), ("fade", "0.1min", 6.0),
    ("delay", "2 s", 2000.0), ("delay", "0.3 s", 300.0), ("delay", "0,3 s", 300.0),
    ("delay", "300ms", 300.0), ("delay", "0,1 min", 6000.0), ("delay", "0.1s", 100.0),
    ("fade", "250 msec", 0.25), ("mix", "1e-1", 0.1), ("denoising_steps", "2 steps", "1000,500"),
]  # fmt: skip
WORDS_TYPED = [("freeze", "On", True), ("bypass", "0", False), ("input_mode", " Video", "video")]
NO_NUMBERS = [
    ("fade", "1,000", "write 1000 or 1."), ("fade", "1,500", "write 1500 or 1.5."),
    ("vace_scale", "50 %", "% is only for ranges from 0 to 1; write 0.5 if you mean that."),
    ("fade", "5 kg", "not '5 kg'."), ("max_fps", "1 min", "not '1 min'."),
    ("mix", "1.2.3", ""), ("mix", "0x1", ""), ("mix", "1_0", ""),
    ("mix", "nan", ""), ("mix", "", ""), ("mix", "half", ""), ("fade", "9" * 5000, "9…."),
    ("denoising_steps", "20", "[20] is one level"), ("denoising_steps", "99", "[99] is one level"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "given", "kept"), rest_slow(TYPED_NUMBERS + WORDS_TYPED))
def test_a_value_is_taken_as_it_is_typed_at_every_door(client, tmp_path, name, given, kept):
    answer = client.patch("/api/v1/parameters", json={name: given})
    assert answer.json() == {name: kept}, answer.text
    with osc(tmp_path) as held:
        held.send(f"/bridge/{name}", given)
        held.until(lambda: held.value(name) == kept)


@pytest.mark.parametrize("sides", [[832, 480], [832.0, 480.0]])
def test_a_size_may_be_two_numbers_by_rest_as_by_osc(client, sides):
    answer = client.patch("/api/v1/parameters", json={"size": sides})
    assert answer.json() == {"size": "832x480"}


@pytest.mark.parametrize("name", ["freeze", "black", "bypass"])
def test_a_switch_takes_by_rest_what_osc_takes(client, name):
    for value, kept in ((1, True), (0, False), ("on", True), ("off", False), (1.0, True),
                        ("0", False), (True, True)):  # fmt: skip
        answer = client.patch("/api/v1/parameters", json={name: value})
        assert answer.json() == {name: kept}, value


@pytest.mark.parametrize(
    ("name", "given", "words"),
    rest_slow(
        [
            ("mix", None, "a number from 0 to 1, not null."),
            ("mix", True, "a number from 0 to 1, not true."),
            ("prompt", False, "text, not false."),
            ("prompt", ["a", None], 'text, not ["a", null].'),
            ("freeze", None, "true or false, not null."),
            ("freeze", 2, "true or false, not 2."),
            ("freeze", "maybe", "true or false, not 'maybe'."),
            ("on_loss", True, "not true."),
            ("size", [832], "not '832'"),
            ("size", [832, 480, 3], "not '832x480x3'"),
            ("size", [9000, 480], "not '9000x480'"),
            ("size", [True, 480], "not [true, 480]."),
            ("size", {"width": 832}, 'not {"width": 832}.'),
            ("size", 832, "not 832."),
            ("seed", 1.5, "not 1.5."),
        ]
    ),
)
def test_a_value_is_refused_by_rest_in_jsons_own_words(client, desk, name, given, words):
    before = desk.store.snapshot.values[name]
    answer = client.patch("/api/v1/parameters", json={name: given})
    assert answer.status_code == 422
    told = answer.json()["detail"][0]["msg"]
    assert told.startswith(f"{name} takes ")
    assert words in told
    assert desk.store.snapshot.values[name] == before


@given(st.integers(0, 10**6), st.sampled_from(["s", "sec", "ms", "min", "minutes"]), st.booleans())
def test_a_time_is_the_seconds_that_its_unit_says(amount, unit, spaced):
    (fade,) = (spec for spec in describe(CausalParameters) if spec.name == "fade")
    seconds = amount * 60 if unit.startswith("min") else amount / 1000 if unit == "ms" else amount
    kept = fade.coerce(f"{amount}{' ' * spaced}{unit}")
    assert kept == min(seconds, fade.maximum)


def test_every_unit_of_time_and_percent_is_understood_wherever_one_of_its_kind_is():
    """A time in any of its units; a part in percent."""
    for spec in all_specs(Catalog(BUILT_IN)):
        if spec.unit in ("s", "ms"):
            for text, seconds in (("0.3 s", 0.3), ("0,3 s", 0.3), ("300ms", 0.3), ("0,5 min", 30)):
                in_unit = seconds * (1000 if spec.unit == "ms" else 1)
                assert spec.coerce(text) == min(in_unit, spec.maximum), (spec.name, text)
        elif spec.kind is Kind.FLOAT and (spec.minimum, spec.maximum) == (0, 1):
            assert spec.check("12,5 %") == 0.125, spec.name


@pytest.mark.parametrize(
    ("address", "name", "given", "kept"),
    [
        ("/bridge/mix", "mix", 5.0, 1.0), ("/bridge/vace", "vace_scale", -3.0, 0.0),
        ("/bridge/fade", "fade", "2 min", 60.0),
    ],
)  # fmt: skip
def test_osc_says_once_for_each_address_that_a_value_was_clamped(
    tmp_path, caplog, address, name, given, kept
):
    with osc(tmp_path) as held:
        for _ in range(2):
            held.send(address, given)
            held.hears(address, kept)  # each time, as for one that is refused
        told = held.heard("/bridge/error", held.sender)
        assert told.startswith(f"{address}: {name} takes a number from 0 to ")
        assert told.endswith(f"; using {kept:g}.")
        assert held.value(name) == kept
        assert held.desk.counters.osc_refused == 0
    assert sum(told in record.message for record in caplog.records) == 1


def test_osc_never_says_that_it_uses_a_value_that_is_refused(tmp_path):
    """What is clamped may still not suit what runs."""
    session = Session(Settings(folder=tmp_path, pipeline="passthrough"), Catalog(BUILT_IN))
    session.store.update({"delay": 300.0})
    session._delays = lambda: (40.0, 9874.0)
    with pytest.raises(ParameterError, match=r"now is 40 ms, or 0; it stays 300 ms\."):
        session.store.update({"delay": 3.0})
    with osc(tmp_path) as held:
        held.desk.store.update({"delay": 300.0})
        held.desk.store._fits = session._unusable
        held.send("/bridge/delay", 99999.0)
        told = held.heard("/bridge/error", held.sender)
        assert told.endswith("that fits into memory now is 9874 ms; it stays 300 ms.")
        assert "using" not in told
        held.hears("/bridge/delay", 300.0)
        held.send("/bridge/delay", -5.0)
        assert held.heard("/bridge/error", held.sender).endswith("; using 0.")
        held.hears("/bridge/delay", 0.0)


def test_a_delay_out_of_range_is_the_longest_while_no_input_limits_it(tmp_path):
    session = Session(Settings(folder=tmp_path, pipeline="passthrough"), Catalog(BUILT_IN))
    assert session.store.update({"delay": 99999}, lenient=True) == {"delay": 10_000}


@pytest.mark.parametrize(("name", "given", "cure"), rest_slow(NO_NUMBERS))
def test_what_is_no_number_is_refused_with_the_cure_at_every_door(
    client, desk, tmp_path, name, given, cure
):
    before = desk.store.snapshot.values[name]
    answer = client.patch("/api/v1/parameters", json={name: given})
    assert answer.status_code == 422
    told = answer.json()["detail"][0]["msg"]
    assert told.startswith(f"{name} takes ")
    assert cure in told
    assert desk.store.snapshot.values[name] == before
    if len(given) < 4096:
        with osc(tmp_path) as held:
            held.send(f"/bridge/{name}", given)
            assert cure in held.heard("/bridge/error")


@pytest.mark.parametrize(
    ("given", "status"),
    rest_slow([("2", 422), ("-0,1", 422), ("150 %", 422), ("true", 422), (True, 422), ("1", 200)]),
)
def test_rest_refuses_a_text_out_of_range_as_it_does_a_number(client, given, status):
    assert client.patch("/api/v1/parameters", json={"mix": given}).status_code == status


@given(st.floats(0, 60), st.sampled_from([".", ","]), st.sampled_from(["", " ", " s", "s", " Sec"]))
def test_a_number_means_the_same_with_a_point_or_a_comma_and_its_unit(number, point, unit):
    spec = next(spec for spec in describe(CausalParameters) if spec.name == "fade")
    written = f"{number:.4f}"
    assert spec.check(written.replace(".", point) + unit) == float(written)


@pytest.mark.slow
@given(st.text(max_size=30))
def test_any_text_is_a_number_in_range_or_a_sentence(text):
    for spec in describe(CausalParameters):
        if spec.kind not in (Kind.FLOAT, Kind.INT):
            continue
        with suppress(ValueError):
            assert spec.minimum <= spec.coerce(text) <= spec.maximum
        with suppress(ValueError):
            assert spec.check(text) == spec.coerce(text)


# URIs.

WRONG_URIS = [
    ("camera:0?size=banana", "not 'banana'"), ("camera:0?fps=0", "fps=0 is not valid"),
    ("camera:0?fps=30&fps=60", "give it once"), ("camera:0?gain=3", "it takes size=, fps=, "),
    ("file:/films?fps=banana", "fps=banana is not valid"), ("file:/a?fps=1&fps=1", "give it once"),
    ("file:/films?fps=12&size=3", "after ? it takes fps=."), ("demo:?fps=5", "it takes nothing"),
    ("pattern:Card?size=9x9", "it takes nothing"), ("null:?x=", "it takes nothing"),
    ("shm:Cam?fps=5", "is not a valid shared memory name"),
]  # fmt: skip
RIGHT_URIS = ["camera:0?size=1920x1080&fps=29,97", "file:/films?fps=12.5", "file:/a?fps=3.png",
              "file:/a.mp4?dl=1&dl=2", "camera:What? cam", "pattern:Who?", "demo:"]  # fmt: skip


@pytest.mark.parametrize(("uri", "why"), rest_slow(WRONG_URIS))
def test_wishes_that_cannot_be_are_refused_where_they_are_set(client, desk, tmp_path, uri, why):
    for role in ("source", "control", "mask"):
        answer = client.post(f"/api/v1/{role}", json={"uri": uri})
        assert answer.status_code == 422, answer.text
        assert why in answer.json()["detail"]
    assert not desk.attached
    with osc(tmp_path) as held:
        held.send("/bridge/source", uri)
        assert why in held.heard("/bridge/error")
        assert not held.desk.attached


@pytest.mark.parametrize("uri", RIGHT_URIS)
def test_wishes_and_question_marks_that_may_be_are_taken(client, desk, uri):
    assert client.post("/api/v1/source", json={"uri": uri}).status_code == 202
    assert desk.attached == [uri]


# By OSC.


@pytest.mark.parametrize(
    ("address", "arguments", "name", "kept"),
    rest_slow(
        [
            ("/bridge/size", [832, 480], "size", "832x480"),
            ("/bridge/size", [832.0, 480.0], "size", "832x480"),
            ("/bridge/size", ["832 × 480"], "size", "832x480"),
            ("/bridge/denoising_steps", [1000, 500], "denoising_steps", "1000,500"),
            ("/bridge/denoising_steps", ["Scope"], "denoising_steps", "scope"),
            ("/bridge/denoising_steps", ["[1000; 750.0]"], "denoising_steps", "1000,750"),
            ("/bridge/denoising_steps", [4], "denoising_steps", "1000,750,500,250"),
            ("/bridge/prompt", ["a red", "fox"], "prompt", "a red fox"),
            ("/bridge/mix", [50, "%"], "mix", 0.5),
            ("/bridge/fade", [2.5, "s"], "fade", 2.5),
            ("/bridge/fade", [250, "ms", "x"], "fade", 0.25),
            ("/bridge/vace", [0.5, "name of a fader"], "vace_scale", 0.5),
            ("/bridge/denoising_steps", [2, "steps"], "denoising_steps", "1000,500"),
            ("/bridge/prompt", [1234567], "prompt", "1234567"),
        ]
    ),
)
def test_a_value_may_be_several_arguments(tmp_path, address, arguments, name, kept):
    with osc(tmp_path) as held:
        held.send(address, *arguments)
        held.until(lambda: held.value(name) == kept)
        held.hears(address, kept)


WRONG = {
    Kind.FLOAT: "loud", Kind.INT: "many", Kind.BOOL: "perhaps", Kind.CHOICE: "neither",
    Kind.SIZE: "640 by 360", Kind.STEPS: "many", Kind.TEXT: [None],
}  # fmt: skip


def test_a_value_that_is_refused_is_answered_with_the_one_that_holds(tmp_path):
    with osc(tmp_path) as held:
        specs = held.desk.store.specs
        first = {f"/bridge/{spec.osc}" for spec in specs.values()}
        while first:  # all there is is told at the start
            first.discard(OscMessage(held.feedback.recv(65507)).address)
        for name, spec in specs.items():
            address, now = f"/bridge/{spec.osc}", held.value(name)
            wrong = "none.png" if spec.asset else WRONG[spec.kind]
            if isinstance(wrong, list):
                held.send(address, "", types="N")  # no text at all
            else:
                held.send(address, wrong)
            held.hears(address, pytest.approx(now) if isinstance(now, float) else now)
            assert held.value(name) == now
        assert held.desk.counters.osc_refused >= len(specs)


def test_values_that_cannot_go_together_are_told_as_they_stay_and_the_rest_is_taken(tmp_path):
    def fits(changes, setter):
        return {"size": "It does not fit."} if "size" in changes and "vae" in changes else {}

    with osc(tmp_path) as held:
        held.desk.store._fits = fits
        held.server._handler.take(message("/bridge/vae", "tae"), ("127.0.0.1", 5))
        held.server._handler.take(message("/bridge/size", 64, 48), ("127.0.0.1", 5))
        held.server._handler.flush()
        held.hears("/bridge/size", "auto")
        held.until(lambda: (held.value("vae"), held.value("size")) == ("tae", "auto"))


def message(address: str, *arguments) -> bytes:
    builder = OscMessageBuilder(address)
    for argument in arguments:
        builder.add_arg(argument)
    return builder.build().dgram


# Room.


@pytest.mark.parametrize(
    ("pipeline", "size", "there", "why"),
    [
        ("stylize", "1280x720", PLENTY, ""),
        ("passthrough", "8192x8192", Free(None, 0, 0), ""),  # it has no size of its own
        ("stylize", "8192x8192", replace(PLENTY, memory=10**9), r"stylize needs \d+\.\d GB of mem"),
        ("stylize", "8192x8192", replace(PLENTY, shared=10**9), "pictures need .* shared memory"),
        ("longlive", "832x480", replace(PLENTY, gpu=10**11), ""),
        ("longlive", "832x480", replace(PLENTY, gpu=2 * 10**10), r"longlive needs .* would fit wi"),
        ("longlive", "8x8", replace(PLENTY, gpu=10**11), ""),
    ],
)
def test_a_size_has_room_or_the_reason_says_what_is_lacking(pipeline, size, there, why):
    row = ROWS[pipeline]
    fit = fit_within(row, row.load(), size, there, 0)
    assert re.search(why, fit.told(pipeline))
    assert fit.fits is not bool(why)


def test_demo_weights_need_what_they_are():
    row, there = ROWS["longlive"], replace(PLENTY, gpu=2 * 10**9)
    assert not fit_within(row, row.load(), "64x48", there, 0).fits
    demo = row.load(weights="demo", vae="tae")
    assert fit_within(row, demo, "64x48", there, 0).fits
    assert not fit_within(row, demo, "8192x8192", there, 0).fits


# Texts.


def test_halves_of_surrogate_pairs_are_mended_and_whole_ones_are_one():
    assert mended(f"a {HALF} b \udc00") == "a \ufffd b \ufffd"
    assert mended("\ud83d\ude00") == "😀"
    assert mended_all({HALF: [HALF, (1, HALF)], "x": 1.5}) == {
        "\ufffd": ["\ufffd", [1, "\ufffd"]], "x": 1.5,
    }  # fmt: skip


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_mended_can_be_encoded_and_stays_so(text):
    mended(text).encode()
    assert mended(mended(text)) == mended(text)
    if "\ufffd" not in mended(text):
        assert mended(text) == text.encode("utf-16", "surrogatepass").decode("utf-16")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    rest_slow([
        (rb'{"prompt":"a red \ud83d fox"}', 200, "a red \ufffd fox"),
        (rb'{"prompt":"\ud83d\ude00 \uDE00 \\ud83d"}', 200, "😀 \ufffd \\ud83d"),
        (rb'{"prompt":"\uD83D\u0041"}', 200, "\ufffdA"),
        ("\ufeff{\"prompt\":\"with its mark\"}".encode(), 200, "with its mark"),
        (rb'{"\ud83d":"a fox"}', 422, "Unknown parameter '\ufffd'"),
        ('{"prompt":"café nuit"}'.encode("latin-1"), 400, "not UTF-8 (at byte 14: 0xe9)"),
        (b'{"prompt":"\xed\xa0\xbd"}', 400, "not UTF-8"),
        (rb'{"prompt":"\ud83d"}'.decode().encode("utf-16-le"), 400, "not UTF-8"),
        (rb'{"size":"\ud83d"}', 422, "'\ufffd'"),
        (rb'{"on_loss":"\ud83d"}', 422, "'\ufffd'"),
        (rb'{"reference":"\ud83d"}', 422, "'\ufffd'"),
    ], quick=2),
)  # fmt: skip
def test_half_an_emoji_by_rest(desk, client, body, status, words):
    answer = patched(client, body)
    assert answer.status_code == status
    assert words in json.dumps(answer.json(), ensure_ascii=False).replace("\\\\", "\\")
    assert client.get("/api/v1/parameters").status_code == 200
    assert (desk.store.snapshot.values["prompt"] in words) is (status == 200)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    rest_slow(
        [
            ("pipeline", rb'{"pipeline":"\ud83d"}', 404),
            ("pipeline", rb'{"pipeline":"stylize","\ud83d":1}', 422),
            ("pipeline", rb'{"pipeline":"stylize","size":"\ud83d"}', 422),
            ("source", rb'{"uri":"\ud83d"}', 422),
            ("source", rb'{"uri":"demo:\ud83d"}', 202),
            ("models/download", rb'{"pipeline":"\ud83d"}', 404),
            ("actions/%ED%A0%BD", b"{}", 404),
        ]
    ),
)
def test_half_an_emoji_by_every_other_route(desk, client, path, body, status):
    answer = client.post(f"/api/v1/{path}", content=body, headers=JSON)
    assert answer.status_code == status
    for text in desk.attached:
        text.encode()


def test_half_an_emoji_in_a_query_a_path_or_an_assets_name(client):
    png = {"content-type": "image/png"}
    nothing = client.post("/api/v1/assets?name=%ED%A0%BD", content=b"", headers=png)
    assert nothing.status_code == 415, "a name that can be kept, and no picture"
    for path in ("assets/%ED%A0%BD", "thumbnail?uri=%ED%A0%BD", "frame/%ED%A0%BD.png"):
        assert client.get(f"/api/v1/{path}").status_code in (400, 404)


def test_what_comes_from_outside_can_be_told_whatever_it_is_called(desk, client, monkeypatch):
    desk.now |= {"source": "file:caf\udce9", "error": HALF, "notes": {HALF: [HALF, float("nan")]}}
    monkeypatch.setattr(desk, "offers", lambda: [Offer(uri="shm:caf\udce9", text=HALF)])
    state = client.get("/api/v1/state").json()
    assert (state["source"], state["notes"]) == ("file:caf\ufffd", {"\ufffd": ["\ufffd", None]})
    offer = client.get("/api/v1/sources").json()[0]
    assert (offer["uri"], "not valid text" in offer["problem"]) == ("shm:caf\ufffd", True)
    assert client.get("/readyz").status_code == 200
    assert client.get("/metrics").status_code == 200
    with client.websocket_connect("ws://127.0.0.1:8000/api/v1/events") as events:
        told = [json.loads(events.receive_text()) for _ in range(2)]
    assert [row["type"] for row in told] == ["parameters", "state"]


def test_half_an_emoji_by_osc_and_back(tmp_path):
    half = message("/bridge/prompt", "???").replace(b"???", b"\xed\xa0\xbd")
    assert parse(half).arguments == ["\ufffd"]
    mixed = message("/bridge/prompt", -1.5, "???", 7).replace(b"???", b"\xed\xa0\xbd")
    assert parse(mixed).arguments == [-1.5, "\ufffd", 7]
    number = b"/a\0\0,i\0\0\xed\xa0\xbd\x01"  # a number may have the same bytes
    assert parse(number).arguments == [int.from_bytes(number[-4:], "big", signed=True)]
    assert parse(encoded("/bridge/prompt", f"a {HALF}")).arguments == ["a \ufffd"]
    with osc(tmp_path) as held:
        held.raw(half)
        held.until(lambda: held.value("prompt") == "\ufffd")
        held.hears("/bridge/prompt", "\ufffd")


def test_half_an_emoji_on_the_command_line_and_in_the_environment(monkeypatch):
    monkeypatch.setenv("SPOUT_BRIDGE_SOURCE", "file:caf\udce9.mp4")
    assert Settings().source == f"file:{Path.cwd()}/caf\ufffd.mp4"
    assert Settings(source=HALF).source == "\ufffd"
    store = FakeDesk(Settings().folder).store
    assert store.update({"prompt": HALF}, lenient=True) == {"prompt": "\ufffd"}


# The feeder goes on.


class FakeLink:
    """Takes what it is granted; `full` says that there is no room for another size."""

    def __init__(self) -> None:
        self.row = SimpleNamespace(multiple=16, native_size=False, text=False)
        self.block = SimpleNamespace(frames=1, made=0)
        self.parameters_number, self.steered, self.full, self.granted = 0, 0, False, []

    def grant(self, frames, size, how, guides, feed) -> None:
        if self.full and self.granted and size != self.granted[-1]:
            raise RingError("No room for it.")
        self.granted.append(size)
        return self.parameters_number


def test_a_block_whose_size_cannot_be_made_keeps_the_last_one_and_says_so(monkeypatch):
    monkeypatch.setattr(Feeder, "_run", lambda self: None)
    size, link = ["64x48"], FakeLink()
    feeder = Feeder(link, lambda: size[0], "cover", lambda: 30.0)
    grant = partial(feeder._grant, [Frame(scene(64, 48), 0.0, 1)], UNGUIDED)
    for size[0], link.full, trouble in (
        ("64x48", False, ""),
        ("nonsense", False, "size takes auto"),  # as a plug-in's own parameter may be
        ("128x64", True, "No room for it. The size stays 64x48."),
        ("128x64", False, ""),
    ):
        grant()
        assert feeder.trouble.startswith(trouble)
        assert bool(feeder.trouble) is bool(trouble)
    assert link.granted == [(64, 48), (64, 48), (64, 48), (128, 64)]


# The running bridge.


def news(rig, count: int = 5) -> None:
    made = rig.session.counters.shown["new"]
    rig.until(lambda: rig.session.counters.shown["new"] > made + count)


@pytest.mark.slow
def test_sizes_live_through_reload_and_kill(tmp_path):
    with running_session(tmp_path, pipeline="stylize", size="64x48") as rig:
        session, stop = rig.session, rig.steady_input()
        rig.running()
        for text, kept in (("48 x 32", "48x32"), ("512×288", "512x288"), ("1x1", "1x1")):
            session.store.update({"size": text})
            size = "x".join(map(str, sizes.floored(*sizes.sides(kept), 4)))
            rig.until(lambda size=size: session.status().engine_size == size)
            assert session.store.snapshot.values["size"] == kept
        with pytest.raises(ParameterError, match="576x320"):
            session.store.update({"size": "640 by 360"})
        with pytest.raises(ParameterError, match=r"size 8192x8192: stylize needs .* are free"):
            session.store.update({"size": "8192x8192"})
        for action in ("reload", "kill_engine"):
            session.actions[action].run()
            news(rig)
        rig.until(lambda: session.status().state == "RUNNING")
        news(rig)
        stop()


def test_values_of_a_journal_that_are_none_today_are_skipped(tmp_path):
    journal = {"values": {"size": "640 by 360", "mix": 0.5, "prompt": HALF, HALF: 1, "fade": {}}}
    settings = Settings(folder=tmp_path, name="old", source="demo:", sink="null:")
    (tmp_path / "old.journal.json").write_text(json.dumps(journal))
    session = Session(settings, Catalog())
    session._restore.take_up(())
    values = session.store.snapshot.values
    assert (values["size"], values["mix"], values["prompt"]) == ("auto", 0.5, "\ufffd")
    json.dumps(dict(values), ensure_ascii=False).encode()


def staged(tmp_path, there: Free) -> Session:
    settings = Settings(folder=tmp_path, source="demo:", sink="null:")
    return Session(settings, Catalog(), partial(StagedMachine, there=there))


def test_a_size_of_a_journal_that_has_no_room_today_becomes_auto(tmp_path):
    session = staged(tmp_path, PLENTY)
    session.store.update({"size": "2048x2048"})
    session._machine.there = Free(None, 10**9, 10**9)
    session._begin_within_room(ROWS["stylize"])
    assert session.store.snapshot.values["size"] == "auto"


@pytest.mark.slow
def test_what_could_not_be_loaded_is_told_for_a_while_and_no_longer(tmp_path, monkeypatch):
    monkeypatch.setattr(bridge.workers.troubles, "TOLD", 0.5)
    with running_session(tmp_path, pipeline="painter", load={"frames": 2}, settle_s=0) as rig:
        stop = rig.steady_input()
        rig.running()
        for _ in range(2):
            rig.session.store.update({"broken": "load"})
            rig.until(lambda: "could not be loaded" in rig.session.status().error)
            rig.until(lambda: not rig.session.status().error)
        assert rig.session.status().state == "RUNNING"
        stop()


@pytest.mark.slow
def test_what_could_not_be_loaded_is_no_wish_any_more(tmp_path):
    with running_session(tmp_path, pipeline="painter", load={"frames": 2}) as rig:
        stop = rig.steady_input()
        rig.running()
        rig.session.store.update({"broken": "load"})
        rig.until(lambda: "could not be loaded" in rig.session.status().error)
        rig.until(lambda: rig.session.store.snapshot.values["broken"] == "")
        assert rig.session.store.snapshot.values["frames"] == 2
        news(rig)
        stop()


def test_a_pipeline_is_not_changed_to_a_size_that_it_has_no_room_for(tmp_path):
    session = staged(tmp_path, replace(PLENTY, gpu=10**10))
    with pytest.raises(ParameterError, match="size auto: longlive needs"):
        session.switch("longlive")
    session.store.update({"size": "832*480"})
    with pytest.raises(ParameterError, match="size 832x480: longlive needs"):
        session.switch("longlive")


def test_a_choice_whose_files_are_not_here_is_refused_while_its_pipeline_runs(tmp_path):
    settings = Settings(folder=tmp_path, source="demo:", sink="null:", pipeline="longlive")
    session = Session(settings, Catalog())
    session.store.update({"weights": "demo"})
    for change in ({"weights": "real"}, {"weights": "real", "vae": "tae"}):
        with pytest.raises(ParameterError, match="longlive is missing"):
            session.store.update(change)
    assert session.store.update({"vae": "tae"}) == {"vae": "tae"}
    assert session.store.update({"backend": "onnx"})  # of another pipeline


def test_a_choice_whose_package_is_not_installed_is_refused(desk, monkeypatch):
    monkeypatch.setattr("bridge.state.store.find_spec", lambda name: None)
    for name, value in (("backend", "openvino"), ("attention", "sage")):
        with pytest.raises(ParameterError, match=f"{name} {value} needs the package"):
            desk.store.update({name: value})
    assert desk.store.update({"backend": "onnx", "attention": "sdpa"})


def test_the_command_line_refuses_a_size_that_no_memory_suffices_for(tmp_path, monkeypatch):
    session = Session(Settings(folder=tmp_path, size="8192x8192"), Catalog())
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=1 << 32))
    with pytest.raises(ValueError, match="size 8192x8192: stylize"):
        session.check_room()


@pytest.mark.slow
def test_a_running_bridge_takes_what_people_type_and_says_what_holds(tmp_path):
    flags = ("--name", "Typed", "--sink", "null:", "--source", "pattern:", "--engine", "thread")
    with running(tmp_path, *flags, "--set", "fade=1 min") as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        assert bridge.ask("parameters")["fade"] == 60
        asked = {"size": [320, 192], "freeze": 1, "hold_s": "0,5 min"}
        kept = {"size": "320x192", "freeze": True, "hold_s": 30}
        assert bridge.ask("parameters", asked, "PATCH") == kept
        for _ in range(3):
            bridge.osc("/bridge/mix", 5.0)
        bridge.osc("/bridge/*", 0.25)
        bridge.until(lambda _: bridge.ask("parameters")["anti_flicker"] == 0.25)
        assert bridge.ask("parameters")["mix"] == 1
    log = (tmp_path / "logs" / "Typed.log").read_text("utf-8")
    assert log.count("/bridge/mix: mix takes a number from 0 to 1, not 5; using 1.") == 1
    assert "is now called" not in log
    assert "OSC is received on UDP 127.0.0.1:" in log


def test_a_choice_that_needs_a_gpu_is_refused_where_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr("bridge.state.store.find_spec", lambda name: True)
    cards: list[Gpu] = []
    monkeypatch.setattr("engine.system.devices.gpus", lambda patience=None: cards)
    settings = Settings(folder=tmp_path, source="demo:", sink="null:")
    session = Session(settings, Catalog())
    for value in ("compiled", "graphs"):
        with pytest.raises(ParameterError, match=f"passes {value} needs an NVIDIA GPU.* auto."):
            session.store.update({"passes": value})
    assert session.store.update({"passes": "plain"})
    cards.append(Gpu(0, "H100", 1 << 36, 1 << 36, (9, 0)))
    assert session.store.update({"passes": "compiled"}) == {"passes": "compiled"}
    on_cpu = Session(settings.model_copy(update={"device": "cpu"}), Catalog())
    with pytest.raises(ParameterError, match="CPU here"):
        on_cpu.store.update({"passes": "graphs"})
    monkeypatch.setattr("bridge.state.store.find_spec", lambda name: None)
    with pytest.raises(ParameterError, match="passes compiled needs the package triton"):
        session.store.update({"passes": "graphs"}) and session.store.update({"passes": "compiled"})


def test_a_choice_of_another_machine_in_the_journal_is_set_aside_with_a_sentence(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("bridge.state.store.find_spec", lambda name: None)
    monkeypatch.setattr("engine.system.devices.gpus", lambda patience=None: [])
    settings = Settings(folder=tmp_path, source="demo:", sink="null:")
    kept = {"passes": "graphs", "attention": "flex", "vae": "tae"}
    journal = {"values": kept, "pipeline": "longlive", "source": "demo:", "ended": True}
    (tmp_path / f"{settings.name}.journal.json").write_text(json.dumps(journal))
    session = Session(settings, Catalog())
    session._restore.take_up(())
    told = session._missed.told
    assert "passes of the previous run: passes graphs needs an NVIDIA GPU" in told
    assert "attention flex needs the package triton, which is not installed. It is ignored" in told
    values = session.store.snapshot.values
    assert (values["passes"], values["attention"], values["vae"]) == ("auto", "auto", "tae")
    session.let_go()
