"""`spout-bridge bundle`: what goes into it, for which machine, and a show that it installs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import cv2
import pytest

from bridge.cli import bundle as command
from bridge.cli.commands import main
from bridge.downloads import wheels
from bridge.downloads.wheels import Machine, Wheels
from bridge.errors import CommandError
from bridge.show.showfile import LoraMark, ShowFile, read, written
from bridge.workers.cache import CacheFolder
from engine.catalog.rows import BUILT_IN, Catalog
from engine.files.library import Library, sha256
from tests.bridge.downloads.files import CONTENT, NEEDY, NET, put
from tests.support.bridge import COMMAND
from tests.support.lora_files import lora_file

STYLIZE = next(row for row in BUILT_IN if row.id == "stylize")


class NoWheels:
    """In place of `Wheels`: one, without pip."""

    def __init__(self, folder, machine, *, quiet):
        self._folder = folder

    def gather(self, plug_ins, extras):
        (self._folder / "spout_bridge-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
        return ["spout-bridge[engine]==0.1.0"]


@pytest.fixture(name="told")
def _told(tmp_path, monkeypatch, capsys):
    """A command in this process: its exit status, and what it tells."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME", "COMFYUI_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(command, "Wheels", NoWheels)
    monkeypatch.setattr(command, "installed_catalog", lambda: Catalog((*BUILT_IN, NEEDY)))

    def run(*words):
        status = 0
        try:
            main(["bundle", *map(str, words)])
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return status, " ".join((said.out + said.err).split())

    return run


def test_a_bundle_has_the_weights_and_loras_of_a_show_and_names_no_folder_of_here(tmp_path, told):
    data = tmp_path / "data"
    lora = lora_file(data / "models" / "loras" / "sub" / "my style.safetensors")
    odd = lora_file(data / "models" / "loras" / "odd:name.safetensors", 1536)
    marks = {str(path): LoraMark(sha256(path), path.stat().st_size) for path in (lora, odd)}
    gone = {str(tmp_path / "gone.safetensors"): LoraMark("0" * 64, 9)}
    show = ShowFile(
        name="Bridge", pipeline="needy", loras=marks | gone,
        values={"lora_1": str(lora), "lora_2": str(odd), "lora_3": next(iter(gone))},
        proposals={"source": f"file:{tmp_path}/film.mp4", "port": "8001"},
    )  # fmt: skip
    file, stick = tmp_path / "my.show", tmp_path / "stick"
    file.write_bytes(written(show))
    ask = [stick, "--show", file, "--folder", data]
    status, said = told(*ask)
    assert (status, "needy is missing 1 file" in said) == (1, True)
    assert not stick.exists()
    put(data / "models" / NET.name)
    place = CacheFolder(data / "cache").usable()
    put(place / "triton" / "abc" / "kernel.bin", b"compiled")
    put(place / "mine.txt", b"of the user")
    status, said = told(*ask)
    assert status == 0, said
    assert "LoRA gone.safetensors is missing" in said
    assert "source file:" in said
    assert "--without-cache" in said
    other = f"{marks[str(odd)].sha256[:12]}.safetensors"
    assert {path.relative_to(stick).as_posix() for path in stick.rglob("*") if path.is_file()} == {
        "bundle.json", "install.sh", "show.show", "wheels/spout_bridge-0.1.0-py3-none-any.whl",
        f"weights/{NET.name}", "weights/loras/sub/my style.safetensors", f"weights/loras/{other}",
        "cache/triton/abc/kernel.bin", "cache/triton/CACHEDIR.TAG", "cache/inductor/CACHEDIR.TAG",
    }  # fmt: skip
    inside = read((stick / "show.show").read_bytes())
    assert [inside.values[f"lora_{number}"] for number in (1, 2, 3)] == [
        "sub/my style.safetensors", other, "gone.safetensors",
    ]  # fmt: skip
    assert set(inside.loras) == {"sub/my style.safetensors", other, "gone.safetensors"}
    assert inside.proposals == {"port": "8001"}
    there = Library(tmp_path / "none", [stick / "weights"])
    assert there.find(NET)
    assert sha256(there.lora(inside.values["lora_2"]).path) == marks[str(odd)].sha256
    script = (stick / "install.sh").read_text()
    assert "run show.show --more-models weights --cache" in script
    assert "'spout-bridge[engine]==0.1.0'" in script
    here = str(tmp_path).encode()
    assert not [path for path in stick.rglob("*") if path.is_file() and here in path.read_bytes()]
    assert told("--check", stick) == (0, f"{stick} is complete.")
    (stick / f"weights/{NET.name}").unlink()
    put(stick / f"weights/{NET.name}", CONTENT[:-1])
    status, said = told("--check", stick)
    assert (status, f"weights/{NET.name} is changed. 1 problem: run" in said) == (1, True)


def test_a_bundle_for_windows_has_its_script_and_no_programs_of_here(tmp_path, told):
    file = tmp_path / "my.show"
    file.write_bytes(written(ShowFile(name="Bridge", pipeline="passthrough", values={})))
    put(CacheFolder(tmp_path / "cache").usable() / "triton" / "kernel.bin", b"compiled")
    where = ["--show", file, "--folder", tmp_path, "--python", "3.13", "--platform", "win_amd64"]
    status, said = told(tmp_path / "b", *where)
    assert (status, "Python 3.13, run install.bat" in said) == (0, True)
    script = (tmp_path / "b" / "install.bat").read_bytes()
    assert script.count(b"\r\n") == script.count(b"\n") == 3
    assert b'py -3.13 -m venv "%USERPROFILE%\\spout-bridge-venv"' in script
    assert not (tmp_path / "b" / "cache").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["/"], "not a whole disk"),
        (["{tmp}/x", "--platform", "windows"], "--platform takes"),
        (["{tmp}/x", "--python", "3"], "--python takes"),
        (["--check", "{tmp}"], "is not a bundle"),
        (["{tmp}/x", "--show", "{tmp}/none.show"], "cannot be read"),
    ],
)
def test_a_wrong_command_is_one_sentence(tmp_path, told, words, why):
    status, said = told(*(word.format(tmp=tmp_path) for word in words), "--folder", tmp_path)
    assert (status in (1, 2), said.startswith("spout-bridge: "), why in said) == (True,) * 3
    assert not (tmp_path / "x").exists()


def wheel(folder: Path, name: str, version: str, *needs: str, tag="py3-none-any") -> None:
    """A wheel of nothing."""
    folder.mkdir(exist_ok=True)
    base = f"{name}-{version}"
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    lines = [need if need.startswith("Provides") else f"Requires-Dist: {need}" for need in needs]
    with zipfile.ZipFile(folder / f"{base}-{tag}.whl", "w") as made:
        made.writestr(f"{base}.dist-info/METADATA", head + "\n".join(lines) + "\n")
        made.writestr(f"{base}.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        made.writestr(f"{base}.dist-info/RECORD", "")


@pytest.mark.slow
def test_the_wheels_are_those_that_the_other_machine_needs(tmp_path, monkeypatch):
    index = tmp_path / "index"
    wheel(
        index, "spout_bridge", "0.1.0", "zz-deep[fast]>=1", "zz-win; sys_platform == 'win32'",
        "zz-old; python_version < '3.12'", "zz-more; extra == 'more'", "Provides-Extra: more",
        "rich; extra == 'glad'", "Provides-Extra: glad",
    )  # fmt: skip
    wheel(index, "zz_deep", "1.5", "zz-quick<2; extra == 'fast'", "zz-slow; extra == 'slow'")
    for version in ("1.0", "2.0"):
        wheel(index, "zz_quick", version)
    wheel(index, "zz_win", "1.0", tag="cp313-cp313-win_amd64")
    wheel(index, "zz_old", "1.0", tag="py3-none-manylinux_2_17_x86_64")
    wheel(index, "zz_more", "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setattr(wheels, "ROOT", tmp_path)  # no checkout
    monkeypatch.setattr(wheels, "_installed", lambda name: None)

    def got(name, machine, extras) -> tuple[list[str], set[str]]:
        folder = tmp_path / name
        folder.mkdir()
        installs = Wheels(folder, machine, quiet=True).gather((), extras)
        return installs, {"-".join(path.name.split("-")[:2]) for path in folder.iterdir()}

    base = {"spout_bridge-0.1.0", "zz_deep-1.5", "zz_quick-1.0"}
    windows, linux = Machine("3.13", "win_amd64"), Machine("3.11", "manylinux_2_28_x86_64")
    assert got("win", windows, None) == (["spout-bridge==0.1.0"], base | {"zz_win-1.0"})
    assert got("linux", linux, ["more"]) == (
        ["spout-bridge[more]==0.1.0"], base | {"zz_old-1.0", "zz_more-1.0"},
    )  # fmt: skip
    with pytest.raises(CommandError, match="more, glad or none, not 'less'"):
        got("odd", linux, ["less"])
    with pytest.raises(CommandError, match="pip cannot get the wheels"):
        got("gone", Machine("3.13", "macosx_14_0_arm64"), ["glad"])


def offline() -> list[str]:
    """What begins a command that shall have no network; empty if this system cannot do it."""
    up = 'ip link set lo up && exec "$@"'
    begin = ["unshare", "--net", "--map-root-user", "sh", "-c", up, "sh"]
    try:
        return begin if not subprocess.run([*begin, "true"], check=False).returncode else []
    except FileNotFoundError:
        return []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_bundle_is_installed_and_shows_its_show_without_a_network(tmp_path):
    file, made, stick = (tmp_path / name for name in ("my.show", "made", "stick"))
    values = {"prompt": "gold", "mix": 0.25}
    file.write_bytes(written(ShowFile(name="Bridge", pipeline="stylize", values=values)))
    subprocess.run(
        [*COMMAND, "bundle", str(made), "--show", str(file), "--extras", "none"], check=True
    )
    made.rename(stick)
    closed = {f"{kind}_proxy": "http://127.0.0.1:9" for kind in ("http", "https")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [*offline(), "sh", str(stick / "install.sh"), "--port", "0", "--source", "pattern:",
         "--sink", f"file:{tmp_path}/out-%04d.png", "--output-size", "64x48", "--size", "64x48",
         "--osc-feedback", "none"],
        cwd=tmp_path, env={"PATH": path, "HOME": str(tmp_path), "PIP_NO_COMPILE": "1", **closed},
    )  # fmt: skip
    try:
        while not (tmp_path / "out-0010.png").exists():
            assert process.poll() is None, "it has ended"
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
    frame = cv2.imread(str(tmp_path / "out-0009.png"))
    assert frame is not None
    assert frame.shape == (48, 64, 3)
    assert frame.std() > 5
    kept = json.loads((tmp_path / ".local/share/spout-bridge/Bridge.journal.json").read_text())
    assert (kept["pipeline"], values.items() <= kept["values"].items()) == ("stylize", True)
    shutil.rmtree(tmp_path / "spout-bridge-venv")
