"""Every public name, read from the running program: `python -m tests.public_names`.

Routes, addresses, flags, variables, state and so on, one line of JSON for each. Nothing here knows
where the program keeps its code: it is asked as `spout-bridge`, by HTTP, OSC and shared memory.

`python -m tests.public_names > FILE` prints them, `--compare FILE` tells what went, came and
changed, and ends with 1 where anything did; `--write` rewrites tests/golden/public_names.json.
Works on Linux, for the rings are files there.
"""

import argparse
import contextlib
import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import EntryPoint, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from websockets.sync.client import connect

import engine
from bridge.state.catalog import installed_catalog
from tests.support.plugins import without

Names = dict[str, str]
Rows = Iterator[tuple[str, str]]

NAME, TOKEN = f"Names{os.getpid()}", "public-names-0123456789"
ROLES = ("source", "control", "mask")
GROUPS = ("spout_bridge.pipelines", "spout_bridge.transports", "spout_bridge.processors")
UNLISTED = ("/", "/docs", "/openapi.json")  # paths that /openapi.json does not tell of
COMMANDS = ("ping", "query", "unsubscribe", "subscribe", "download/cancel", "download", "who")
PARTS = ("load", "parameters")  # of a pipeline's row; the rest depends on the machine
HERE = ("Parameters", "Switch")  # their choices are of what is installed and which files there are
PROSE = ("help", "suggestions")  # of a parameter: may be written better at any time
ACCEPT = "`python -m tests.public_names --write` takes a wanted change."
GOLDEN = Path(__file__).parent / "golden" / "public_names.json"
BENCH = "command bench engine "  # how the names begin that only torch can tell


def names() -> Names:
    """All that can be had quickly; without plug-ins that happen to be installed."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor() as pool:
        typed = pool.submit(_typed)
        return {**_running(Path(folder)), **typed.result()}


def bench_names() -> Names:
    """The flags of `bench engine`, which need the extra `engine` and take seconds."""
    shown = _output(sys.executable, "-m", "bridge.cli", "bench", "engine", "--help")
    found = re.findall(r"^  (?:-h, )?(--[a-z-]+)(?: (\S+))?", shown, re.MULTILINE)
    return {f"command bench engine {flag}": takes for flag, takes in found}


def written(found: Mapping[str, str]) -> str:
    """As the file has them."""
    return json.dumps(found, indent=0, sort_keys=True, ensure_ascii=False) + "\n"


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """What went, came and changed, a line each."""
    both = sorted(old.keys() & new.keys())
    return [
        *(f"went: {name} ({old[name]})" for name in sorted(old.keys() - new.keys())),
        *(f"came: {name} ({new[name]})" for name in sorted(new.keys() - old.keys())),
        *(f"changed: {n} ({old[n]} -> {new[n]})" for n in both if old[n] != new[n]),
    ]


# What is typed: the program is called in a process of its own, as its console script calls it.


def _output(*command: str) -> str:
    environment = without({**os.environ, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"})
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, encoding="utf-8"
    ).stdout


def _typed() -> Names:
    return json.loads(_output(sys.executable, "-m", "tests.public_names", "--typed"))


def _tell_typed() -> None:
    flags = dict(_flags(_parser()))
    parts = (_variables(flags), _statuses(), _tables(), _packages())
    print(json.dumps(flags | {name: about for part in parts for name, about in part}))


def _script() -> EntryPoint:
    (script,) = distribution("spout-bridge").entry_points.select(name="spout-bridge")
    return script


def _call(*arguments: str, out: type[io.StringIO] = io.StringIO) -> tuple[str, str, str]:
    """What the program prints, what it says on standard error, and its exit status."""
    printed, said, status = out(), io.StringIO(), "0"
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            _script().load()(arguments)
    except SystemExit as end:
        status = str(end.code or 0)
    return printed.getvalue(), said.getvalue(), status


class _Broken(io.StringIO):
    """What nobody foresees."""

    def write(self, _: str) -> NoReturn:
        raise RuntimeError("this takes nothing")


class _Told(Exception):
    """Carries the parser out of the program."""


def _parser() -> argparse.ArgumentParser:
    def tell(parser: argparse.ArgumentParser, *_: object, **__: object) -> NoReturn:
        raise _Told(parser)

    whole = argparse.ArgumentParser.parse_known_args
    argparse.ArgumentParser.parse_known_args = tell  # type: ignore[assignment]
    try:
        _call("--help")
    except _Told as told:
        return told.args[0]
    finally:
        argparse.ArgumentParser.parse_known_args = whole  # type: ignore[method-assign]
    raise AssertionError("the program has no parser")


def _flags(parser: argparse.ArgumentParser, command: str = "command") -> Rows:
    """The commands with what each takes, without the words of their help."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield f"{command} {name}", ""
                yield from _flags(inner, f"{command} {name}")
            continue
        takes = action.metavar or action.dest.upper()
        default = "" if action.default in (None, [], argparse.SUPPRESS) else action.default
        about = {
            "takes": "nothing" if action.nargs == 0 else takes,
            "as": {"?": "one or none", "*": "any number"}.get(str(action.nargs), ""),
            "one of": ", ".join(map(str, action.choices or ())),
            "default": default if action.nargs != 0 else "",
            "needed": "yes" if action.required else "",
        }
        yield f"{command} {', '.join(action.option_strings) or takes}", _said(about)


def _said(about: Mapping[str, object]) -> str:
    return "; ".join(f"{name}: {value}" for name, value in about.items() if value != "")


def _variables(flags: Mapping[str, str]) -> Rows:
    """The variables of the environment, with what each makes of a value that most refuse. The last
    setting's is always wrong, so that nothing starts.
    """
    settings = [flag.split()[-1] for flag in flags if flag.startswith("command run --")]
    settings = [flag for flag in settings if flag not in ("--set", "--keep", "--use-proposals")]
    variables = {flag: "SPOUT_BRIDGE_" + flag[2:].upper().replace("-", "_") for flag in settings}
    wrong = {variables["--stop-on-stdin-end"]: "!"}
    for variable in variables.values():
        os.environ |= {**wrong, variable: "!"}
        _, said, status = _call("run")
        assert status == "2", f"{variable} started something: {said}"
        yield f"variable {variable}", "refuses !" if f"{variable} takes" in said else ""
        del os.environ[variable]


def _statuses() -> Rows:
    with socket.create_server(("127.0.0.1", 0)) as taken, tempfile.TemporaryDirectory() as folder:
        run = ("run", "--sink", "null:", "--folder", folder)
        yield "exit status of an unknown flag", _call("--nonsense")[2]
        yield "exit status of a wrong value", _call("run", "--port", "x")[2]
        yield "exit status of a refused setting", _call(*run, "--token", "short")[2]
        yield "exit status of a taken port", _call(*run, "--port", str(taken.getsockname()[1]))[2]
    yield "exit status of a defect", _call("list", "settings", "--markdown", out=_Broken)[2]


def _tables() -> Rows:
    """The reference tables of `list`, without the last column, which is prose."""
    for table in _call("list", "--markdown")[0].split("### ")[1:]:
        title, _, rest = table.partition("\n")
        head, _, *rows = (line.strip("| ").split(" | ") for line in rest.strip().splitlines())
        shown = 1 if title == "Pipelines" else len(head) - 1  # what these need is a figure
        for name, *cells in rows:
            about = zip(head[1:shown], map(str.strip, cells), strict=False)
            yield f"list {title.lower()} {name}", _said(dict(about))


def _packages() -> Rows:
    """What other packages find: the commands, the doors of the engine, and the groups of entry
    points in which a plug-in is seen; one that cannot be imported is told under its name.
    """
    yield f"console script {_script().name}", ""
    for name in getattr(engine, "__all__", ()):
        yield f"engine door {name}", type(getattr(engine, name)).__name__
    with tempfile.TemporaryDirectory() as folder:
        about = Path(folder, "probe-1.dist-info")
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: probe\nVersion: 1\n")
        groups = (f"[{group}]\nprobe-{place} = probe\n" for place, group in enumerate(GROUPS))
        (about / "entry_points.txt").write_text("".join(groups))
        sys.path.append(folder)
        installed_catalog.cache_clear()
        shown = _call("list", "--markdown")[0]
        sys.path.remove(folder)
        installed_catalog.cache_clear()
    for place, group in enumerate(GROUPS):
        if f"| probe-{place}" in shown:
            yield f"entry point group {group}", ""


# What runs.


def _running(folder: Path) -> Names:
    with _Bridge(folder) as bridge:
        looks = (_paths, _answers, _sockets, _guard, _osc, _segment)
        found = {name: about for look in looks for name, about in look(bridge)}
        found["exit status of Ctrl-C"] = str(bridge.end())
    kept = json.loads((folder / f"{NAME}.journal.json").read_text())
    for name, value in kept.items():
        found[f"journal {name}"] = _kind(value)
    for name, value in kept["values"].items():
        found[f"journal values {name}"] = _kind(value)
    for path in folder.rglob("*"):
        found[f"file {path.relative_to(folder)}"] = "folder" if path.is_dir() else ""
    return {name.replace(NAME, "NAME"): about for name, about in found.items()}


def _kind(value: object) -> str:
    """A value's type in JSON."""
    kinds = {str: "text", bool: "true or false", dict: "object", list: "array"}
    return kinds.get(type(value), "number")


class _Bridge:
    """One that is started by its variables alone, and asks for a token."""

    def __init__(self, folder: Path) -> None:
        chosen = {
            "name": NAME, "folder": folder, "token": TOKEN, "port": 0, "osc_feedback": "none",
            "source": "demo:", "sink": f"shm:{NAME}Out", "pipeline": "passthrough",
            "engine": "thread", "output_size": "64x48",
        }  # fmt: skip
        variables = {f"SPOUT_BRIDGE_{name.upper()}": str(value) for name, value in chosen.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bridge.cli", "run"],
            env=without({**os.environ, **variables}), stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip
        self.port = 0
        self._said: list[str] = []
        self._ready = threading.Event()
        self._listens = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "_Bridge":
        self._listens.start()
        self._ready.wait(60)
        if not self.port:
            self.__exit__()
            raise AssertionError("".join(self._said))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._listens.join(10)

    def _listen(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                self._said.append(line)
                if found := re.search(r"page +http://[^:]+:(\d+)", line):
                    self.port = int(found[1])
                    self._ready.set()
        self._ready.set()

    def ask(self, path: str, **headers: str) -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer; a redirection is one."""
        shown = {"Authorization": f"Bearer {TOKEN}", **headers}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=shown)
        try:
            answer = DIRECT.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers, answer.read()

    def json(self, path: str) -> Any:
        """What a route answers."""
        return json.loads(self.ask(path)[2])

    def end(self) -> int:
        """End it as by Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Go nowhere: the redirection itself is asked for."""


DIRECT = urllib.request.build_opener(_Stay)


# HTTP.


def _paths(bridge: _Bridge) -> Rows:
    document = bridge.json("/openapi.json")
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield from _route(f"http {method.upper()} {path}", told)
    for name, schema in document["components"]["schemas"].items():
        kinds = {f"{name} {kind['title']}": kind for kind in schema.get("anyOf", ())}
        for kind, rows in {name: schema, **kinds}.items():
            for field, about in rows.get("properties", {}).items():
                needed = "; needed" if field in rows.get("required", ()) else ""
                if name in HERE:
                    about = {key: value for key, value in about.items() if key != "enum"}
                yield f"http schema {kind} {field}", f"{_shape(about)}{needed}"
    for path in UNLISTED:
        for accept in ("text/html", "application/json"):
            status, headers, body = bridge.ask(path, Accept=accept)
            kind = headers.get_content_type()
            if path == "/" and kind == "application/json":
                kind += f" with {', '.join(sorted(json.loads(body)))}"
            yield f"http GET {path} for {accept}", f"{status} {kind}"


def _route(route: str, told: Mapping[str, Any]) -> Rows:
    yield route, f"{told['operationId']}; of {', '.join(told['tags'])}"
    for given in told.get("parameters", ()):
        needed = "; needed" if given["required"] else ""
        yield f"{route} {given['in']} {given['name']}", f"{_shape(given['schema'])}{needed}"
    for kind, content in told.get("requestBody", {}).get("content", {}).items():
        yield f"{route} body {kind}", _shape(content["schema"])
    for status, answer in told["responses"].items():
        for kind, content in answer.get("content", {"nothing": {}}).items():
            yield f"{route} answers {status} {kind}", _shape(content.get("schema", {}))


def _shape(about: Mapping[str, Any]) -> str:
    """What a schema says, without its prose."""
    if "$ref" in about:
        return about["$ref"].rpartition("/")[2]
    kinds = about.get("type", "")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    parts = [kind, " or ".join(map(_shape, about.get("anyOf", ())))]
    for inner in ("items", "additionalProperties"):
        if isinstance(about.get(inner), dict):
            parts.append(f"of {_shape(about[inner])}")
    told = ("enum", "minimum", "maximum", "default", "format")
    parts += [f"{name} {about[name]}" for name in told if name in about]
    return " ".join(filter(None, parts)) or "any"


def _answers(bridge: _Bridge) -> Rows:
    """What answers are made of, where no schema says so."""
    told = bridge.json("/api/v1/schema")
    for part, value in told.items():
        keys = sorted(value[0]) if isinstance(value, list) else [_kind(value)]
        yield f"schema {part}", ", ".join(keys)
    for spec in told["parameters"]:
        about = {key: value for key, value in spec.items() if key not in PROSE}
        about = {key: v for key, v in about.items() if v is not False and v not in (None, [], {})}
        yield f"schema parameters {spec['name']}", _said(about)
    for row in told["pipelines"]:
        yield f"schema pipelines {row['id']}", _said({key: row[key] for key in PARTS})
    for row in told["state"]:
        yield f"schema state {row['name']}", _said({"unit": row["unit"], "metric": row["metric"]})
    for name, value in bridge.json("/api/v1/state").items():
        yield f"state {name}", _kind(value)
    for name, value in bridge.json("/api/v1/parameters").items():
        yield f"parameter {name}", _kind(value)
    for path in ("/readyz", "/api/v1/models"):
        for name, value in bridge.json(path).items():
            row = value[0] if isinstance(value, list) and value else value
            yield f"{path} {name}", ", ".join(sorted(row)) if isinstance(row, dict) else _kind(row)
    metrics = bridge.ask("/metrics")[2].decode()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", metrics, re.MULTILINE):
        label = re.search(rf"^{name}{{(\w+)=", metrics, re.MULTILINE)
        yield f"metric {name}", f"{kind} by {label[1]}" if label else kind


def _sockets(bridge: _Bridge) -> Rows:
    head = {"Authorization": f"Bearer {TOKEN}"}
    url = f"ws://127.0.0.1:{bridge.port}/api/v1"
    with connect(f"{url}/events", additional_headers=head) as events:
        for message in (json.loads(events.recv(10)) for _ in range(2)):
            yield f"websocket /api/v1/events {message['type']}", ", ".join(sorted(message))
    for side in ("input", "output"):
        with connect(f"{url}/preview?side={side}&width=32", additional_headers=head) as preview:
            data = np.frombuffer(preview.recv(10), np.uint8)
        wide = cv2.imdecode(data, cv2.IMREAD_COLOR).shape[1]
        yield f"websocket /api/v1/preview ?side={side}&width=32", f"JPEG, {wide} wide"


def _guard(bridge: _Bridge) -> Rows:
    """The ways to show the token."""
    path, none = "/api/v1/parameters", {"Authorization": ""}
    yield "token missing", str(bridge.ask(path, **none)[0])
    yield "token as Authorization: Bearer", str(bridge.ask(path)[0])
    status, headers, _ = bridge.ask(f"{path}?token={TOKEN}", **none)
    cookie = headers.get("set-cookie", "").partition(f"={TOKEN}")[0]
    yield "token as ?token=", f"{status}"
    yield f"token as cookie {cookie}", str(bridge.ask(path, **none, Cookie=f"{cookie}={TOKEN}")[0])


# OSC.


class _Osc:
    """Speaks with a bridge from one port, and hears what comes back to it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.own = self._socket.getsockname()[1]
        self.heard: dict[str, str] = {}  # addresses with the types of what came there
        self.errors: list[str] = []

    def __enter__(self) -> "_Osc":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, address: str, *values: object) -> None:
        builder = OscMessageBuilder(address)
        for value in values:
            builder.add_arg(value)
        self._socket.sendto(builder.build().dgram, ("127.0.0.1", self._port))

    def hear(self, enough: Callable[[], bool], seconds: float = 30.0) -> None:
        """Take in what comes until that is enough, or for so long."""
        end = time.perf_counter() + seconds
        while not enough() and (left := end - time.perf_counter()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                data = self._socket.recv(1 << 16)
                message = OscMessage(data)
                types = data[data.index(b",") + 1 :].partition(b"\0")[0]
                self.heard[message.address] = types.decode()
                if message.address == "/bridge/error":
                    self.errors.append(str(message.params[0]))


def _osc(bridge: _Bridge) -> Rows:
    told = bridge.json("/api/v1/schema")
    short = {f"/bridge/{spec['osc']}": spec["name"] for spec in told["parameters"]}
    known = {f"/bridge/{name}": name for name in (*short.values(), "pipeline", *ROLES)} | short
    known |= {f"{address}/1": known[address] for address in short if f"{address}/2" in short}
    buttons = [f"/bridge/{row['name']}" for row in told["actions"]]
    buttons += [f"/bridge/pipeline/{row['id']}" for row in told["pipelines"]]
    with _Osc(bridge.port) as osc:
        osc.send("/bridge/subscribe", osc.own)
        osc.send("/bridge/query", osc.own)
        osc.hear(lambda: {*short, "/bridge/state/fps", "/bridge/pipeline"} <= osc.heard.keys())
        yield from ((f"osc out {address}", types) for address, types in osc.heard.items())
        osc.heard.clear()
        for address in known:
            osc.send(address, "?")
        osc.hear(lambda: known.keys() <= osc.heard.keys())
        for address in known.keys() & osc.heard.keys():
            yield f"osc in {address}", f"{known[address]}; ? asks"
        for address in buttons:
            if _takes(bridge, osc, address, 0):  # 0 does not press it
                yield f"osc in {address}", "a button"
        for address in (f"/bridge/{name}" for name in COMMANDS):
            if _takes(bridge, osc, address, osc.own):
                yield f"osc in {address}", "a command"


def _takes(bridge: _Bridge, osc: _Osc, address: str, value: int) -> bool:
    """Whether there is something at an address: it may refuse the value, but not the address."""
    before = bridge.json("/api/v1/state")["osc_refused"]
    osc.heard.clear()
    osc.send(address, value)
    osc.send("/bridge/ping")
    osc.hear(lambda: "/bridge/pong" in osc.heard)
    if bridge.json("/api/v1/state")["osc_refused"] == before:
        return True
    osc.hear(lambda: "/bridge/error" in osc.heard, 10.0)
    return any(error.startswith(f"{address}:") for error in osc.errors)


# Shared memory, as a stranger reads it who has the table in front of him.


def _segment(bridge: _Bridge) -> Rows:
    path = Path("/dev/shm", f"spout-bridge-{NAME}Out")
    head = struct.Struct("<8s4I5Q")
    end = time.perf_counter() + 10
    while not struct.unpack_from("<Q", data := path.read_bytes(), 32)[0]:
        assert time.perf_counter() < end, "no picture came"
    magic, version, slots, width, height, generation, number, writer, stride, stale = (
        head.unpack_from(data)
    )
    at = 64 + (number - 1) % slots * stride
    lock, index, when, tag = struct.unpack_from("<QQdQ", data, at)
    pixels = np.frombuffer(data, np.uint8, 64 * 48 * 4, at + 64).reshape(48, 64, 4)
    few = range(1 << 16)  # what nothing but another field's bytes would be beyond
    holds = {
        "header 0, 8 bytes: magic": magic == b"SPBRIDGE",
        "header 8, u32: version 1": version == 1,
        "header 12, u32: slots": slots in range(2, 17),
        "header 16, u32: width": width == 64,
        "header 20, u32: height": height == 48,
        "header 24, u64: generation": generation in few,
        "header 32, u64: head": number in few,
        "header 40, u64: writer": writer == bridge.process.pid,
        "header 48, u64: stride": stride * slots == len(data) - 64,
        "header 56, u64: stale": stale == 0,
        "slot 0, u64: lock": number <= lock // 2 <= number + 2 * slots,
        "slot 8, u64: index": index in few,
        "slot 16, f64: time": 0 <= time.monotonic() - when < 60,
        "slot 24, u64: tag": tag in few,
        "slot 64: RGBA": (pixels[..., 3] == 255).all() and pixels[..., :3].any(),
    }
    yield f"shm {path.name}", f"{len(data)} bytes at 64x48"
    yield from ((f"shm {field}", "") for field, there in holds.items() if there)


def main() -> int:
    """Print them, write them into the tests' own file, or compare them with a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.public_names", description=__doc__)
    parser.add_argument("--compare", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--typed", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.typed:
        _tell_typed()
        return 0
    if find_spec("torch"):
        bench = bench_names()
    else:
        told = json.loads(GOLDEN.read_text("utf-8"))
        bench = {name: about for name, about in told.items() if name.startswith(BENCH)}
    found = names() | bench
    if options.write:
        GOLDEN.write_text(written(found), "utf-8")  # only now, that all is found
    elif not options.compare:
        sys.stdout.write(written(found))
    if not options.compare:
        return 0
    lines = differences(json.loads(options.compare.read_text("utf-8")), found)
    print("\n".join([*lines, ACCEPT] if lines else ["The same names."]))
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())
