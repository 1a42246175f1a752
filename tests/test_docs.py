"""Documents are true: programs run, commands parse, names, links, addresses, routes exist."""

import argparse
import ast
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest
from starlette.testclient import TestClient

from bridge import __version__, transports
from bridge.cli import main, tables
from bridge.cli.arguments import parser_of
from bridge.cli.commands import COMMANDS as RUNNABLE
from bridge.cli.commands import LISTS, MODELS, _settings
from bridge.control.http.app import create_app
from bridge.control.http.rules import Rules
from bridge.control.http.server import HttpServer
from bridge.control.layouts import layout
from bridge.control.osc.routes import addresses, blind
from bridge.control.osc.server import OscServer
from bridge.control.schema import installed, schema
from bridge.errors import ExitStatus
from bridge.frames.frame import Frame
from bridge.settings import Settings
from bridge.state.actions import ACTIONS, COMMANDS
from bridge.state.controls import OutputParameters, all_specs
from bridge.state.renamed import RENAMED
from bridge.state.store import merged
from bridge.transports import Options, TransportError, open_sink, open_source, schemes
from engine.catalog import artifacts, controls, rows, specs
from engine.catalog.rows import BUILT_IN, Catalog, PipelineRow
from engine.ipc.segments import PREFIX, folder
from engine.parameters import describe
from engine.pipeline import Context, build
from tests.support.bridge import COMMAND, running
from tests.support.desk import FakeDesk
from tests.support.slow_cases import rest_slow

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the programs open /dev/shm")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[str]:
    """The code blocks of a document in one language."""
    return [code for kind, code in FENCE.findall(text(name)) if kind == language]


def program(code: str) -> SimpleNamespace:
    """What a Python block of a document defines."""
    names: dict[str, object] = {}
    exec(compile(code, "document", "exec"), names)
    return SimpleNamespace(**names)


def lines(code: str) -> int:
    return sum(bool(line.strip()) for line in code.splitlines())


# Shared memory.

SHM = "docs/shared-memory.md"
SIZE = 333, 201


def frame(index: int, width: int = SIZE[0], height: int = SIZE[1]) -> Frame:
    image = np.random.default_rng(index).integers(0, 256, (height, width, 4), np.uint8)
    return Frame(image, perf_counter(), index)


@pytest.fixture
def name(request) -> str:
    return f"test-docs-{os.getpid()}-{abs(hash(request.node.nodeid)) % 10**6}"


@pytest.fixture
def in_c(tmp_path):
    """The reader in C, built as the document says; gives the size and the pixels of a segment."""
    if not shutil.which("gcc"):
        assert not os.environ.get("CI"), "gcc must be installed where CI runs"
        pytest.skip("gcc is not installed")
    (tmp_path / "reader.c").write_text(blocks(SHM, "c")[0])
    build = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "reader.c", "-o", "reader"]
    subprocess.run(build, cwd=tmp_path, check=True)

    def read(path: Path):
        done = subprocess.run([tmp_path / "reader", path], capture_output=True)
        if done.returncode:
            return None
        width, height = map(int, done.stderr.split(b"x"))
        return width, height, done.stdout

    return read


@pytest.fixture
def in_python():
    """The reader in Python."""
    newest = program(blocks(SHM, "python")[0]).newest

    def read(path: Path):
        found = newest(path)
        return found and (found[0], found[1], found[3])

    return read


@pytest.fixture(params=[pytest.param("in_c", marks=pytest.mark.foreign), "in_python"])
def read(request):
    """Each of the document's readers."""
    return request.getfixturevalue(request.param)


@LINUX
def test_the_readers_of_shared_memory_get_the_newest_frame_of_a_real_sender(read, name):
    path = folder() / (PREFIX + name)
    with open_sink(f"shm:{name}", Options(width=SIZE[0], height=SIZE[1])) as sink:
        assert read(path) is None, "there was no frame yet"
        for number in range(1, 8):
            sink.send(frame(number))
        assert read(path) == (*SIZE, frame(7).image.tobytes())
        sink.send(frame(8, 64, 48))
        assert read(path) == (64, 48, frame(8, 64, 48).image.tobytes())
    try:
        path.write_bytes(b"no segment at all")
        assert read(path) is None
    finally:
        path.unlink()


@LINUX
def test_the_readers_get_whole_frames_while_the_sender_writes(read, name):
    path, stop = folder() / (PREFIX + name), threading.Event()
    pictures = [np.full((201, 333, 4), value, np.uint8) for value in range(256)]
    with open_sink(f"shm:{name}", Options(width=SIZE[0], height=SIZE[1])) as sink:

        def send(number: int = 1) -> None:
            while not stop.wait(0.001):
                number += 1
                sink.send(Frame(pictures[number % 256], 0.0, number))

        sink.send(Frame(pictures[1], 0.0, 1))
        sending = threading.Thread(target=send)
        sending.start()
        try:
            found = [read(path) for _ in range(60)]
        finally:
            stop.set()
            sending.join()
    whole = [one[2] for one in found if one]
    assert whole, "a reader that is always overtaken is of no use"
    assert all(one == pictures[one[0]].tobytes() for one in whole)


def relock(path: Path, lock: int) -> None:
    """Change the newest frame's lock, as its sender does while it writes."""
    with path.open("r+b", buffering=0) as file:
        header = struct.unpack("<8s4I5Q", file.read(64))
        file.seek(64 + (header[6] - 1) % header[2] * header[8])
        file.write(struct.pack("<Q", lock))


@LINUX
def test_the_readers_refuse_a_frame_that_is_being_written(read, name):
    path = folder() / (PREFIX + name)
    with open_sink(f"shm:{name}", Options(width=SIZE[0], height=SIZE[1])) as sink:
        for number in range(1, 3):
            sink.send(frame(number))
        relock(path, 2 * 2 + 1)
        assert read(path) is None
        relock(path, 2 * 2)
        assert read(path) == (*SIZE, frame(2).image.tobytes())


@LINUX
def test_the_reader_in_python_sees_that_it_was_overtaken(in_python, name, monkeypatch):
    path, pread = folder() / (PREFIX + name), os.pread
    looks: list[int] = []

    def overtaken(file: int, size: int, at: int) -> bytes:
        if size == SIZE[0] * SIZE[1] * 4:
            looks.append(at)
            relock(path, 2 * 2 + 1)
        return pread(file, size, at)

    with open_sink(f"shm:{name}", Options(width=SIZE[0], height=SIZE[1])) as sink:
        for number in range(1, 3):
            sink.send(frame(number))
        monkeypatch.setattr(os, "pread", overtaken)
        assert in_python(path) is None
        assert looks


@LINUX
def test_the_bridge_receives_from_the_sender_of_the_document(name):
    code = blocks(SHM, "python")[1]
    Sender = program(code).Sender
    sender = Sender(name, *SIZE)
    path = folder() / (PREFIX + name)
    try:
        with open_source(f"shm:{name}", Options()) as source:
            for number in range(1, 10):
                sender.send(frame(number).image.tobytes())
                received = source.receive(10)
                assert received is not None
                assert np.array_equal(received.image, frame(number).image)
            larger = Sender(name, 640, 360)
            larger.send(frame(10, 640, 360).image.tobytes())
            received = source.receive(10)
            assert received is not None
            assert np.array_equal(received.image, frame(10, 640, 360).image)
            assert source.problem == ""
    finally:
        path.unlink()


def test_the_readers_of_shared_memory_are_twenty_lines():
    (c,) = blocks(SHM, "c")
    reader = c.partition("newest(")[2].partition("int main")[0]
    assert lines(reader) <= 21
    assert all(lines(code) <= 25 for code in blocks(SHM, "python"))


# Plug-ins.

PLUGINS = "docs/plugins.md"


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """The folder in which the document's plug-ins are installed."""
    pipeline, transport = blocks(PLUGINS, "python")
    (tmp_path / "posterize.py").write_text(pipeline)
    (tmp_path / "raw_frames.py").write_text(transport)
    project = tomllib.loads(blocks(PLUGINS, "toml")[0])["project"]
    info = tmp_path / f"examples-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in found.items())
        for group, found in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    yield tmp_path
    for name in ("posterize", "raw_frames"):
        sys.modules.pop(name, None)


def test_the_plug_ins_of_the_document_are_found_and_what_they_declare_with_them(plugged):
    row = Catalog.installed(describe(OutputParameters))["posterize"]
    (levels,) = describe(row.parameters)
    assert (levels.osc, levels.default, levels.minimum, levels.maximum) == ("levels", 4, 2, 16)
    assert schemes()["raw"] == (True, True, "Raw RGBA frames in a file, raw:WIDTHxHEIGHT:PATH.")
    with pytest.raises(TransportError, match=r"raw:6x4:gone: .*; write raw:WIDTHxHEIGHT:PATH\."):
        open_source("raw:6x4:gone", Options())
    assert lines(blocks(PLUGINS, "python")[0]) <= 30


def test_the_pipeline_of_the_document_makes_blocks(plugged):
    row = Catalog.installed(describe(OutputParameters))["posterize"]
    made = build(row.target, row.load(), Context(plugged, plugged, lambda *_: None))
    image = frame(1).image
    (result,) = made([image], row.parameters(levels=2))
    assert np.array_equal(result[..., :3], np.where(image[..., :3] < 128, 0, 255))
    assert np.array_equal(result[..., 3], image[..., 3])
    assert (made.wanted(row.parameters()), made.report()) == (1, {})


# A mistake in the document's pipeline: the row that tells of it, and what the reason names.
MISTAKES = [
    ("import numpy as np", "import nump", "cannot be imported, or raises", "line 3"),
    ("import numpy as np", "1 / 0", "cannot be imported, or raises", "division by zero"),
    ("= PipelineRow(", "= dict(", "is not a `PipelineRow`", "PipelineRow"),
    ('id="posterize"', 'id="Poster ize"', "an `id` has characters other", "Poster ize"),
    ('id="posterize"', 'id="longlive"', "or is in use", "longlive"),
    ("control(4,", "control(40,", "a default outside its own range", "levels"),
    ("levels: int", "levels: list", "a type that no control can show", "levels"),
    ("maximum=16)", 'maximum=16, osc="prompt")', "has the OSC address", "/bridge/prompt"),
    ("levels: int", "mix: int", "has the OSC address", "/bridge/mix"),
    ("levels: int", "prompt: int", "the name of another one but a different type", "prompt"),
]


@pytest.mark.parametrize(("right", "wrong", "row", "named"), MISTAKES)
def test_a_mistake_in_a_plug_in_is_told_as_the_document_says(plugged, right, wrong, row, named):
    table = text(PLUGINS).partition("| at start | what happens |")[2].partition("\n\n")[0]
    assert row in table
    module = plugged / "posterize.py"
    assert right in module.read_text()
    module.write_text(module.read_text().replace(right, wrong))
    taken = COMMANDS | {action.name for action in ACTIONS}
    catalog = Catalog.installed(describe(OutputParameters), taken)
    assert named in catalog.rows["posterize"].missing
    assert catalog["longlive"].spec, "the others are there"


@pytest.mark.slow
def test_the_plug_ins_of_the_document_run_in_a_bridge(plugged):
    source, made = plugged / "clip.rgba", plugged / "made.rgba"
    rng = np.random.default_rng(1)
    clip = rng.integers(0, 256, (5, 48, 64, 4), np.uint8)
    clip[..., 3] = 255
    clip.tofile(source)
    arguments = ("--source", f"raw:64x48:{source}", "--sink", f"raw:64x48:{made}",
                 "--pipeline", "posterize", "--size", "64x48",
                 "--output-size", "64x48")  # fmt: skip
    with running(plugged, *arguments) as bridge:
        state = bridge.until(lambda state: state["state"] == "RUNNING" and state["frames_new"] > 5)
        assert state["pipeline"] == "posterize"
        assert "5 frames" in state["source"]
        bridge.osc("/bridge/levels", 2)
        bridge.until(lambda state: bridge.ask("parameters")["levels"] == 2)
        before = bridge.state()["frames_new"]
        state = bridge.until(lambda state: state["frames_new"] > before + 30)
        assert state["error"] == ""
    sent = np.fromfile(made, np.uint8)
    images = sent[: sent.size // (64 * 48 * 4) * (64 * 48 * 4)].reshape(-1, 48, 64, 4)
    wanted = {np.where(one[..., :3] < 128, 0, 255).astype(np.uint8).tobytes() for one in clip}
    assert images[-1][..., :3].tobytes() in wanted


# Promises.

PROMISES = [("docs/reliability.md", "F", 22), ("SECURITY.md", "S", 23)]
CELL = re.compile(r"(?<!\\)\|")


@cache
def functions(path: Path) -> set[str]:
    """The names of a module's functions."""
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def is_there(test: str) -> bool:
    """Whether a test that is called `file::name` exists."""
    path, _, name = test.partition("::")
    return (ROOT / path).is_file() and name in functions(ROOT / path)


@pytest.mark.parametrize(("document", "letter", "count"), PROMISES)
def test_every_promise_has_its_tests_or_says_why_not(document, letter, count):
    found = {}
    for line in text(document).splitlines():
        if match := re.match(rf"\| ({letter}\d+) \|", line):
            found[match[1]] = CELL.split(line)[-2]
    assert list(found) == [f"{letter}{number}" for number in range(1, count + 1)]
    for number, cell in found.items():
        named = re.findall(r"`([^`]+::[^`]+)`", cell)
        assert named or re.search(r"not tested: \w", cell), number
        assert all(map(is_there, named)), (number, named)


def test_every_feature_of_the_page_has_a_test():
    named = re.findall(r"`([^`]+::[^`]+)`", text("docs/page.md"))
    assert len(named) == 26
    assert [test for test in named if not is_there(f"tests/bridge/control/page/{test}")] == []


@pytest.mark.parametrize("document", [name for name, _, _ in PROMISES])
def test_a_cell_in_bold_ends_so(document):
    for line in text(document).splitlines():
        cells = CELL.split(line) if line.startswith("|") else []
        assert not [cell for cell in cells if re.sub("`[^`]*`", "", cell).count("**") % 2], line


def test_an_address_without_a_token_ends_as_the_promise_says(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        main(["run", "--host", "0.0.0.0", "--folder", str(tmp_path)])
    assert end.value.code == ExitStatus.UNSAFE
    promise = next(line for line in text("SECURITY.md").splitlines() if line.startswith("| S2 |"))
    assert f"exit status {ExitStatus.UNSAFE:d};" in promise


def test_the_frame_path_reads_no_wall_clock():
    modules = [ROOT / "bridge" / "session.py"]
    for place in ("bridge/playout", "bridge/workers", "bridge/frames", "engine/worker"):
        modules += (ROOT / place).rglob("*.py")
    assert len(modules) > 25
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module == "time" and any(n.name == "time" for n in node.names))
                assert node.module != "datetime", path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called = f"{node.value.id}.{node.attr}"
                assert called not in ("time.time", "time.time_ns", "datetime.datetime"), path


def test_a_fresh_bridge_is_open_to_this_machine_only(tmp_path):
    desk, settings = FakeDesk(tmp_path), Settings(folder=tmp_path, port=0, osc_feedback=())
    http, osc = HttpServer(desk, settings), OscServer(desk, settings)
    try:
        http.bind()
        osc.bind(0)
        sockets = [*http._sockets, *osc._sockets.values()]
        assert len(sockets) >= 2
        assert all(ip_address(sock.getsockname()[0]).is_loopback for sock in sockets)
    finally:
        http.close()
        osc.close()


def test_with_a_token_only_healthz_is_open(tmp_path):
    app = create_app(FakeDesk(tmp_path), Rules(frozenset({"studio"}), "secret"))
    with TestClient(app, "http://studio:8000") as client:
        known = client.get("/openapi.json", headers={"authorization": "Bearer secret"}).json()
        paths = [*known["paths"], "/", "/docs", "/openapi.json"]
        assert len(paths) > 15
        for path in paths:
            wanted = 200 if path == "/healthz" else 401
            assert client.get(re.sub(r"{\w+}", "x", path)).status_code == wanted, path


# Every document.

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for place in ("*.md", "docs/*.md", "examples/*.md", "td_components/*.md")
    for path in ROOT.glob(place)
)
PROGRAMS = {"python", "c", "csharp", "toml", "js", "json", "yaml"}  # languages of no command line
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
ENDINGS = {"cs", "dll", "json", "log", "md", "show", "tox"}  # of files: `SpoutBridge.tox`
CODE = re.compile(r"(?:bridge|engine|docs|tests|td_components|examples)/[\w./*-]+")
DECLARED = re.compile(r"^ +(\w+): .+ = control\(", re.MULTILINE)
ADDRESS = re.compile(r"(?<![\w.])/bridge/[a-z][\w/]*\w(?![\w/…*{[]|-\w)")
ROUTE = re.compile(r"(?<![\w.:/-])/(?:api/v1/[\w{}/]+|healthz|readyz|metrics|openapi\.json)\b")


def spans(name: str) -> list[str]:
    """What a document has in backquotes, outside its code blocks."""
    return SPAN.findall(FENCE.sub("", text(name)))


def command_lines(name: str) -> list[list[str]]:
    """The words behind `spout-bridge` in code blocks and in backquotes."""
    written = [line for kind, code in FENCE.findall(text(name)) if kind not in PROGRAMS
               for line in code.replace("\\\n", " ").splitlines()] + spans(name)  # fmt: skip
    found = []
    for part in (part for line in written for part in re.split(r"&&|\||>", line)):
        head, program, rest = part.strip().partition("spout-bridge")
        typed = program and re.fullmatch(r"(\$ )?(uv run |[\w./\\:]*[/\\])?", head)
        if typed and re.match(r"(\.exe)?\s", rest) and "…" not in rest:
            found.append(shlex.split(rest.removeprefix(".exe"), comments=True))
    return found


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the program declares: its parameters' names, its OSC addresses and its routes."""
    desk = FakeDesk(tmp_path_factory.mktemp("desk"))
    app, row = create_app(desk, Rules()).app, schema(desk)
    ours = {*COMMANDS, *(f"{one['name']}" for one in row["actions"]), "download/cancel"}
    ours |= {
        f"{one['name']}/{number}"
        for one in row["actions"]
        if one["argument"] and one["argument"]["index"]
        for number in range(1, 10)
    }
    ours |= {f"state/{one['name']}" for one in row["state"]}
    ours |= {f"pipeline/{one['id']}" for one in row["pipelines"]}
    found = addresses(desk.store.specs.values())
    return SimpleNamespace(
        parameters=set(desk.store.specs),
        osc={*found, *blind(found), *(f"/bridge/{name}" for name in ours)},
        routes={*app.openapi()["paths"], *(getattr(one, "path", "") for one in app.routes)},
    )


def test_there_is_enough_to_look_at():
    assert len(DOCUMENTS) >= 10
    assert sum(len(command_lines(name)) for name in DOCUMENTS) > 40


@pytest.mark.parametrize("name", rest_slow(DOCUMENTS))
def test_every_command_line_is_one_that_the_program_takes(name, shown, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = [*command_lines(name)]
    lines += [["run", *line[line.index("--") + 1 :]] for line in lines if "--" in line]
    for line in lines:
        words = line[: line.index("--")] if "--" in line else line
        parser = parser_of(LISTS, MODELS)
        try:
            options, rest = parser.parse_known_args(words, argparse.Namespace(given=words))
        except SystemExit as end:  # --help and --version end by it too
            told = capsys.readouterr().err if end.code else ""
            if told:
                pytest.fail(f"spout-bridge {shlex.join(words)}: {told}")
            continue
        if options.command == "bench engine":
            flags = "".join(
                path.read_text("utf-8") for path in (ROOT / "engine/bench").glob("*.py")
            )
            assert all(f'"{word}"' in flags for word in rest if word.startswith("--")), words
            continue
        shows = words[0] == "run" and [word for word in rest if word.endswith(".show")]
        assert rest == (shows or []), words
        _settings(options)
        for assignment in getattr(options, "set", []):
            assert assignment.partition("=")[0] in {*shown.parameters, "NAME"}, words


@pytest.mark.slow
def test_the_quick_and_harmless_command_lines_run(tmp_path):
    """Those that only print."""
    every = {tuple(words) for name in DOCUMENTS for words in command_lines(name)}
    harmless = [words for words in every if words[:1] == ("list",) or words == ("models", "list")
                or words == ("td",) or {"--help", "--version"} & {*words}]  # fmt: skip
    assert len(harmless) >= 5
    environment = {**os.environ, "SPOUT_BRIDGE_FOLDER": str(tmp_path)}

    def run(words: tuple[str, ...]) -> None:
        done = subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True)
        assert (done.returncode, bool(done.stdout)) == (0, True), (words, done.stderr)

    with ThreadPoolExecutor(2) as pool:
        [*pool.map(run, harmless)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_module_and_extra_of_a_command_line_is_there(name):
    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    for code in (*spans(name), *(code for _, code in FENCE.findall(text(name)))):
        for module in re.findall(r"python3? -m ((?:bridge|engine|tests)[\w.]*)", code):
            place = ROOT / module.replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file(), module
        for named in re.findall(r"(?:\.|spout-bridge)\[([a-z,]+)\]", code):
            assert {*named.split(",")} <= extras.keys(), named


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name):
    whole, place = FENCE.sub("", text(name)), (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", whole):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = place / path if path else ROOT / name
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-")
                              for one in titles}, target  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_is_named_is_there(name):
    for span in spans(name):
        if CODE.fullmatch(span):
            assert any([*place.glob(span.rstrip("/"))] for place in (ROOT, ROOT / "tests")), span


@pytest.mark.parametrize("name", rest_slow(DOCUMENTS))
def test_every_method_that_is_named_is_there(name):
    for span in spans(name):
        match = re.fullmatch(r"([A-Z]\w+)\.(\w+)(?:\(.*\))?", span)
        if match and match[2] not in ENDINGS:
            assert match[2] in members(match[1]), span


@cache
def program_text() -> dict[Path, str]:
    """The program's own modules."""
    paths = (path for room in ("bridge", "engine") for path in (ROOT / room).rglob("*.py"))
    return {path: path.read_text("utf-8") for path in paths}


def members(name: str) -> set[str]:
    """What a class of the program has."""
    found: set[str] = set()
    for code in program_text().values():
        if re.search(rf"^class {name}\b", code, re.MULTILINE):
            (node,) = (node for node in ast.parse(code).body
                       if isinstance(node, ast.ClassDef) and node.name == name)  # fmt: skip
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    found.add(inner.name)
                if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                    found.add(inner.target.id)
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_osc_address_is_one_that_is_heard(name, shown):
    found = set(ADDRESS.findall(text(name)))
    code = "\n".join(blocks(name, "python"))
    own = {f"/bridge/{field}" for field in DECLARED.findall(code)}
    assert found - own <= shown.osc, found - own - shown.osc


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_route_is_one_that_is_served(name, shown):
    for route in set(ROUTE.findall(text(name))):
        pattern = re.compile(re.sub(r"\\{.*?\\}|\{.*?\}", r"[^/]+", re.escape(route)))
        assert any(
            pattern.fullmatch(re.sub(r"\{.*?\}", "x", path))
            or re.fullmatch(re.sub(r"\{.*?\}", r"[^/]+", path), route)
            for path in shown.routes
        ), route


def test_every_name_of_the_glossary_is_in_the_code(shown):
    code = "\n".join(program_text().values())
    flags = {f"--{field.replace('_', '-')}" for field in Settings.model_fields}
    rows = re.findall(r"^\| .+ \| .+ \| ?(.*) \|$", text("docs/glossary.md"), re.MULTILINE)
    assert len(rows) > 40
    for span in (span for row in rows[1:] for span in SPAN.findall(row)):
        if span[0].isupper():
            assert re.search(rf"^class {span}\b|^{span}: TypeAlias", code, re.MULTILINE), span
        elif span.startswith("--"):
            assert span in flags, span
        elif re.fullmatch(r"\w+", span):
            assert span in shown.parameters or f"def {span}(" in code, span


# How to contribute.

CONTRIBUTING = "CONTRIBUTING.md"


def test_a_parameter_of_the_recipe_is_on_every_surface(tmp_path, monkeypatch):
    recipe = blocks(CONTRIBUTING, "python")[0]
    names = vars(controls).copy()
    exec(recipe.replace("(ConditionedParameters)", "(StylizeParameters)"), names)
    rows = [replace(row, parameters=names["StylizeParameters"]) if row.id == "stylize" else row
            for row in BUILT_IN]  # fmt: skip
    catalog = Catalog(rows)
    monkeypatch.setattr("bridge.control.schema.installed_catalog", lambda: catalog)
    monkeypatch.setattr("bridge.cli.tables.installed_catalog", lambda: catalog)
    (row,) = (row for row in installed()["parameters"] if row["name"] == "grain")
    assert (row["kind"], row["minimum"], row["maximum"]) == ("float", 0, 1)
    specs = merged(all_specs(catalog))
    assert addresses(specs.values())["/bridge/grain"].help == "Film grain over the image."
    (line,) = (line for line in tables.parameters()[2] if line[0] == "grain")
    assert line[1:5] == ("/bridge/grain", "a number from 0 to 1", "0", "stylize")
    assert "/bridge/grain" in layout(installed(), "stylize").addresses


def test_a_causal_pipeline_of_the_recipe_is_a_pipeline(monkeypatch):
    row = row_of_the_recipe(monkeypatch)
    assert (row.id, row.text, row.family, row.block) == ("my-model", True, "wan", 13)
    needed = row.needs(row.load())
    assert needed["network"].file == "model.safetensors"
    assert {"vae", "text", "tokenizer"} <= needed.keys()


def row_of_the_recipe(monkeypatch) -> PipelineRow:
    spec, artifact, line = blocks(CONTRIBUTING, "python")[1:4]
    names = vars(specs).copy()
    exec(spec, names)
    monkeypatch.setattr(specs, "SPECS", specs.SPECS | {"my-model": names["MY_MODEL"]})
    monkeypatch.setattr(artifacts, "NETWORKS", artifacts.NETWORKS.copy())
    exec(artifact, vars(artifacts).copy())
    names |= {"_causal": rows._causal}
    exec(line, names)
    return names["MY_ROW"]


@pytest.mark.slow
def test_a_causal_pipeline_of_the_recipe_is_built_of_its_row(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    row = row_of_the_recipe(monkeypatch)
    pipeline = import_module("engine.causal.pipeline").CausalPipeline
    monkeypatch.setattr(pipeline, "assembled", lambda spec, *_: spec)  # the rest takes seconds
    spec = build(row.target, row.load(), Context(tmp_path, tmp_path, lambda *_: None))
    assert spec is specs.SPECS["my-model"]


def test_a_transport_of_the_recipe_is_one(plugged, monkeypatch):
    monkeypatch.setattr("bridge.transports.BUILT_IN", transports.BUILT_IN.copy())
    exec(blocks(CONTRIBUTING, "python")[4], vars(transports).copy())
    assert transports.BUILT_IN["raw"] == "bridge.transports.raw_frames"
    module = import_module("raw_frames")
    monkeypatch.setitem(sys.modules, "bridge.transports.raw_frames", module)
    path = plugged / "clip.rgba"
    with open_sink(f"raw:8x6:{path}", Options(width=8, height=6)) as sink:
        for number in (1, 2):
            sink.send(frame(number, 8, 6))
    with open_source(f"raw:8x6:{path}", Options(fps=100)) as source:
        received = [source.receive(10) for _ in range(3)]
    assert [one and one.index for one in received] == [1, 2, 3]
    assert np.array_equal(received[1].image, frame(2, 8, 6).image)


def test_the_tests_are_run_as_the_readme_says():
    for mark in ("test", "quick"):
        _, there, rest = text("README.md").partition(f"<!-- {mark} -->\n```sh\n")
        if there:
            line = rest.partition("\n")[0]
            assert line[line.index(".venv/bin/python -m pytest") :] in text(CONTRIBUTING)


def test_hooks_before_a_commit_use_the_versions_that_ci_uses():
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", text("constraints.txt"), re.MULTILINE))
    used = re.findall(r'additional_dependencies: \["([\w-]+)==([\w.]+)"\]',
                      text(".pre-commit-config.yaml"))  # fmt: skip
    assert [version for name, version in used if name == "ruff"] == [pinned["ruff"]] * 2


def test_the_changelog_has_the_form_and_the_version_that_it_should():
    titles = re.findall(r"^## \[([^]]+)\](.*)$", text("CHANGELOG.md"), re.MULTILINE)
    assert titles[0] == ("Unreleased", "")
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", date) for _, date in titles[1:])
    kinds = set(re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_changelog_names_every_command_and_every_new_name():
    listed = set(re.findall(r"`(?:spout-bridge )?([^`]+)`", text("CHANGELOG.md")))
    assert not {name.split()[0] for name in RUNNABLE} - listed
    assert not {name for row in RENAMED for name in (row.old, row.new)} - listed


def test_the_number_of_words_is_the_same_in_every_document():
    said = [re.findall(r"some\s+([\d,]+)\s+words", text(name)) for name in
            ("CHANGELOG.md", "docs/manual.md")]  # fmt: skip
    assert said[0] == said[1] != []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_install_is_of_this_folder_with_the_versions_of_the_tests(name):
    written = text(name)
    assert not re.search(r"pip\S* install (-U )?spout-bridge", written), "it is not published"
    if name != "docs/plugins.md":  # whose package is the reader's own
        lines = re.findall(r"pip\"? install .*-e .*", written)
        assert all("-c " in line and "constraints.txt" in line for line in lines)


def test_the_version_stands_in_one_place_and_types_are_marked():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert project.get("version", __version__) == __version__
    assert all((ROOT / room / "py.typed").is_file() for room in ("bridge", "engine"))
