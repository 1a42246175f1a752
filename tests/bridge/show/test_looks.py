"""Looks: saved, recalled with a fade, kept on the disk, and never more than they hold."""

import errno
import json
import re
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from time import perf_counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.frames.encode import jpeg
from bridge.show.control import ShowControl
from bridge.show.look import FORMAT, VERSION
from bridge.state import names
from bridge.state.actions import ActionError
from bridge.state.blocked import REFUSAL, BlockedWords
from bridge.state.change import By, Setter
from bridge.state.journal import Journal, Kept
from bridge.state.store import AbsentError, ParameterError
from engine.system.texts import mended
from tests.support.bridge import running

HERE = Setter(By.PAGE, "127.0.0.1:50000")


def until(true, timeout=20.0):
    end = perf_counter() + timeout
    while not true():
        assert perf_counter() < end, "it did not come"
        time.sleep(0.005)


made: list[ShowControl] = []  # by a test


def whole(**more) -> str:
    """A look's file with more in it."""
    return json.dumps({"format": FORMAT, "version": VERSION, "name": "a", "pipeline": "stylize",
                       "saved": "", "values": {}, **more})  # fmt: skip


@pytest.fixture(name="show")
def _show(desk) -> Iterator[ShowControl]:
    made.append(desk.show)
    desk.show.start()
    yield desk.show
    while made:
        made.pop().stop()


def values(desk):
    return desk.store.snapshot.values


def again(desk, show) -> ShowControl:
    """What the next run finds on the disk."""
    found = ShowControl(show.files._around, desk.store, show.looks._lent)
    made.append(found)
    found.start()
    return found


def test_a_look_holds_its_pipelines_values_and_nothing_of_output_or_machine(desk, show):
    desk.store.update({"prompt": "gold", "mix": 0.5, "black": True, "size": "512x512"})
    look = show.looks.get(show.save())
    assert (look.number, look.name, look.pipeline) == (1, "Look 1", "stylize")
    assert look.values["prompt"] == "gold"
    out = {name for name, spec in desk.store.specs.items() if not spec.in_looks}
    assert {"black", "freeze", "bypass", "mix", "size", "black_fade", "delay", "max_fps"} <= out
    assert not out & look.values.keys()
    assert "noise_scale" not in look.values, "of another pipeline"


def test_a_recall_sets_what_the_look_holds_and_leaves_the_rest(desk, show):
    desk.store.update({"prompt": "gold", "vace_scale": 0.2})
    show.save()
    desk.store.update({"prompt": "blue", "vace_scale": 1.8, "mix": 0.5, "black": True})
    changes = []
    desk.store.listen(changes.append)
    show.recalls.recall(1, 0)
    assert (values(desk)["prompt"], values(desk)["vace_scale"]) == ("gold", 0.2)
    assert (values(desk)["mix"], values(desk)["black"]) == (0.5, True)
    assert [(c.setter, dict(c.changed)) for c in changes] == [
        (Setter(By.LOOK, "1"), {"prompt": "gold", "vace_scale": 0.2})
    ], "one change, by the look"


def test_a_restart_knows_which_look_it_has_and_whether_that_was_changed(desk, show, tmp_path):
    journal = Journal(tmp_path / "x.journal.json")
    journal.begin()
    journal.open()
    lent = replace(show.looks._lent, keep=lambda: journal.put(
        Kept(values={}, pipeline="stylize", source="demo:", look=show.recalls.number)))  # fmt: skip
    show.recalls._lent = lent
    show.save()
    journal.end()
    left = Journal(tmp_path / "x.journal.json").begin()
    found = again(desk, show)
    found.recalls.point(left.look)
    wanted = {"look": 1, "look_name": "Look 1", "look_changed": False}
    assert found.told().items() >= wanted.items()
    desk.store.update({"prompt": "by hand"})
    assert found.told()["look_changed"]
    found.looks.delete(1)
    assert found.told()["look"] == 0


def test_a_look_with_a_blocked_word_says_so_before_it_is_recalled(desk, show, monkeypatch):
    desk.store.update({"prompt": "a damn fine day"})
    show.save()
    assert show.looks.lacks(show.looks.get(1)) == []
    path = desk.assets / "words.txt"
    path.write_text("damn\n")
    words = BlockedWords(path)
    monkeypatch.setattr(desk.store, "_refuse", words.refuse)
    assert show.looks.lacks(show.looks.get(1)) == [REFUSAL]
    cue = show.cues.add({"look": 1})
    with pytest.raises(ActionError, match="blocked here"):
        show.cues.to(cue.number)
    assert words.refused == 0, "nobody has tried to set it"


@pytest.mark.slow
def test_numbers_glide_and_what_another_hand_moves_is_its_own(desk, show):
    desk.store.update({"prompt": "gold", "vace_scale": 0.0, "anti_flicker": 0.0})
    show.save()
    desk.store.update({"prompt": "blue", "vace_scale": 2.0, "anti_flicker": 1.0, "look_fade": 0.4})
    seen = []
    desk.store.listen(lambda change: seen.append(change.snapshot.values["vace_scale"]))
    show.recalls.recall(1)
    assert values(desk)["prompt"] == "gold", "a text changes at the start"
    assert show.told().items() >= {"look": 1, "look_name": "Look 1", "look_changed": False}.items()
    until(lambda: 0 < values(desk)["vace_scale"] < 2)
    desk.store.update({"anti_flicker": 0.9, "black": True}, HERE)
    assert show.told()["look_changed"]
    until(lambda: values(desk)["vace_scale"] == 0)
    assert seen == sorted(seen, reverse=True)
    assert len(seen) > 3
    assert (values(desk)["anti_flicker"], values(desk)["black"]) == (0.9, True)


@pytest.mark.slow
def test_another_recall_starts_from_where_the_first_is(desk, show):
    for scale in (0.0, 2.0):
        desk.store.update({"vace_scale": scale})
        show.save()
    show.recalls.recall(1, 60)
    time.sleep(0.1)
    between = values(desk)["vace_scale"]
    assert 1.9 < between < 2.0
    seen = []
    desk.store.listen(lambda change: seen.append(change.snapshot.values["vace_scale"]))
    show.recalls.recall(2, 0.1)
    until(lambda: values(desk)["vace_scale"] == 2.0)
    assert min(seen) >= between - 0.01
    show.recalls.recall(1, 0)
    time.sleep(0.1)
    assert values(desk)["vace_scale"] == 0.0, "the glide before has ended"


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"pipeline": "sparkle"}, "Unknown pipeline 'sparkle'"),
        ({"values": {"prompt": "x", "reference": "gone.png"}}, "gone.png"),
        ({"values": {"reference": "gone.png", "vace_scale": 7}}, "vace_scale takes a number from"),
    ],
)
def test_what_a_look_lacks_is_named_and_nothing_changes(desk, show, spoilt, why):
    show.save(name="Sunset")
    path = show.looks._path(1)
    path.write_text(json.dumps({**json.loads(path.read_text()), **spoilt}))
    desk.store.update({"prompt": "blue"})
    before, show = values(desk), again(desk, show)
    with pytest.raises(ActionError, match=r"^Look 1 \(Sunset\) cannot be recalled: ") as refused:
        show.recalls.recall(1, 0)
    assert why in str(refused.value)
    assert any(why in told for told in show.looks.lacks(show.looks.get(1))) is (why != "gone.png")
    missing = isinstance(refused.value.__cause__, AbsentError)
    assert missing is (why == "gone.png"), "which may come back"
    assert values(desk) == before
    assert desk.switched == []


def test_a_recall_to_another_pipeline_switches(desk, show):
    show.save()
    desk.now["pipeline"] = "passthrough"
    show.recalls.recall(1, 5)
    assert [name for name, _ in desk.switched] == ["stylize"]


def test_parked_parameters_are_neither_saved_nor_set(desk, show):
    desk.store.update({"vace_scale": 0.2})
    show.save()
    show.parked.choose(["vace_scale"])
    desk.store.update({"vace_scale": 1.5})
    show.recalls.recall(1, 0)
    assert values(desk)["vace_scale"] == 1.5
    assert not show.told()["look_changed"]
    assert "vace_scale" not in show.looks.get(show.save()).values


def test_numbers_stay_with_their_looks(desk, show):
    for name in "abcd":
        show.save(name=name)
    show.looks.reorder([3, 1])
    show.looks.delete(2)
    assert [(x.number, x.name) for x in show.looks.all] == [(3, "c"), (1, "a"), (4, "d")]
    assert show.save() == 5, "the number after the highest, never one that was just freed"
    show.looks.rename(3, "  c\u0327a ")
    assert show.save(4) == 4
    found = again(desk, show)
    assert [(x.number, x.name) for x in found.looks.all] == [
        (3, "\u00e7a"), (1, "a"), (4, "d"), (5, "Look 5"),
    ]  # fmt: skip
    with pytest.raises(ActionError, match="There is no look 2"):
        found.recalls.recall(2)


def test_the_image_is_what_was_generated_and_made_aside(desk, show):
    show.save()
    until(lambda: show.looks._image(1).is_file())
    assert show.looks.image(1).startswith(b"\xff\xd8\xff")
    show.looks.delete(1)
    assert not [*show.looks._folder.iterdir()]
    with pytest.raises(ActionError, match="There is no look 1"):
        show.looks.image(1)
    show.save()
    until(lambda: show.looks._image(1).is_file())
    desk.now["generated"] = None
    show.save(1)
    with pytest.raises(ActionError, match="Look 1 has no image"):
        show.looks.image(1)


def test_an_image_waits_until_a_show_is_loaded(desk, show, monkeypatch, caplog):
    with ExitStack() as loading:
        began = threading.Event()

        def slow(image, width):
            loading.enter_context(show.looks._lock.loading())
            began.set()
            return jpeg(image, width)

        monkeypatch.setattr("bridge.show.looks.jpeg", slow)
        show.save()
        assert began.wait(20)
        show.looks.read()  # it failed: the looks are as before
        assert not show.looks._image(1).exists()
    until(lambda: show.looks._image(1).is_file())
    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "content"),
    [("2.json", "{"), ("2.json", "[]"), ("2.json", '{"format": "spout-bridge look"}'),
     ("x.json", "{}"), ("1000.json", "{}"), ("02.json", "{}"), ("2.json", "\0" * 2_000_000),
     ("2.json", whole(z=float("nan"))), ("2.json", whole(z=float("inf"))),
     ("2.json", whole(z=json.loads("[" * 40 + "]" * 40))), ("2.json", "[" * 700 + "]" * 700),
     ("../looks.json", '{"order": [[1]]}'), ("../looks.json", "[1]")],
)  # fmt: skip
def test_garbage_in_the_folder_is_named_and_skipped(desk, show, name, content):
    show.save()
    (show.looks._folder / name).write_text(content)
    found = again(desk, show)
    assert [look.number for look in found.looks.all] == [1]
    (line,) = found.looks.skipped
    assert line.startswith(str(show.looks._folder.parent))
    assert f"{name.removeprefix('../')} is skipped: " in line
    number = found.save()
    assert number == (3 if name == "2.json" else 2), "its number is left alone"
    assert found.save(2) == 2
    assert (show.looks._folder / (f"{name}.bad" if name == "2.json" else name)).exists()


@pytest.mark.parametrize("does", ["save", "rename", "reorder"])
def test_a_full_disk_is_reported_in_a_sentence_and_changes_nothing(desk, show, monkeypatch, does):
    show.save(name="a")
    show.save(name="b")
    until(lambda: show.looks._image(2).is_file())
    before = show.looks.all

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ActionError, match=r"is not saved: .* \(No space left on device\)\.$") as no:
        {"save": lambda: show.save(1, "c"), "rename": lambda: show.looks.rename(1, "c"),
         "reorder": lambda: show.looks.reorder([2])}[does]()  # fmt: skip
    assert no.value.status == 507
    assert show.looks.all == before == again(desk, show).looks.all


def test_an_exported_look_is_imported_with_its_image_and_all_that_is_unknown(desk, show):
    desk.store.update({"prompt": "gold \U0001f31e"})
    show.save(7, "Été")
    until(lambda: show.looks._image(7).is_file())
    told = json.loads(json.dumps(show.looks.exported(7)))
    told |= {"of_later": {"a": [1]}}
    told["values"]["of_a_plug_in"] = 3
    look = show.looks.take_in(told)
    assert look.number == 8, "7 is in use"
    found = again(desk, show).looks
    assert found.exported(8) == {**told, "number": 8}
    show.looks.delete(7)
    assert show.looks.take_in(told).number == 7
    desk.store.update({"prompt": "x"})
    show.recalls.recall(7, 0)
    assert values(desk)["prompt"] == "gold \U0001f31e"


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({"format": "x"}, "format"), ({"version": 2}, "newer release"), ({"name": ""}, "name"),
        ({"name": 3}, "name"), ({"values": []}, "values"), ({"pipeline": "x" * 300}, "pipeline"),
        ({"values": {"prompt": None}}, "prompt"), ({"values": {"vace_scale": 9}}, "from 0 to 2"),
        ({"values": {"black": True}}, "no look holds black"),
        ({"values": {"x" * 300: 1}}, "too long"), ({"image": "%"}, "image"),
        ({"image": "AAAA"}, "image"), ({"image": "A" * 400_000}, "larger"), ({"image": 3}, "image"),
    ],
)  # fmt: skip
def test_what_is_no_look_is_not_imported(desk, show, spoilt, why):
    show.save()
    told = {**show.looks.exported(1), **spoilt}
    with pytest.raises(ActionError, match=r"^(This is no look: |A look's name )") as refused:
        show.looks.take_in(told)
    assert why in str(refused.value)
    assert len(show.looks.all) == 1


@pytest.mark.parametrize("name", [
    "\ufb2c" * 60, "x" * 81, "a\nb", "a\u2028b", "a\x07", "a\u202eb", "\u2066a", "\u200b\u200d",
    "\u3164", "\u2800", "\U000e0041",
])  # fmt: skip
def test_a_name_that_could_not_be_read_or_seen_is_refused_for_looks_and_cues(desk, show, name):
    show.save()
    with pytest.raises(ActionError, match=r"^A look's name takes 1 to 80 characters, one of which"):
        show.looks.rename(1, name)
    with pytest.raises(ParameterError, match=r"^A cue's name takes 1 to 80 characters, one of "):
        show.cues.add({"look": 1, "name": name})
    good = " \u2764\ufe0f\u200d\U0001f525 e\u0301 "
    assert show.looks.rename(1, good).name == show.cues.add({"look": 1, "name": good}).name
    assert show.cues.add({"look": 1, "name": " "}).name == ""


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.text(max_size=100))
def test_any_text_is_kept_as_a_name_or_refused_in_a_sentence(desk, name):
    show = desk.show
    show.save(1, "before")
    composed = unicodedata.normalize("NFC", name)
    told = 0 < max(len(name), len(composed)) <= 80 and re.fullmatch(names.SCHEMA["pattern"], name)
    with nullcontext() if told else suppress(ActionError):
        show.save(1, name)
    kept = show.looks.get(1).name
    assert kept == "before" or kept == unicodedata.normalize("NFC", mended(name)).strip()
    assert again(desk, show).looks.get(1).name == kept
    assert show.looks.rename(1, kept).name == kept
    assert 0 < len(kept) <= 80
    assert not {"\n", "\r", "\0", "\u2028"} & {*kept}


def test_a_look_that_could_not_be_read_again_is_not_saved(desk, show):
    told = show.looks.exported(show.save())
    told["z"] = [0] * 300_000  # a line each in the file
    with pytest.raises(ActionError, match=r"Look 2 is not saved: it is larger than 1024 KB; "):
        show.looks.take_in(told)
    assert [look.number for look in again(desk, show).looks.all] == [1]


def test_half_of_a_character_in_a_look_is_mended(desk, show):
    show.save()
    path = show.looks._path(1)
    path.write_text(path.read_text().replace("{", '{"z": {"\\ud800": "\\udfff"}, ', 1))
    found = again(desk, show).looks
    assert found.exported(1)["z"] == {"\ufffd": "\ufffd"}
    assert found.rename(1, "a").name == "a"


def test_the_doors_of_looks(desk, client, show):
    def ask(method, path, body=None):
        answer = client.request(method, f"/api/v1/{path}", json=body)
        return answer.status_code, answer.json()

    assert ask("POST", "looks", {"name": "a"})[1]["number"] == 1
    assert ask("POST", "looks", {"number": 9.0, "name": "b"})[0] == 201
    assert ask("POST", "looks", {"number": 9.5})[0] == 422
    assert ask("PUT", "looks", {"order": [9]})[0] == 200
    _, told = ask("GET", "looks")
    assert [(row["number"], row["current"]) for row in told["looks"]] == [(9, True), (1, False)]
    assert ask("PATCH", "looks/1", {"name": "c"})[1]["name"] == "c"
    assert ask("GET", "looks/1")[1]["values"]["prompt"] == values(desk)["prompt"]
    assert ask("POST", "looks/1/recall", {"fade": 0})[1]["current"] is True
    until(lambda: show.looks._image(9).is_file())
    assert client.get("/api/v1/looks/9/image").headers["content-type"] == "image/jpeg"
    exported = ask("GET", "looks/9/export")[1]
    assert ask("POST", "import_look", exported)[1].items() >= {"number": 10, "missing": []}.items()
    strange = ask("POST", "import_look", {**exported, "pipeline": "sparkle"})[1]
    assert strange["missing"][0].startswith("Unknown pipeline 'sparkle'")
    assert [row["missing"] for row in ask("GET", "looks")[1]["looks"]][2:] == [
        [],
        strange["missing"],
    ]
    assert ask("DELETE", "looks/9") == (200, {"deleted": 9, "missing": []})
    for method, path, body in (
        ("GET", "looks/9", None), ("DELETE", "looks/9", None), ("GET", "looks/x", None),
        ("POST", "looks/9/recall", {}), ("PATCH", "looks/0", {"name": "a"}),
        ("PUT", "looks", {"order": [9]}), ("GET", "looks/" + "9" * 4000, None),
    ):  # fmt: skip
        status, told = ask(method, path, body)
        assert status == 404
        assert told["detail"].startswith("There is no look ")
    assert ask("PUT", "parked", {"parked": ["vace_scale"]})[1] == {"parked": ["vace_scale"]}
    rows = {row["name"]: row for row in ask("GET", "schema")[1]["parameters"]}
    assert [name for name, row in rows.items() if row["parked"]] == ["vace_scale"]
    assert not rows["black"]["in_looks"]
    assert rows["prompt"]["in_looks"]
    assert ask("PUT", "parked", {"parked": ["vace"]})[0] == 422
    assert ask("POST", "import_look", {})[0] == 409


@pytest.mark.slow
def test_looks_outlive_the_run_and_a_kill(tmp_path):
    """Saved by OSC, recalled after a restart; killed while saving, each look is whole."""
    arguments = ("--source", "demo:", "--sink", "null:", "--name", "Keeper")
    with running(tmp_path, *arguments) as bridge:
        bridge.until(lambda state: state["state"] == "RUNNING")
        bridge.ask("parameters", {"prompt": "gold", "vace_scale": 0.25}, "PATCH")
        bridge.osc("/bridge/look/save")
        bridge.until(lambda state: state["look"] == 1)
        bridge.ask("parameters", {"prompt": "blue", "vace_scale": 1.5}, "PATCH")
        bridge.osc("/bridge/look/save/12", 1)
        bridge.until(lambda state: (state["look"], state["look_changed"]) == (12, False))
        stop = threading.Event()

        def save():
            while not stop.is_set():
                try:
                    bridge.ask("actions/look/save", {"value": 12})
                except OSError:  # it has been killed
                    return

        thread = threading.Thread(target=save)
        thread.start()
        time.sleep(0.3)
        bridge.process.kill()
        bridge.process.wait(30)
        stop.set()
        thread.join(30)
    with running(tmp_path, *arguments) as bridge:
        shown = bridge.until(lambda state: state["state"] == "RUNNING")["frames_new"]
        told = bridge.ask("looks")
        assert [row["number"] for row in told["looks"]] == [1, 12]
        assert told["skipped"] == []
        state = bridge.state()
        assert (state["look"], state["look_changed"]) == (12, False), "after a crash too"
        bridge.ask("parameters", {"look_fade": 0.2, "freeze": False}, "PATCH")
        bridge.osc("/bridge/look/1", 1)
        bridge.until(lambda state: state["look"] == 1)
        bridge.until(lambda _: bridge.ask("parameters")["vace_scale"] == 0.25)
        assert bridge.ask("parameters")["prompt"] == "gold"
        state = bridge.until(lambda state: state["frames_new"] > shown + 5)
        assert (state["look_name"], state["look_changed"]) == ("Look 1", False)
        bridge.osc("/bridge/look/*", 12)
        bridge.osc("/bridge/look", 77)
        bridge.until(lambda state: state["osc_refused"] >= 2)
        assert bridge.state()["look"] == 1, "no pattern reaches a look"
        bridge.osc("/bridge/look", 12)
        bridge.until(lambda state: state["look"] == 12)
        bridge.until(lambda _: bridge.ask("parameters")["vace_scale"] == 1.5)
