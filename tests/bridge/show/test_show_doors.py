"""The show file through a running bridge, and by the commands `save` and `run FILE.show`."""

import json
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from email.message import Message
from io import BytesIO, StringIO

import pytest
from rich.console import Console

from bridge.cli import supervisor
from bridge.cli.commands import main
from bridge.cli.show import accepted, begin_with, current
from bridge.errors import CommandError
from bridge.session import Session
from bridge.settings import Settings
from bridge.show import zipped
from bridge.show.look import Look
from bridge.show.showfile import LoraMark, ShowFile, written
from bridge.state.catalog import installed_catalog
from tests.support.bridge import COMMAND, refused, running

ENDS = ["--source", "demo:", "--sink", "null:", "--output-size", "64x48", "--size", "64x48"]


def sent(bridge, data: bytes, kind="application/zip"):
    """The status and the answer."""
    request = urllib.request.Request(f"{bridge.url}/api/v1/show", data, {"content-type": kind})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def told(*arguments) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return " ".join((done.stdout + done.stderr).split())


def values(bridge):
    return bridge.ask("parameters")


@pytest.mark.slow
def test_a_show_is_saved_loaded_and_run_on_another_folder_port_and_name(tmp_path):
    file, stopped = tmp_path / "my show.show", tmp_path / "stopped.show"
    with running(tmp_path / "here", *ENDS, "--name", "Here") as bridge:
        bridge.ask("parameters", {"prompt": "gold", "black": True}, "PATCH")
        bridge.ask("looks", {"name": "Dawn"})
        port = str(bridge.port)
        assert "my show.show" in told("save", str(file), "--port", port)
        before = json.loads(zipped.unpacked(file.read_bytes())["show.json"])
        assert before["proposals"]["source"] == "demo:"
        assert "black" not in before["values"]
        bridge.ask("parameters", {"prompt": "blue"}, "PATCH")
        status, answer = sent(bridge, file.read_bytes())
        assert (status, answer["looks"], answer["missing"]) == (200, 1, [])
        assert values(bridge)["prompt"] == "gold"
        assert values(bridge)["black"], "the performer's"
        status, answer = sent(bridge, b"PK no")
        assert (status, answer["detail"][:26]) == (409, "This is no show file: it i")
        assert sent(bridge, file.read_bytes(), "text/plain")[0] == 415
    where = ["--folder", str(tmp_path / "here"), "--name", "Here", "--port", "9"]
    assert "is not running" in told("save", str(stopped), *where)
    manifest = json.loads(zipped.unpacked(stopped.read_bytes())["show.json"])
    assert manifest["values"]["prompt"] == "gold"
    # elsewhere, with flags that win, and proposals of another machine that nobody accepts
    inside = zipped.unpacked(file.read_bytes())
    other = {**before, "machine": "other", "proposals": {"output_fps": "7", "source": "camera:9"}}
    file.write_bytes(zipped.packed({**inside, "show.json": json.dumps(other).encode()}))
    more = [str(file), "--name", "There", "--set", "vace_scale=0.3"]
    with running(tmp_path / "there", *ENDS, *more) as bridge:
        assert (values(bridge)["prompt"], values(bridge)["vace_scale"]) == ("gold", 0.3)
        assert [look["name"] for look in bridge.ask("looks")["looks"]] == ["Dawn"]
        assert bridge.state()["source"].startswith("demo")
        assert "--use-proposals" in "".join(bridge.lines)
    with running(tmp_path / "third", "--sink", "null:", str(file), "--use-proposals") as bridge:
        lines = " ".join("".join(bridge.lines).split())
        assert "camera:9" in lines


def test_a_start_says_what_the_show_has_and_what_is_missing_and_no_input_that_is_none(tmp_path):
    look = Look(number=1, name="Dawn", pipeline="stylize", values={}, saved="")
    show = ShowFile(
        name="my", pipeline="stylize", values={"lora_1": "paint.safetensors"}, looks=[(look, b"")],
        files={"cues.json": {"shown": None, "cues": [{"number": 1, "look": 1}] * 2}},
        loras={"paint.safetensors": LoraMark("0" * 64, 9)},
    )  # fmt: skip
    settings = Settings(folder=tmp_path)
    begin_with(show, settings, {}, "my.show")
    begun = Session(settings, installed_catalog())
    begun._restore.take_up(())
    begun.let_go()
    assert begun.restored.startswith("my.show: 1 look, 2 cues. ")
    assert "paint.safetensors" in begun.restored
    console = Console(file=StringIO(), width=500)
    there = replace(show, machine="other", proposals={"source": "demo:", "mask": "none"})
    assert accepted(there, (), console, use=False) == {}
    assert "with source demo:; unused" in console.file.getvalue()
    assert accepted(replace(there, proposals={"mask": "none"}), (), console, use=False)


def test_the_show_of_a_bridge_that_runs_on_another_port_is_not_taken_for_a_stopped_ones(tmp_path):
    session = Session(Settings(folder=tmp_path), installed_catalog())
    session.make_folder()
    session._restore.take_up(())
    try:
        with pytest.raises(CommandError, match=r"is running, .* port 9; give its port"):
            current(Settings(folder=tmp_path, port=9))
    finally:
        session.let_go()


def test_a_show_re_anchors_a_stream_that_drifts_unless_told_otherwise(tmp_path, monkeypatch):
    file, begun = tmp_path / "my.show", []
    file.write_bytes(written(ShowFile(name="my", pipeline="stylize", values={})))
    monkeypatch.setattr(supervisor, "supervise", lambda *given: begun.append(given))
    for more in ([], ["--reanchor", "0"], ["--reanchor", "3"]):
        main(["run", str(file), "--keep", "--folder", str(tmp_path / "data"), *more])
    assert [settings.reanchor_at for _, settings, _ in begun] == [2, 0, 3]
    assert "--reanchor=2" in begun[0][0], "after a crash too"


def test_save_tells_why_the_bridge_refuses(monkeypatch, tmp_path, capsys):
    why = {"detail": "The show is not saved: it is too large."}

    def refuses(request, timeout):
        body = BytesIO(json.dumps(why).encode())
        raise urllib.error.HTTPError(request.full_url, 409, "", Message(), body)

    monkeypatch.setattr(urllib.request, "urlopen", refuses)
    with pytest.raises(SystemExit):
        main(["save", str(tmp_path / "my.show"), "--folder", str(tmp_path)])
    assert why["detail"] in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_what_is_no_show_is_refused(tmp_path):
    file = tmp_path / "x.show"
    file.write_bytes(b"PK")
    for command in (["run", str(file)], ["run", str(tmp_path / "none.show")]):
        status, why = refused(*command, "--folder", str(tmp_path / "data"))
        assert status == 1
        assert "show" in why
    assert not (tmp_path / "data" / "Bridge.show").exists()
    status, why = refused("run", str(file), "--fresh", "--folder", str(tmp_path / "data"))
    assert (status, "--fresh" in why) == (2, True)
    status, why = refused("save", str(tmp_path / "x.zip"))
    assert (status, ".show" in why) == (2, True)
    where = ["--port", "9", "--folder", str(tmp_path / "data")]
    status, why = refused("save", str(tmp_path / "y.show"), *where)
    assert (status, "nothing" in why.lower()) == (1, True)
