"""Pasted paths at every door, and those that cannot be files on Windows.

The pure rules are tried here for both systems; tests/wine/test_files.py has them on Windows' own.
"""

import io
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.commands import _encoding, main
from bridge.settings import Settings, data_folder
from bridge.system import paths
from bridge.system.paths import QUOTES, meant, place, refusal, typed, unquoted
from bridge.transports import Options, TransportError, open_sink, open_source
from engine.files import library
from engine.files.library import other_places
from tests.support.bridge import running
from tests.support.lora_files import lora_file
from tests.support.rig import running_session


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (r"C:\a.mp4", r"file:C:\a.mp4"),
        (r'"C:\my films\a.mp4"', r"file:C:\my films\a.mp4"),
        (r'file:"C:\my films\a.mp4"', r"file:C:\my films\a.mp4"),
        ("'/home/me/a b.mp4'", "file:/home/me/a b.mp4"),
        ("\u202aC:\\a.mp4", r"file:C:\a.mp4"),
        ("c:/a.mp4", "file:c:/a.mp4"),
        ("file:///C:/a%20b.mp4", "file:C:/a b.mp4"),
        ("FILE:///C:/a%20b.mp4", "file:C:/a b.mp4"),
        ("file://localhost/C:/a.mp4", "file:C:/a.mp4"),
        ("file://C:/a.mp4", "file:C:/a.mp4"),
        ("file:/C:/a.mp4", "file:C:/a.mp4"),
        ("file:///home/me/%C3%BC%20%F0%9F%99%82.mp4", "file:/home/me/ü 🙂.mp4"),
        (r"\\nas\films\a.mp4", r"file:\\nas\films\a.mp4"),
        ("/home/me/a.mp4", "file:/home/me/a.mp4"),
        ("~/a.mp4", "file:~/a.mp4"),
        ("file:a%20b.mp4", "file:HERE/a%20b.mp4"),  # no URL: a file may be called so
        ("file:100%.mp4", "file:HERE/100%.mp4"),
        ("clip.mp4", "file:HERE/clip.mp4"),
        (' "./my films/Clip.MOV"', "file:HERE/my films/Clip.MOV"),
        ("../still.png", "file:HERE/../still.png"),
        ("file:raw", "file:HERE/raw"),
        ("file:", "file:"),
        ("shm:clip.mp4", "shm:clip.mp4"),
        ("http://films.example/clip.mp4", "http://films.example/clip.mp4"),
        ("clip", "clip"),
        ("file:///a/100%25.mp4", "file:/a/100%.mp4"),
        (" /home/me/a b.mp4 ", "file:/home/me/a b.mp4"),
        ("file:/home/me/a.mp4 ", "file:/home/me/a.mp4"),
        ("file:\t/home/me/a.mp4\r\n", "file:/home/me/a.mp4"),
        ('\ufeff "C:\\my films\\a.mp4"\r\n', r"file:C:\my films\a.mp4"),
        ("\u00a0file:///home/me/a.mp4\u00a0\n", "file:/home/me/a.mp4"),
        ("\u200e/home/me/a.mp4\u202c", "file:/home/me/a.mp4"),
        (" shm:Cam\n", "shm:Cam"),
        ("\tdemo: ", "demo:"),
        (" spout:Cam 1\r\n", "spout:Cam 1"),
        ("spout:Cam 1 ", "spout:Cam 1 "),  # a sender's name is what it is
        ("camera:0", "camera:0"),
        ("“C:\\my films\\a.mp4”", r"file:C:\my films\a.mp4"),  # as a word processor quotes
        ("‘/home/me/a b.mp4’", "file:/home/me/a b.mp4"),
        ("„/home/me/a.mp4“", "file:/home/me/a.mp4"),
        ("«/home/me/a.mp4»", "file:/home/me/a.mp4"),
        ("“file:///home/me/a%20b.mp4”", "file:/home/me/a b.mp4"),
        (r"file://C:\my films\a.mp4", r"file:C:\my films\a.mp4"),
        ("file:///c%3A/a.mp4", "file:c:/a.mp4"),  # as an editor copies it
        ("file://~/a.mp4", "file:~/a.mp4"),
        ("file://clip.mp4", "file:HERE/clip.mp4"),
        ("file://./clip.mp4", "file:HERE/clip.mp4"),
        ("file:///takes/%04d.png", "file:/takes/%04d.png"),  # no letter is meant by that
        ("SHM:Cam 1", "shm:Cam 1"),
        ("Spout:Cam 1 ", "spout:Cam 1 "),
        ("DEMO:", "demo:"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_what_a_pasted_path_means(typed, wanted):
    wanted = wanted.replace("HERE", str(Path.cwd()))
    assert meant(typed) == wanted
    assert meant(wanted) == wanted, "and it is never read twice"


def test_two_slashes_begin_a_share_on_windows_alone(monkeypatch):
    assert meant("//films/a.mp4") == "file:/films/a.mp4"
    assert meant(meant("//a.mp4")) == meant("//a.mp4") == "file:/a.mp4"
    monkeypatch.setattr(paths, "PurePath", PureWindowsPath)
    assert meant(meant("//nas/films/a.mp4")) == r"file:\\nas\films\a.mp4"


def test_a_command_takes_any_file_of_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("take 7").touch()
    Path("demo:").touch()
    Path("films").mkdir()
    assert typed("'take 7'") == f"file:{Path.cwd() / 'take 7'}"
    assert typed("clip.mp4") == f"file:{Path.cwd() / 'clip.mp4'}"
    for uri in ("demo:", "films", "none", "", "shm:Cam", "a" * 5000, "a\0b"):
        assert typed(uri) == uri


def test_a_folder_that_is_gone_or_has_no_text_for_a_name_leaves_a_path_as_it_is(monkeypatch):
    monkeypatch.setattr("os.getcwd", lambda: "/films/caf\udce9")
    assert meant("clip.mp4") == "file:clip.mp4"

    def gone():
        raise FileNotFoundError

    monkeypatch.setattr("os.getcwd", gone)
    assert meant("clip.mp4") == "file:clip.mp4"


@pytest.mark.slow
def test_a_film_of_the_folder_is_taken_and_found_again_from_another_folder(tmp_path):
    films, elsewhere, data = tmp_path / "films", tmp_path / "elsewhere", tmp_path / "data"
    for folder in (films, elsewhere):
        folder.mkdir()
    cv2.imwrite(str(films / "still.png"), np.full((48, 64, 3), 90, np.uint8))
    (films / "take 7").write_bytes((films / "still.png").read_bytes())
    few = ("--pipeline", "passthrough", "--sink", "null:", "--output-size", "64x48")

    def source_of(folder, *more):
        with running(data, *few, *more, cwd=folder) as bridge:
            return bridge.until(lambda state: state["input"] == "live")["source"]

    for name in ("still.png", "take 7"):
        whole = f"file:{films / name} · "
        assert source_of(films, "--source", name).startswith(whole)
        assert source_of(elsewhere).startswith(whole), "kept by the run before"


def test_a_share_in_a_url_is_windows_own_path_there(monkeypatch):
    assert meant("file://nas/films/a%20b.mp4") == "file:/nas/films/a b.mp4"
    monkeypatch.setattr(paths, "PurePath", PureWindowsPath)
    assert meant("file://nas/films/a%20b.mp4") == r"file:\\nas\films\a b.mp4"
    assert PureWindowsPath(r"\\nas\films\a b.mp4").drive == r"\\nas\films"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (r"C:\a.mp4:x.mp4", "a stream hidden in a file"),
        (r"\\nas\films\a.mp4:x", "a stream hidden in a file"),
        (r"a.mp4:x.mp4", "a stream hidden in a file"),
        (r"C:\films\CON", "a device on Windows"),
        (r"C:\films\nul.mp4", "a device on Windows"),
        (r"C:\com1.tar\show.mp4", "a device on Windows"),
        (r"C:\COM¹", "a device on Windows"),
        (r"C:\a.mp4", ""),
        (r"\\nas\films\a.mp4", ""),
        (r"C:\console\common.mp4", ""),
    ],
)
def test_what_leads_to_no_file_on_windows(path, words):
    assert words in refusal(PureWindowsPath(path))
    assert bool(refusal(PureWindowsPath(path))) == bool(words)
    assert refusal(PurePosixPath(path)) == "", "elsewhere these are files like any other"


def test_a_film_and_a_recording_are_not_hidden_in_another_file(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "bridge.transports.file.refusal", lambda path: refusal(PureWindowsPath(str(path)))
    )
    for open_ in (open_source, open_sink):
        with pytest.raises(TransportError, match="a stream hidden in a file"):
            open_(f"file:{tmp_path}/a.mp4:x.mp4", Options())
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["CON", "nul", "Com1", "LPT9", "aux"])
def test_a_name_that_windows_has_a_device_for_is_refused_everywhere(tmp_path, capsys, name):
    with pytest.raises(SystemExit) as end:
        main(["run", "--folder", str(tmp_path), "--name", name])
    assert end.value.code == 2
    assert f"{name} is a device on Windows" in " ".join(capsys.readouterr().err.split())


def test_settings_take_paths_with_their_quotes(tmp_path, monkeypatch):
    made = Settings(
        folder=f'"{tmp_path}"', models=f"{tmp_path}/m\"", more_models=f'"{tmp_path}/a","/b"',
        source='"/films/a.mp4"', fallback="/films/b.mp4", sink="file:///films/c%20d.mp4",
    )  # fmt: skip
    assert (made.folder, made.models) == (tmp_path, tmp_path / "m")
    assert made.more_models == (tmp_path / "a", Path("/b"))
    assert (made.source, made.fallback) == ("file:/films/a.mp4", "file:/films/b.mp4")
    assert made.sink == "file:/films/c d.mp4"
    assert Settings(folder=f" {tmp_path.as_uri()}/d%20e").folder == tmp_path / "d e"
    monkeypatch.setenv("SPOUT_BRIDGE_SOURCE", "'/films/e.mp4'")
    assert Settings().source == "file:/films/e.mp4"
    assert unquoted('say "hi" twice "') == 'say "hi" twice "'


@pytest.mark.slow
def test_a_running_bridge_takes_a_plain_path_and_says_what_holds(tmp_path):
    film = tmp_path / "my film.png"
    cv2.imwrite(str(film), np.full((48, 64, 3), 90, np.uint8))
    with running_session(tmp_path, pipeline="passthrough") as rig:
        for typed in (str(film), f'"{film}"', film.as_uri(), f" {film} ", f"\u00a0file:{film}\r\n"):
            rig.session.set_source(typed)
            rig.until(lambda: rig.session.status().source.startswith(f"file:{film} ·"))
            rig.session.set_source("demo:")
            rig.until(lambda: rig.session.status().source.startswith("demo:"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("ü 100%.png", "%C3%BC%20100%25.png"),
        pytest.param("my film.png", "my%20film.png", marks=pytest.mark.slow),
        pytest.param("my (2) film.png", r"my\ \(2\)\ film.png",
                     marks=pytest.mark.skipif(os.name == "nt", reason="there these are folders")),
    ],
)  # fmt: skip
def test_a_running_bridge_finds_what_is_written_as_in_a_url_or_a_shell(tmp_path, name, given):
    film, other = tmp_path / name, tmp_path / given
    cv2.imwrite(str(film), np.full((48, 64, 3), 90, np.uint8))
    with running_session(tmp_path / "data", pipeline="passthrough") as rig:
        for typed in (f"file:{other}", str(other), f"file:/{other.as_posix()}".replace("//", "/")):
            rig.session.set_source(typed)
            rig.until(lambda: rig.session.status().source.endswith(f", {name}"))
            rig.session.set_source("demo:")
            rig.until(lambda: rig.session.status().source.startswith("demo:"))
        cv2.imwrite(str(other), np.full((24, 32, 3), 90, np.uint8))
        rig.session.set_source(f"file:{other}")  # what is called so is meant first
        rig.until(lambda: rig.session.status().source.endswith(f", {given}"))


@given(st.text(max_size=30))
def test_no_text_is_read_twice_or_loses_what_it_names(text):
    once = meant(text)
    if not once.startswith("spout:") and '"' not in once and not QUOTES.keys() & {*once}:
        assert meant(once) == once
    for quoted in (f'"{text}"', f"“{text}”", f" {text}\n"):
        if unquoted(text) == text and text and text[0] not in QUOTES and text[-1] not in "\"'":
            assert unquoted(quoted) == text


def test_folders_and_files_of_a_command_are_whole_wherever_it_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    here = Path.cwd()
    made = Settings(folder="my show", models='"~/my models"', more_models="a b,~/c,“d”")
    assert made.folder == here / "my show"
    assert made.models == tmp_path / "home" / "my models"
    assert made.more_models == (here / "a b", tmp_path / "home" / "c", here / "d")
    assert place(f"{here.as_uri()}/d%20e") == here / "d e"


def test_layouts_are_written_where_a_quoted_folder_is_and_that_is_told_whole(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my layouts").mkdir()
    main(["layouts", "--write", '"my layouts"'])
    told = capsys.readouterr().err.replace("\n", "")
    for written in (made := [*(tmp_path / "my layouts").iterdir()]):
        assert str(Path.cwd() / "my layouts" / written.name) in told
    assert made


def test_send_tells_the_whole_path_that_it_records_into(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["send", "demo:", "--to", "“my take.mp4”", "--seconds", "0.5"])
    assert (tmp_path / "my take.mp4").is_file()
    assert f"file:{Path.cwd() / 'my take.mp4'}" in capsys.readouterr().err.replace("\n", "")


@pytest.mark.slow
def test_a_running_bridge_takes_what_is_pasted_among_blanks(tmp_path):
    film = tmp_path / "my film.png"
    cv2.imwrite(str(film), np.full((48, 64, 3), 90, np.uint8))
    with running_session(tmp_path / "data", pipeline="passthrough") as rig:
        (rig.session.assets / "a b.png").write_bytes(film.read_bytes())
        whole, loras = rig.session.assets / "a b.png", tmp_path / "data" / "models" / "loras"
        for given in (
            " a b.png\n", '"a b.png"', "\u00a0a b ", f'"{whole}" ', whole.as_uri(),
        ):  # fmt: skip
            rig.session.store.update({"reference": given})
            assert rig.session.store.snapshot.values["reference"] == "a b.png", "what holds"
            rig.session.store.update({"reference": ""})
        lora = lora_file(loras / "my lora.safetensors")
        for given in (lora.name, f' "{lora}"\n', lora.as_uri()):
            rig.session.store.update({"lora_1": given})
            assert rig.session.store.snapshot.values["lora_1"] == lora.name
            rig.session.store.update({"lora_1": ""})
        for odd in (str(film), f"{loras}/../my lora.safetensors", str(loras)):
            with pytest.raises(ValueError, match=r"LoRA .* not found"):
                rig.session.store.update({"lora_1": odd})
        rig.session.switch(" painter \n")
        rig.until(lambda: rig.session.status().pipeline == "painter")


@pytest.mark.parametrize(
    ("variable", "given", "name", "wanted"),
    [
        ("NAME", "Stage ", "name", "Stage"),
        ("PIPELINE", "passthrough ", "pipeline", "passthrough"),
        ("HOST", " 127.0.0.1 ", "host", "127.0.0.1"),
        ("TOKEN", "0123456789abcdef ", "token", "0123456789abcdef"),
        ("SINK", "shm:Cam ", "sink", "shm:Cam"),
        ("FOLDER", "/data ", "folder", Path("/data")),
        ("FALLBACK", "card ", "fallback", "card"),
        ("OUTPUT_SIZE", "640x360 ", "output_size", "640x360"),
    ],
)
def test_the_blank_that_cmd_leaves_in_a_variable_is_no_part_of_it(
    monkeypatch, variable, given, name, wanted
):
    monkeypatch.setenv(f"SPOUT_BRIDGE_{variable}", given)
    assert getattr(Settings(), name) == wanted


@pytest.mark.slow
def test_redirected_output_is_utf8_whatever_the_system_has(tmp_path):
    code = (
        "import io, sys; "
        "sys.stderr = io.TextIOWrapper(sys.stderr.buffer, 'cp1252', line_buffering=True); "
        "from bridge.cli import main; main()"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONIOENCODING"}
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--folder", str(tmp_path), "--port", "0",
         "--source", "file:ü 日本.mp4", "--pipeline", "passthrough", "--sink", "null:"],
        capture_output=True, env=environment, timeout=60,
    )  # fmt: skip
    assert "ü 日本.mp4" in done.stderr.decode("utf-8").replace("\n", "")
    assert done.returncode == 1


def test_what_somebody_chose_for_output_stays(monkeypatch):
    pipe = io.TextIOWrapper(io.BytesIO(), "cp1252")
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    assert _encoding(pipe) == "utf-8"
    monkeypatch.setenv("PYTHONIOENCODING", "cp850")
    assert _encoding(pipe) is None


def test_comfyui_is_found_where_onedrive_took_the_documents(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    german = tmp_path / "OneDrive" / "Dokumente"
    for folder in (german, tmp_path / "Cloud" / "Documents"):
        (folder / "ComfyUI" / "models").mkdir(parents=True)
    monkeypatch.setattr(library.sys, "platform", "win32")
    monkeypatch.setattr(library, "user_documents_path", lambda: german)
    found = [place.folder for place in other_places({"OneDrive": str(tmp_path / "Cloud")})]
    assert german / "ComfyUI" / "models" in found
    assert tmp_path / "Cloud" / "Documents" / "ComfyUI" / "models" in found
    assert len(found) == len(set(found))

    def broken():
        raise OSError("The system cannot find the file specified")

    monkeypatch.setattr(library, "user_documents_path", broken)
    found = [place.folder for place in other_places({"OneDrive": str(tmp_path / "Cloud")})]
    assert found == [tmp_path / "Cloud" / "Documents" / "ComfyUI" / "models"]


@pytest.mark.parametrize(
    ("system", "variables", "place"),
    [
        ("linux", {}, "home/.local/share/spout-bridge"),
        ("linux", {"XDG_DATA_HOME": "data"}, "data/spout-bridge"),
        ("darwin", {}, "home/Library/Application Support/spout-bridge"),
        ("darwin", {"XDG_DATA_HOME": "data"}, "home/Library/Application Support/spout-bridge"),
        ("win32", {"LOCALAPPDATA": "data"}, "data/spout-bridge"),
        ("win32", {}, "home/spout-bridge"),
    ],
)
def test_the_folder_of_ones_own_stays_where_it_was(tmp_path, monkeypatch, system, variables, place):
    """A journal of before, and the kit that TouchDesigner's loader looks for, lie there."""
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in variables.items():
        monkeypatch.setenv(name, str(tmp_path / folder))
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setattr(sys, "platform", system)
    assert data_folder() == tmp_path / place
