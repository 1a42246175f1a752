"""An installed package that cannot be loaded is not called missing."""

import sys

import pytest

from bridge import transports
from bridge.cli.commands import main
from bridge.doctor.checks import doctor
from bridge.settings import Settings
from bridge.transports import Options, TransportError, open_source
from bridge.transports.spout.receiver import _other_gpu
from bridge.transports.spout.registry import Sender
from bridge.transports.spout.transport import _need
from engine.ipc.messages import Exit
from engine.system import loading
from tests.engine.system.test_commit import worker

SAID = "DLL load failed while importing _core: The specified module could not be found."
DLL = ImportError(SAID, name="av._core", path=r"C:\Lib\site-packages\av\_core.pyd")
TORCH = OSError(22, 'The specified module could not be found. Error loading "c10.dll" or one of '
                "its dependencies.")  # fmt: skip
TORCH.winerror = 126
NO_PROGRAM = OSError(8, "%1 is not a valid Win32 application")
NO_PROGRAM.winerror = 193
MISSING = ModuleNotFoundError("No module named 'av'", name="av")
OURS = ImportError("The backend torch is not installed; choose backend onnx.", name="torch")


def raising(error):
    def fails(*_, **__):
        raise error

    return fails


@pytest.mark.parametrize("error", [DLL, TORCH], ids=["a wheel", "torch"])
def test_the_loaders_own_words_come_with_the_redistributable(error, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert loading.is_refused(error)
    text = loading.sentence(error)
    assert "The specified module could not be found" in text
    assert loading.REDISTRIBUTABLE in text
    assert "Media Feature Pack" in text
    assert "missing" not in text


@pytest.mark.parametrize(
    "error",
    [MISSING, OURS, OSError(2, "No such file"), NO_PROGRAM,
     ImportError("cannot import name 'x' from 'av'", name="av", path="/lib/av/__init__.py")],
)  # fmt: skip
def test_what_is_missing_or_ours_is_not_the_loaders(error):
    assert not loading.is_refused(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [(MISSING, "file: needs the package av; install it with `"),
     (DLL, "file: cannot be used: av is installed, but cannot be loaded (DLL load failed"),
     (TORCH, "file: cannot be used: A package is installed, but cannot be loaded")],
    ids=["missing", "a wheel", "its library"],
)  # fmt: skip
def test_a_transport_says_which_of_the_two_it_is(monkeypatch, error, words):
    monkeypatch.setattr(transports, "import_module", raising(error))
    with pytest.raises(TransportError) as refused:
        open_source("file:a.mp4", Options())
    assert words in str(refused.value)
    assert words in transports.schemes()["file"][2], "and the page lists it so"


def test_spout_too():
    with pytest.raises(TransportError, match="needs the package SpoutGL"):
        _need(raising(ModuleNotFoundError("No module named 'SpoutGL'", name="SpoutGL")))
    with pytest.raises(TransportError, match="is installed, but cannot be loaded"):
        _need(raising(DLL))


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [(DLL, "av is installed, but cannot be loaded", 1),
     (MISSING, "The package av is missing", 1),
     (ModuleNotFoundError("No module named 'bridge.x'", name="bridge.x"), "a bug", 70)],
    ids=["a wheel", "missing", "our own"],
)  # fmt: skip
def test_a_start_that_fails_for_a_package_is_no_defect(
    tmp_path, capsys, monkeypatch, error, words, status
):
    monkeypatch.setattr("bridge.cli.run.run_bridge", raising(error))
    with pytest.raises(SystemExit) as end:
        main(["run", "--folder", str(tmp_path)])
    assert end.value.code == status
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("error", "words"),
    [(DLL, "av is installed, but cannot be loaded (DLL load failed"),
     (TORCH, 'Error loading "c10.dll"'), (OURS, "choose backend onnx")],
    ids=["a wheel", "torch", "ours"],
)  # fmt: skip
def test_a_worker_says_it_in_its_last_words(tmp_path, error, words):
    with worker(tmp_path) as made:
        end = made._end(error, Exit.LOAD)
    assert end.code is Exit.LOAD
    assert words in str(end)
    assert not end.unforeseen


def test_a_sender_that_cannot_be_opened_has_two_causes():
    sender = Sender(
        raw=b"Cam", width=64, height=48, format=87, handle=1, owner=r"C:\TouchDesigner.exe"
    )
    text = _other_gpu(sender)
    assert "TouchDesigner runs on another GPU, or as administrator" in text
    assert "start both as administrator or neither" in text


def test_doctor_says_where_a_folder_really_is(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bridge.doctor.checks._runtime", list)
    real, seen = tmp_path / "LocalCache", tmp_path / "AppData"
    real.mkdir()
    seen.symlink_to(real)  # as Windows shows the Store's Python its own in place of AppData
    doctor(Settings(folder=seen / "spout-bridge", port=0))
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("folder"))
    assert f"{seen / 'spout-bridge'}, actually {real / 'spout-bridge'}, " in line
