"""The show file: saved here, loaded elsewhere, and refused whole if anything in it is odd."""

import json
import random
import resource
import struct
import sys
import threading
import zipfile
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.frames.encode import png
from bridge.show import showfile, zipped
from bridge.show.looks import Looks
from bridge.show.zipped import BadZip
from bridge.state import references
from bridge.state.actions import ActionError
from tests.support.desk import FakeDesk


def picture(shade: int) -> bytes:
    image = np.full((40, 60, 4), 255, np.uint8)
    image[:20, :, :3] = shade
    return png(image)


@pytest.fixture(name="show")
def _show(desk):
    desk.show.start()
    yield desk.show
    desk.show.stop()


@pytest.fixture(name="there")
def _there(tmp_path):
    """A second machine."""
    desk = FakeDesk(tmp_path / "there")
    desk.show.start()
    yield desk
    desk.show.stop()


def saved(desk, **given) -> None:
    """Save a look, with its image on the disk."""
    number = desk.show.save(**given)
    path = desk.show.files._around.folder / "looks" / f"{number}.jpg"
    end = perf_counter() + 20
    while not path.exists():
        assert perf_counter() < end, "no image"
        sleep(0.002)


def prepared(desk) -> bytes:
    """A show with looks, cues, a parked parameter, a reference, fields of a later release."""
    name = references.add(desk.assets, "sea.png", picture(20))["name"]
    desk.store.update({"prompt": "gold", "reference": name, "vace_scale": 0.5, "black": True})
    saved(desk, name="Dawn")
    desk.store.update({"prompt": "blue", "reference": ""})
    saved(desk, number=7, name="Night")
    desk.show.looks.reorder([7])
    desk.show.parked.choose(["vace_scale"])
    folder = desk.show.files._around.folder
    cue = {"number": 1.5, "name": "go", "look": 7, "fade": None, "follow": 2.0}
    (folder / "cues.json").write_text(json.dumps({"shown": None, "cues": [cue]}))
    row = {"kind": "cc", "number": 7, "parameter": "mix"}
    desk.midi.maps.choose(desk.midi.maps.checked([row]))
    path = folder / "looks" / "1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "mood": "calm"}))
    return desk.show.files.save().data


def values(desk):
    return desk.store.snapshot.values


def files(data: bytes) -> dict[str, bytes]:
    return zipped.unpacked(data)


def changed(data: bytes, **told) -> bytes:
    inside = files(data)
    manifest = {**json.loads(inside["show.json"]), **told}
    return zipped.packed({**inside, "show.json": json.dumps(manifest).encode()})


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_show_is_the_same_on_another_machine(desk, show, there):
    data = prepared(desk)
    saved(there, name="of there")
    there.store.update({"prompt": "red", "black": False})
    loaded = there.show.files.load(data)
    assert (loaded.looks, loaded.missing) == (2, ())
    assert values(there)["prompt"] == "blue"
    assert not values(there)["black"], "of the moment"
    looks = there.show.looks
    assert [(one.number, one.name) for one in looks.all] == [(7, "Night"), (1, "Dawn")]
    assert there.show.told()["look"] == 0
    assert there.show.parked.names == {"vace_scale"}
    folder = there.show.files._around.folder
    assert json.loads((folder / "cues.json").read_text())["cues"][0]["look"] == 7
    assert there.midi.maps.rows == desk.midi.maps.rows != ()
    assert [str(cue) for cue in there.show.cues.all] == ["1.5"]
    there.show.recalls.recall(1, 0)
    assert (values(there)["prompt"], values(there)["vace_scale"]) == ("gold", 0.5)
    assert references.names(there.assets) == references.names(desk.assets)
    assert looks.image(7) == desk.show.looks.image(7)
    assert values(there)["reference"] in references.names(there.assets)
    assert (there.assets / "Desk.show.old" / "looks" / "1.json").exists(), "the show before"


def test_what_no_bridge_reads_is_left_out_and_named_and_the_rest_opens(desk, show, there):
    prepared(desk)
    folder = desk.show.files._around.folder
    look = json.loads((folder / "looks" / "1.json").read_text())
    spoilt = {
        "cues.json": '{"shown": 2, "cues": [{"number": 0}, {"number": 2, "name": "b", "look": 7, '
                     '"fade": null, "follow": null}]}',
        "midi.json": '{"maps": [{"kind": "cc", "from": NaN}]}',
        "parked.json": '{"parked": ["mix", 3]}', "show.json": '{"z": 1e999}',
        "looks.json": '{"order": [[1]]}',
        "looks/2.json": json.dumps({**look, "z": float("nan")}), "looks/3.json": "[" * 700,
        "looks/7.jpg": "no image",
    }  # fmt: skip
    for name, text in spoilt.items():
        (folder / name).write_text(text)
    kept = show.files.save()
    told = " ".join(kept.missing)
    assert [name for name in spoilt if f"{folder / name}" not in told] == []
    assert len(kept.missing) == len(spoilt)
    there.show.files.load(kept.data)
    assert [one.number for one in there.show.looks.all] == [1, 7]
    assert [str(cue) for cue in there.show.cues.all] == ["2"]
    assert there.show.cues.place == "", "GO begins at the first one"
    assert there.show.parked.names == {"mix"}
    inside = files(kept.data)
    cues = {**json.loads(inside["cues.json"]), "shown": 2}
    there.show.files.load(zipped.packed({**inside, "cues.json": json.dumps(cues).encode()}))
    assert there.show.cues.place == "", "of an older file too"


def test_a_show_that_no_bridge_would_open_is_not_saved(desk, show):
    folder = desk.show.files._around.folder
    show.save()
    look = json.loads((folder / "looks" / "1.json").read_text())
    look["values"] = {f"text{n}": "x" * 60_000 for n in range(17)}
    for number in range(1, 36):
        (folder / "looks" / f"{number}.json").write_text(json.dumps(look))
    with pytest.raises(
        ActionError, match=r"The show is not saved: its file has a looks.json that "
    ):
        show.files.save()


@pytest.mark.parametrize("name", ["cues.json", "midi.json", "parked.json", "show.json"])
def test_a_part_that_the_bridge_could_not_read_is_refused_at_the_door(name):
    much = {"cues": [], "maps": [], "parked": ["x" * 190] * 6000, "z": "x" * (1 << 20)}
    told = (
        {**json.loads(BODY), **much} if name == "show.json" else {**much, "maps": ["x" * 300_000]}
    )
    if name == "cues.json":
        fields = {"name": "x" * 80, "look": 1, "fade": None, "follow": None}
        told["cues"] = [{"number": n + 1, **fields} for n in range(9000)]
    data = zipped.packed({"show.json": BODY, name: json.dumps(told).encode()})
    assert "larger than" in refusal(data)


def test_unknown_fields_are_saved_again_and_the_file_stays_the_same(desk, show, there):
    data = changed(prepared(desk), weather={"rain": [1, 2.5]})
    there.show.files.load(data)
    again = there.show.files.save().data
    told = json.loads(files(again)["show.json"])
    assert told["weather"] == {"rain": [1, 2.5]}
    assert "calm" in files(again)["looks.json"].decode()
    same = {name: one for name, one in files(data).items() if name != "show.json"}
    assert {name: one for name, one in files(again).items() if name != "show.json"} == same


def test_what_is_missing_is_named_and_the_rest_runs(desk, show, there):
    data = changed(
        prepared(desk),
        pipeline="sparkle",
        values={"prompt": "sea", "lora": "style", "vace_scale": 7, "glitter": 3},
        loras={"style": {"sha256": "ab" * 32, "size": 5}},
        references={},
    )
    inside = {name: one for name, one in files(data).items() if "references/" not in name}
    data = zipped.packed(inside)
    loaded = there.show.files.load(data)
    told = " ".join(loaded.missing)
    for word in ("LoRA style is missing", "'glitter'", "vace_scale takes", "pipeline 'sparkle'"):
        assert word in told
    assert values(there)["prompt"] == "sea"


def test_an_image_of_another_content_keeps_both(desk, show, there):
    data = prepared(desk)
    name = references.names(desk.assets)[0]
    there.assets.mkdir(exist_ok=True)
    (there.assets / name).write_bytes(picture(200))
    there.show.files.load(data)
    there.show.recalls.recall(1, 0)
    used = values(there)["reference"]
    assert used != name
    assert references.clean((there.assets / used).read_bytes()) == references.clean(picture(20))
    assert (there.assets / name).read_bytes() == picture(200)
    there.show.files.load(data)
    assert len(references.names(there.assets)) == 2, "loaded again, none is added"


def test_proposals_are_told_and_not_used(desk, show, there):
    data = changed(
        prepared(desk), machine="another", proposals={"port": "9", "source": "spout:X", "x": [1]}
    )
    loaded = there.show.files.load(data)
    assert loaded.foreign
    assert loaded.proposals == {"port": "9", "source": "spout:X"}


def test_a_load_that_fails_changes_nothing(desk, show, there, monkeypatch):
    data = prepared(desk)
    there.store.update({"prompt": "mine"})
    saved(there, name="Mine")
    before = everything(there.assets)

    def fails(*given):
        raise OSError(28, "No space left on device")

    for place in ("bridge.show.carried._swap", "bridge.show.carried._write"):
        with monkeypatch.context() as patched:
            patched.setattr(place, fails)
            with pytest.raises(ActionError, match="No space left"):
                there.show.files.load(data)
        assert everything(there.assets) == before
    with monkeypatch.context() as patched:
        patched.setattr(there.show.files, "_take", fails)
        with pytest.raises(OSError, match="No space"):
            there.show.files.load(data)
    assert everything(there.assets) == before
    assert [one.name for one in there.show.looks.all] == ["Mine"]
    assert values(there)["prompt"] == "mine"


def test_what_is_saved_while_a_show_is_loaded_is_refused_and_before_it_is_waited_for(
    desk, show, there, monkeypatch
):
    data, looks, write = prepared(desk), there.show.looks, Looks._put
    loading = threading.Thread(target=there.show.files.load, args=[data])

    def slow(*given):
        loading.start()
        sleep(0.05)
        assert looks.all == (), "the show is loaded after this look is saved"
        write(*given)

    with monkeypatch.context() as patched:
        patched.setattr(Looks, "_put", slow)
        there.show.save(name="Mine")
    loading.join(20)
    assert [one.name for one in looks.all] == ["Night", "Dawn"]
    old = there.assets / "Desk.show.old" / "looks" / "1.json"
    assert json.loads(old.read_text())["name"] == "Mine", "it is of the show before"

    def busy(*given):
        for save in (
            there.show.save,
            lambda: there.show.cues.add({"look": 7}),
            lambda: there.show.parked.choose(["mix"]),
        ):
            with pytest.raises(ActionError, match=r"A show is being loaded; try again when"):
                save()
        return []

    with monkeypatch.context() as patched:
        patched.setattr(there.show.files, "_take", busy)
        there.show.files.load(data)
    assert len(looks.all) == 2
    assert there.show.save() == 8


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_folder_on_a_stick_is_followed_and_a_missing_stick_refused(desk, show, there, tmp_path):
    data, stick = prepared(desk), tmp_path / "stick"
    folder = there.show.files._around.folder
    (stick / "mine").mkdir(parents=True)
    (stick / "mine" / "notes.txt").write_text("of mine")
    there.assets.mkdir(exist_ok=True)
    folder.symlink_to(stick / "mine")
    (stick / "Desk.show.old").symlink_to(folder)  # whatever is there
    with pytest.raises(ActionError, match=r"other files too, 'notes\.txt'; give the show a folder"):
        there.show.files.load(data)
    (stick / "mine" / "notes.txt").rename(stick / "mine.old")
    for _ in range(2):
        there.show.files.load(data)
        assert len(there.show.looks.all) == 2
    assert folder.is_symlink()
    assert {path.name for path in stick.iterdir()} == {"mine", "mine.old", "Desk.show.old"}
    assert there.show.save() == 8
    assert {path.name for path in (stick / "mine" / "looks").glob("*.json")} == {
        "1.json", "7.json", "8.json",
    }  # fmt: skip
    stick.rename(tmp_path / "away")
    for deed in (partial(there.show.files.load, data), there.show.files.save):
        with pytest.raises(ActionError, match=r"is a link to .*mine, which is not there; plug in"):
            deed()
    assert not stick.exists()
    (tmp_path / "away").rename(stick)
    there.show.files.load(data)


def test_a_file_where_the_folder_should_be_is_kept_as_the_show_before(desk, show, there):
    data, folder = prepared(desk), there.show.files._around.folder
    there.assets.mkdir(exist_ok=True)
    folder.write_text("mine")
    for deed in (there.show.save, there.show.files.save):
        with pytest.raises(ActionError, match=r"not saved: .* cannot be (written|read)"):
            deed()
    there.show.files.load(data)
    assert folder.with_name("Desk.show.old").read_text() == "mine"
    there.show.files.load(data)
    assert there.show.save() == 8


def test_a_crash_between_two_renames_leaves_the_show_before(there):
    saved(there, name="Mine")
    folder = there.show.files._around.folder
    folder.rename(folder.with_name("Desk.show.old"))
    folder.with_name("Desk.show.new").mkdir()
    again = FakeDesk(there.assets)
    again.show.start()
    again.show.stop()
    assert [one.name for one in again.show.looks.all] == ["Mine"]


# Hostile files.


def zip_of(*rows: tuple[str, bytes], how=zipfile.ZIP_DEFLATED, mode=0) -> bytes:
    made = BytesIO()
    with zipfile.ZipFile(made, "w", how) as zipped_:
        for name, data in rows:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = how, mode << 16
            zipped_.writestr(info, data)
    return made.getvalue()


def patched(data: bytes, mark: bytes, offset: int, form: str, value: int) -> bytes:
    """A field of the first header that begins with a mark changed."""
    made, at = bytearray(data), data.index(mark) + offset
    struct.pack_into(form, made, at, value)
    return bytes(made)


SHOW = zip_of(("show.json", b'{"format": "spout-bridge show", "version": 1, "name": "a", '
                            b'"machine": "", "pipeline": "stylize"}'))  # fmt: skip
CENTRAL, LOCAL, END = b"PK\1\2", b"PK\3\4", b"PK\5\6"
BODY = files(SHOW)["show.json"]
DEEP = zip_of(("show.json", b"[" * 40_000))

HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "no files": zip_of(),
    "cut off": SHOW[:-1],
    "something after": SHOW + b"x",
    "something before": b"#!/bin/sh\n" + SHOW,
    "up": zip_of(("show.json", BODY), ("../show.json", BODY)),
    "up by a backslash": zip_of(("show.json", BODY), ("references\\..\\x.png", BODY)),
    "absolute": zip_of(("show.json", BODY), ("/etc/passwd", BODY)),
    "a drive": zip_of(("show.json", BODY), ("C:show.json", BODY)),
    "a share": zip_of(("show.json", BODY), ("//host/s/x.png", BODY)),
    "NUL": zip_of(("show.json", BODY), ("looks.jsom", BODY)).replace(b"looks.jsom", b"looks.\0som"),
    "a device": zip_of(("show.json", BODY), ("CON", BODY)),
    "a stream": zip_of(("show.json", BODY), ("show.json:x", BODY)),
    "a script": zip_of(("show.json", BODY), ("run.py", b"print()")),
    "a zip": zip_of(("show.json", BODY), ("more.show", SHOW)),
    "a folder": zip_of(("show.json", BODY), ("references/", b"")),
    "an odd name": zip_of(("show.json", BODY), ("sĥow.json", BODY)),
    "a link": zip_of(("show.json", b"/etc/passwd"), mode=0o120777),
    "twice": zip_of(("show.json", BODY), ("show.jsom", BODY)).replace(b"show.jsom", b"show.json"),
    "case": zip_of(("show.json", BODY), ("SHOW.json", BODY)),
    "bomb": zip_of(("show.json", BODY), ("looks.json", bytes(60 << 20))),
    "many bombs": zip_of(*((f"references/{n:016x}.png", bytes(64 << 10)) for n in range(1100))),
    "many files": zip_of(*((f"references/{n:016x}.png", b"") for n in range(401))),
    "encrypted": patched(patched(SHOW, CENTRAL, 8, "<H", 1), LOCAL, 6, "<H", 1),
    "another way": zip_of(("show.json", BODY), how=zipfile.ZIP_LZMA),
    "wrong sum": patched(patched(SHOW, CENTRAL, 16, "<I", 7), LOCAL, 14, "<I", 7),
    "sum of one": patched(SHOW, CENTRAL, 16, "<I", 7),
    "longer": patched(patched(SHOW, CENTRAL, 24, "<I", 999), LOCAL, 22, "<I", 999),
    "shorter": patched(patched(SHOW, CENTRAL, 24, "<I", 9), LOCAL, 22, "<I", 9),
    "zip64": patched(SHOW, CENTRAL, 24, "<I", 0xFFFFFFFF),
    "zip64 count": patched(patched(SHOW, END, 8, "<H", 0xFFFF), END, 10, "<H", 0xFFFF),
    "two counts": patched(SHOW, END, 8, "<H", 2),
    "more than there are": patched(patched(SHOW, END, 8, "<H", 2), END, 10, "<H", 2),
    "elsewhere": patched(SHOW, END, 16, "<I", 3),
    "starts elsewhere": patched(SHOW, CENTRAL, 42, "<I", 1),
    "another name": patched(SHOW, LOCAL, 30, "<B", ord("S")),
    "comment": patched(SHOW, END, 20, "<H", 5) + b"hello",
    "deep": DEEP,
    "much JSON": zip_of(("show.json", b"[" + b"{}," * 60_000 + b"{}]")),
    "no JSON": zip_of(("show.json", b"{")),
    "NaN": zip_of(("show.json", BODY[:-1] + b', "values": {"vace_scale": NaN}}')),
    "a name twice": zip_of(("show.json", BODY[:-1] + b', "version": 1}')),
    "newer": zip_of(("show.json", BODY.replace(b"1", b"2"))),
    "no show": zip_of(("show.json", b"{}")),
    "a list of values": zip_of(("show.json", BODY[:-1] + b', "values": []}')),
    "a value of values": zip_of(("show.json", BODY[:-1] + b', "values": {"prompt": {}}}')),
    "a reference that is none": zip_of(
        ("show.json", BODY[:-1] + b', "references": {"a.png": "00000000000000ff"}}'),
        ("references/00000000000000ff.png", b"<svg/>"),
    ),
    "a reference with a bad name": zip_of(
        ("show.json", BODY[:-1] + b', "references": {"../a.png": "00000000000000ff"}}'),
        ("references/00000000000000ff.png", picture(3)),
    ),
    "a reference that is not there": zip_of(
        ("show.json", BODY[:-1] + b', "references": {"a.png": "00000000000000ff"}}')
    ),
    "a look of number 0": zip_of(("show.json", BODY), ("looks.json", b'{"looks": [{}]}')),
    "cues that are none": zip_of(("show.json", BODY), ("cues.json", b'{"cues": 3}')),
    "cues of words": zip_of(("show.json", BODY), ("parked.json", b'{"parked": [3]}')),
}  # fmt: skip


def refusal(data: bytes) -> str:
    with pytest.raises(ActionError) as error:
        showfile.read(data)
    return str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_sentence(name):
    told = refusal(HOSTILE[name])
    assert told.startswith("This is no show file: it ")
    assert told.endswith(".")
    assert "\n" not in told
    assert len(told) < 300


def test_the_plain_one_is_accepted():
    assert showfile.read(SHOW).pipeline == "stylize"
    assert showfile.read(zip_of(("show.json", BODY), how=zipfile.ZIP_STORED)).name == "a"


@pytest.mark.slow
def test_2000_mutations_give_nothing_but_the_refusal(desk, show):
    data = prepared(desk)
    draw = random.Random(7)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    accepted, told = 0, set()
    for _ in range(2000):
        made = bytearray(data)
        for _ in range(draw.choice((1, 1, 2, 5))):
            at = draw.randrange(len(made))
            if draw.random() < 0.5:  # where zips lie
                at = draw.choice([i for i in (made.rfind(CENTRAL), made.rfind(END)) if i >= 0]
                                 or [0]) + draw.randrange(46)  # fmt: skip
            how, end = draw.randrange(4), min(len(made), at + draw.randrange(1, 5))
            if how == 0:
                made[at:end] = draw.randbytes(end - at if end > at else 0)
            elif how == 1:
                del made[at:end]
            elif how == 2:
                made[at:at] = draw.randbytes(draw.randrange(1, 9))
            else:
                made[at:end] = b"\xff" * max(0, end - at)
        try:
            showfile.read(bytes(made))
            accepted += 1
        except ActionError as error:
            told.add(str(error)[:25])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert told == {"This is no show file: it "}
    assert accepted < 200, "times and attributes may differ"
    assert grown < 100 << 10, "KB"


whole: dict[str, bytes] = {}  # the files of a folder before


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[*HealthCheck])
@given(st.data())
def test_a_folder_edited_by_hand_is_saved_as_a_show_that_opens(desk, data):
    folder = desk.show.files._around.folder
    if not folder.exists():
        prepared(desk)
        whole.update(everything(folder))
    odd = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
        | st.sampled_from(["\ud800", "\u202e", [[]] * 40, 10**40]),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner,
                                                                    max_size=2),
    )  # fmt: skip
    name = data.draw(st.sampled_from([each for each in whole if each.endswith(".json")]))
    told = at = json.loads(whole[name])
    for _ in range(data.draw(st.integers(0, 3))):  # somewhere in it
        inner = [at[key] for key in (at if isinstance(at, dict) else range(len(at)))]
        inner = [each for each in inner if isinstance(each, (dict, list)) and each]
        at = data.draw(st.sampled_from(inner)) if inner else at
    keys = [*at] if isinstance(at, dict) else [*range(len(at))]
    key = data.draw(st.sampled_from([*keys, "z"] if isinstance(at, dict) else keys))
    at[key] = data.draw(odd)
    try:
        (folder / name).write_text(json.dumps(told))
        desk.show._again()
        desk.midi.maps.read()
        looks = desk.show.looks.all
        assert [one for one, _ in showfile.read(desk.show.files.save().data).looks] == [*looks]
        for one in looks:
            desk.show.looks.lacks(one)
            desk.show.looks.rename(one.number, one.name)
    finally:
        for name, content in whole.items():
            (folder / name).write_bytes(content)


@pytest.mark.slow
def test_mutated_json_gives_nothing_but_the_refusal(desk, show, there):
    inside = files(prepared(desk))
    draw, odd = random.Random(3), ["", -1, 1e300, None, [], {}, "../x", True, "a" * 300, [[]]]

    def mutated(told):
        if isinstance(told, dict) and told and draw.random() < 0.9:
            key = draw.choice([*told])
            return {**told, key: mutated(told[key])}
        if isinstance(told, list) and told and draw.random() < 0.9:
            return [mutated(told[0]), *told[1:]]
        return draw.choice(odd)

    for _ in range(60):
        name = draw.choice([each for each in inside if each.endswith(".json")])
        made = {**inside, name: json.dumps(mutated(json.loads(inside[name]))).encode()}
        with suppress(ActionError):
            there.show.files.load(zipped.packed(made))
    assert not {path.name for path in there.assets.iterdir()} - {
        "Desk.show", "Desk.show.old", *references.names(there.assets)
    }  # fmt: skip


def test_packing_is_bounded_and_never_a_bomb_to_itself():
    zeros = {"show.json": b" " * (5 << 20), "a.png": bytes(3 << 20)}
    assert zipped.unpacked(zipped.packed(zeros)) == zeros
    with pytest.raises(BadZip, match="64 MB"):
        zipped.packed({"a.png": bytes((64 << 20) + 1)})
    with pytest.raises(BadZip, match="401 files"):
        zipped.packed({f"{n}.png": b"" for n in range(401)})
