"""`spout-bridge prepare`: all that a show needs is there and cached, or what is missing is said."""

import json
import os
import re

import cv2
import pytest
from rich.console import Console

from bridge.cli import prepare as prepare_module
from bridge.cli.commands import main
from bridge.cli.models import load_of as models_load
from bridge.cli.prepare import FOLDER, Found, Report, Steps, Wish, _references
from bridge.errors import CommandError
from bridge.state.status import Status
from bridge.workers.cache import CacheFolder
from engine.catalog.rows import BUILT_IN, Catalog
from tests.support.climber import CLIMBER, RUNGS

ROWS = Catalog((*BUILT_IN, CLIMBER))


@pytest.fixture
def prepare(monkeypatch, tmp_path, capsys):
    """The command in this process, with the climber installed: its status, output and errors."""
    for name in ("prepare", "models", "run"):
        monkeypatch.setattr(f"bridge.cli.{name}.installed_catalog", lambda: ROWS)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))

    def run(*words):
        status = 0
        try:
            main(["prepare", "--folder", str(tmp_path / "data"), *words])
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        return status, said.out, " ".join(said.err.split())

    return run


@pytest.mark.slow
def test_all_becomes_warm_down_the_ladder_and_the_next_start_finds_it(prepare, tmp_path):
    cache = tmp_path / "on a volume"
    status, out, said = prepare(
        "--pipeline", "climber", "--set", "deadly=2", "--set", "warms=0.2", "--cache", str(cache)
    )
    lines = out.splitlines()
    assert status == 0, f"{out}{said}"
    steps = [line.split("  ")[0] for line in lines[:-1]]
    assert steps == ["compiling", "first frame, from the start", "warm 8 of 8"]
    assert all(re.fullmatch(r".+ +[0-9.]+ s", line) for line in lines[:-1])
    said = r"climber at auto size, on CPU is ready: first frame after [0-9.]+ s from now on"
    assert re.fullmatch(said, lines[-1])
    assert (cache / "climber.txt").read_text().split("\n") == [*RUNGS[:2]]
    assert not (tmp_path / "data").exists(), "the look of shows and their images are not touched"


@pytest.mark.slow
def test_what_never_runs_or_never_becomes_warm_is_said_and_fails(prepare, monkeypatch):
    monkeypatch.setattr("bridge.cli.prepare.STALLED", 0.3)
    status, out, said = prepare("--pipeline", "climber", "--set", "warm=3")
    assert status == 1
    assert "ready" not in out
    assert re.search(r"Only warm 3 of 8 after \d+ s: the rest does not fit", said)
    dies = ("--set", "deadly=1", "--set", "forgets=true")
    status, out, _ = prepare("--pipeline", "climber", *dies, "--json")
    told = json.loads(out)
    assert (status, told["ready"], told["first_frame_s"]) == (1, False, None)
    assert told["error"] == "The engine worker died while trying rung 4."


@pytest.mark.slow
def test_a_causal_pipeline_is_prepared_without_a_gpu(prepare):
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    status, out, _ = prepare(
        "--pipeline", "longlive", "--set", "weights=demo", "--set", "vae=tae", "--size", "48x32",
        "--device", "cpu", "--json",
    )  # fmt: skip
    told = json.loads(out)
    assert (status, told["ready"], told["error"]) == (0, True, "")
    assert (told["pipeline"], told["size"], told["references"]) == ("longlive", "48x32", 0)
    assert told["first_frame_s"] > 0
    steps = [step["step"] for step in told["steps"]]
    assert steps[-1] == "first frame, from the start"
    assert told["problems"] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "controls"),
    [
        (["--references", "2", "--set", "input_mode=text"], {"references": 2}),
        (["--references", "1", "--set", "cache_bias=0.5", "--set", "control_from_input=false"],
         {"references": 1, "biased": True, "video": True}),
    ],
)  # fmt: skip
def test_what_is_asked_for_together_is_warmed_together(prepare, monkeypatch, words, controls):
    """From the first block on: what it needs is what is warmed up, and then what is close to it."""
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    from engine.causal.runs import Runs
    from engine.causal.warmup import Controls

    asked, of, show = [], Runs.of, prepare_module._show
    in_thread = {"engine": "thread"}  # the worker, here
    monkeypatch.setattr(prepare_module, "_show", lambda *a: show(*a).model_copy(update=in_thread))
    monkeypatch.setattr(
        Runs, "of", lambda runs, request: (asked.append(request.controls), of(runs, request))[1]
    )
    status, out, said = prepare(
        "--pipeline", "longlive", "--set", "weights=demo", "--set", "vae=tae", "--size", "48x32",
        "--device", "cpu", *words,
    )  # fmt: skip
    assert status == 0, said
    assert out.splitlines()[-1].startswith("longlive at 48x32, DEMO WEIGHTS, on CPU")
    assert {*asked} == {Controls(**controls)}


@pytest.mark.parametrize(
    ("first", "again", "end"),
    [
        (24.0, 6.0, " is ready: first frame after 6 s from now on"),
        (0.4, 0.9, " is ready: first frame after 0.9 s from now on"),
        (24.0, 47.0, ": the first frame takes 47 s; nothing is left to prepare"),
    ],
)
def test_a_start_that_preparing_did_not_make_faster_is_not_called_ready(
    prepare, monkeypatch, first, again, end
):
    runs = iter([prepare_module.Found(took, "", "CPU", []) for took in (first, again)])
    monkeypatch.setattr(prepare_module, "_run", lambda *given: next(runs))
    status, out, _ = prepare("--pipeline", "climber", "--size", "64x64")
    assert (status, out) == (0, f"climber at 64x64, on CPU{end}\n")


def left_behind(folder, pipeline: str, values: dict[str, object], *, ended: bool = True) -> None:
    folder.mkdir()
    kept = {"values": values, "pipeline": pipeline, "source": "demo:", "control": "none",
            "mask": "none", "ended": ended}  # fmt: skip
    (folder / "Bridge.journal.json").write_text(json.dumps(kept))


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize(
    ("words", "pipeline", "size", "values"),
    [
        ([], "longlive", "576x320", {"weights": "demo", "vace_load": "True"}),
        (["--size", "64x64", "--set", "vae=tae", "--set", "vace_load=false"], "longlive", "64x64",
         {"weights": "demo", "vae": "tae", "vace_load": "false"}),
        (["--pipeline", "stylize"], "stylize", "auto", {}),
    ],
)  # fmt: skip
def test_without_a_pipeline_it_prepares_what_run_would_start_in_this_folder(
    prepare, monkeypatch, tmp_path, words, pipeline, size, values, ended
):
    seen = []

    def prepared(settings, wish, report):
        seen.append((settings.pipeline, settings.size, dict(wish.values)))
        return prepare_module.Found(1.0, "", "CPU", [])

    monkeypatch.setattr(prepare_module, "_prepared", prepared)
    left = {"size": "576x320", "weights": "demo", "vace_load": True, "black": True}
    left_behind(tmp_path / "data", "longlive", left, ended=ended)
    before = sorted(path.name for path in (tmp_path / "data").glob("*.json"))
    status, out, _ = prepare(*words, "--json")
    assert (status, seen) == (0, [(pipeline, size, values)])
    assert (json.loads(out)["pipeline"], json.loads(out)["size"]) == (pipeline, size)
    assert sorted(path.name for path in (tmp_path / "data").glob("*.json")) == before
    row = ROWS[pipeline]
    assert str(models_load(row, values).model_dump().get("weights")) in ("demo", "None")


def test_a_cache_that_keeps_nothing_is_said_at_once_and_is_not_ready(prepare, tmp_path):
    (tmp_path / "file").write_text("no folder")
    words = "--pipeline", "passthrough", "--cache", str(tmp_path / "file")
    status, out, said = prepare(*words)
    assert (status, out) == (1, "")
    assert (
        "file is not writable (it is a file). Compiled programs are not kept there; choose" in said
    )
    status, out, _ = prepare(*words, "--json")
    assert (status, json.loads(out)["ready"]) == (1, False)


def test_a_cache_that_is_full_after_preparing_is_not_ready(prepare, monkeypatch):
    found = Found(9.0, "", "", ())
    monkeypatch.setattr(prepare_module, "_run", lambda *_: (full.append(1), found)[1])
    full = []
    monkeypatch.setattr(CacheFolder, "problem", lambda cache: "It is full." if full else "")
    status, out, said = prepare("--pipeline", "passthrough")
    assert (status, "ready" in out) == (1, False)
    assert "It is full." in said
    assert full, "it was well before"


def test_the_folder_of_a_run_that_was_killed_is_removed_by_the_next(prepare, monkeypatch, tmp_path):
    temporary = tmp_path / "tmp"
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    killed = temporary / f"{FOLDER}{2**22 + 7}-abcdefgh"  # no process has such an id
    others = [temporary / name for name in (
        f"{FOLDER}{os.getpid()}-abcdefgh", f"{FOLDER}mine-abcdefgh", f"{FOLDER}7", "tmpabcdefgh",
    )]  # fmt: skip
    for folder in (killed, *others):
        folder.mkdir(parents=True)
        (folder / "reference.png").write_bytes(b"x")
    made = []

    def run(settings, *_):
        made.append(settings.folder)
        return Found(9.0, "", "", ())

    monkeypatch.setattr(prepare_module, "_run", run)
    assert prepare("--pipeline", "passthrough")[0] == 0
    assert made[0].name.startswith(f"{FOLDER}{os.getpid()}-"), "which the next one knows"
    assert sorted(temporary.iterdir()) == sorted(others)
    assert all((folder / "reference.png").is_file() for folder in others)


def test_references_are_drawn_and_the_network_for_them_is_loaded(tmp_path):
    wish = Wish({}, 2, (), yes=False, json=False)
    values = _references(ROWS["longlive"], wish, tmp_path)
    assert values.pop("vace_load") == "true"
    assert [*values] == ["reference", "reference_2"]
    assert [cv2.imread(path).shape for path in values.values()] == [(256, 256, 3)] * 2
    assert [*_references(ROWS["stylize"], wish, tmp_path)] == ["reference", "reference_2"]


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--pipeline", "nope"], 2, "nope"),
        (["--pipeline", "passthrough", "--references", "1"], 2,
         "--references: passthrough takes no references."),
        (["--pipeline", "stylize", "--references", "9"], 2, "--references: stylize takes"),
        (["--references", "two"], 2, "takes a whole number from 0 on, not 'two'."),
        (["--pipeline", "stylize", "--lora", "x"], 2, "--lora: stylize takes no LoRAs."),
        (["--pipeline", "longlive", "--set", "weights=demo", "--lora", "x"], 2,
         "LoRA 'x' not found in"),
        (["--set", "prompt"], 2, "--set takes NAME=VALUE, not 'prompt'."),
        (["--device", "cpu", "--gpu", "0"], 2, "leave it or --gpu out"),
    ],
)  # fmt: skip
def test_what_cannot_be_prepared_is_said_before_anything_starts(prepare, words, status, said):
    if "longlive" in words:
        pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    assert prepare(*words)[0] == status
    assert said in prepare(*words)[2]


def test_files_that_are_missing_are_named_with_the_command_and_not_downloaded(prepare):
    pytest.importorskip("torch", reason="needs pip install 'spout-bridge[engine]'")
    status, out, _ = prepare("--pipeline", "longlive", "--device", "cpu", "--json")
    told = json.loads(out)
    assert (status, told["ready"], told["steps"]) == (1, False, [])
    assert told["error"].startswith("longlive is missing 5 files")
    assert "`spout-bridge models download longlive" in told["error"]


def state(name: str = "RUNNING", **more) -> Status:
    return Status(state=name, pipeline="climber", **more)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (state("DEGRADED", reason="Out of memory: now running at half the size."),
         "Out of memory: now running at half the size. Choose a smaller --size."),
        (state("FAILED", error="It broke."), "It broke."),
        (state("FAILED", reason="It died."), "It died."),
        (state("IDLE", error="No memory."), "No memory."),
        (state(pipeline_asked="climber", error="Its files cannot be used."),
         "Its files cannot be used."),
    ],
)  # fmt: skip
def test_a_run_that_will_never_be_as_asked_ends_with_its_sentence(seen, said):
    with pytest.raises(CommandError, match=re.escape(said)):
        Steps(None).done(seen, CLIMBER)


def test_the_steps_are_the_phases_and_only_frames_of_the_pipeline_are_its_first():
    report = Report(Console(quiet=True), {})
    steps = Steps(report)
    seen = [
        state("IDLE"),
        state("LOADING", phase="network"),
        state("LOADING", phase="LoRAs"),
        state("WARMUP", phase="compiling 1 of 9"),
        state("WARMUP", phase="compiling 2 of 9, about 40 s"),
        Status(state="RUNNING", pipeline="stylize", frames_new=3),
        state(frames_new=0),
        state(frames_new=1, notes={"warm": "warm 4 of 9"}),
        state(frames_new=2, notes={"warm": "warm 8 of 9"}),
    ]
    assert not any(steps.done(status, CLIMBER) for status in seen)
    assert steps.done(state(frames_new=3, notes={"warm": "warm 9 of 9"}), CLIMBER)
    names = ["network", "LoRAs", "compiling", "first frame, from the start", "warm 9 of 9"]
    assert [step["step"] for step in report.steps] == names
    assert Steps(None).done(state(frames_new=1, notes={"warm": "warm 4 of 9"}), CLIMBER)
    assert Steps(report).done(state(frames_new=1), CLIMBER), "nothing to warm"
