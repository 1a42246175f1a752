"""The command line of `spout-bridge`: commands and their flags."""

import argparse
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NoReturn, TypeAlias, get_args, get_origin

from pydantic.fields import FieldInfo

from bridge import __version__
from bridge.cli.completion import SHELLS
from bridge.errors import UsageError
from bridge.settings import GROUPS, Settings, shown_default
from bridge.state.inputs import ROLES
from bridge.system.paths import meant
from engine.parameters import measured
from engine.sizes import exact_sides
from engine.system.texts import did_you_mean, quoted

Adder: TypeAlias = Callable[..., "Parser"]  # `add_parser` of a group of commands

FOR_EVER = float("inf")
JSON = "print JSON, for other programs"
SYNONYMS = {"start": "run", "cameras": "sources"}  # words that others use, and ours
AUTOSTART = ("on", "off", "status")
LEAST_SIDE = 64  # pixels that `bench relay` needs to number its frames
LEAST_MINUTES = 6  # of `gpu-check`, which is of little use in less


class Parser(argparse.ArgumentParser):
    """Suggests what was probably meant, and fails with one sentence instead of a page."""

    def __init__(self, *given: Any, **more: Any) -> None:
        self.flags: list[str] = []
        self.commands: Mapping[str, Parser] = {}  # of a parser with commands
        more.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*given, **more)

    def add_argument(self, *names: Any, **more: Any) -> argparse.Action:
        """As in argparse; also records the flags."""
        self.flags += [name for name in names if str(name).startswith("--")]
        return super().add_argument(*names, **more)

    def group(self, title: str) -> "Callable[..., argparse.Action]":
        """`add_argument` of a section of the help with its own title."""
        return self._adding(self.add_argument_group(title))

    def choice(self) -> "Callable[..., argparse.Action]":
        """`add_argument` of flags of which only one may be given."""
        return self._adding(self.add_mutually_exclusive_group())

    def _adding(self, part: Any) -> "Callable[..., argparse.Action]":
        def add(*names: str, **more: Any) -> argparse.Action:
            self.flags += [name for name in names if name.startswith("--")]
            return part.add_argument(*names, **more)

        return add

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, as the exit statuses are defined in one place."""
        end = "" if message.endswith((".", "?")) else "."
        raise UsageError(f"{message}{end} See `{self.prog} --help`.")

    def of(self, words: Sequence[str]) -> "Parser":
        """The parser of the command at the start of these words; UsageError, with a guess, for an
        unknown one.
        """
        if not self.commands or not words:
            return self
        name, *rest = words
        if name.startswith("-"):
            self._check_own(name, rest)
            return self
        if name not in self.commands:
            names, guess = ", ".join(self.commands), _guess(name, self.commands)
            of = f"{self.prog.partition(' ')[2]} " if " " in self.prog else ""
            raise UsageError(f"Unknown command {f'{of}{name}'!r:.130}; choose {names}.{guess}")
        return self.commands[name].of(rest)

    def _check_own(self, word: str, rest: Sequence[str]) -> None:
        """UsageError for a flag before the command, unless it is a flag of this parser."""
        flag = word.partition("=")[0]
        if flag == "-h" or any(own.startswith(flag) for own in self.flags):
            return
        words = rest[1:] if {*rest[1:2]} & {*self.commands} else rest  # the first is its value
        command = next((word for word in words if word in self.commands), "COMMAND")
        raise UsageError(
            f"{self.prog} does not accept {flag!r:.130} before its command; write "
            f"`{self.prog} {command}` first, then its flags."
        )

    def refuse_flags(self, unknown: Sequence[str]) -> NoReturn:
        """Raise UsageError for an argument this command does not accept."""
        first = unknown[0]
        flag = first.partition("=")[0]
        if flag.startswith("-"):
            guess = did_you_mean(flag, self.flags)
        else:
            source = "--source" in self.flags and ":" in meant(first)
            guess = f" Did you mean --source {quoted(first)}?" if source else ""
        raise UsageError(f"{self.prog} does not accept {first!r}.{guess} See `{self.prog} --help`.")


def _guess(word: str, known: Collection[str]) -> str:
    """As `did_you_mean`, also for a word that others use."""
    ours = SYNONYMS.get(word, "")
    return f" Did you mean {ours}?" if ours in known else did_you_mean(word, known)


def one_of(choices: Collection[str], what: str) -> Callable[[str], str]:
    """A `type` that accepts one of some words."""

    def read(text: str) -> str:
        if text in choices:
            return text
        guess = _guess(text, choices)
        raise ArgumentTypeError(f"unknown {what} {text!r}; choose {', '.join(choices)}.{guess}")

    return read


def parser_of(lists: Collection[str], models: Collection[str]) -> Parser:
    """The parser; `options.command` is the command's name, also "bench bridge" and "bench engine".
    `lists` are the tables of `list`, `models` the subcommands of `models`.
    """
    whole = Parser(
        prog="spout-bridge",
        description="Live frames in, generated video out, controlled by OSC. Never black.",
        epilog=_examples("run", "run --source file:clip.mp4 --sink file:out.mp4", "list sources",
                         "models download longlive", "doctor", "help run"),
    )  # fmt: skip
    whole.add_argument("--version", action="version", version=f"spout-bridge {__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _run(commands.add_parser)
    _list(commands.add_parser, lists)
    _send(commands.add_parser)
    _view(commands.add_parser)
    _serve(commands.add_parser)
    _cluster(commands.add_parser)
    _layouts(commands.add_parser)
    _models(commands.add_parser, models)
    _prepare(commands.add_parser)
    for command in (
        _save,
        _bundle,
        _autostart,
        _td,
        _state,
        _doctor,
        _gpu_check,
        _bench,
        _completion,
    ):
        command(commands.add_parser)
    whole.commands = commands.choices
    return whole


def _examples(*lines: str) -> str:
    return "examples:\n" + "".join(f"  spout-bridge {line}\n" for line in lines)


def _run(add: Adder) -> None:
    run = add(
        "run",
        help="receive, generate, send, until Ctrl-C",
        description="Every flag is also an environment variable: SPOUT_BRIDGE_SOURCE …",
        epilog=_examples(
            'run --source camera:0 --set prompt="ocean waves"',
            "run --pipeline longlive --size 576x320 --output-size 1920x1080",
            "run --lan",
            "run --osc-lan --osc-allow 192.168.1.20",
            "run my.show",
        ),
    )
    argument: Callable[..., object] = run.add_argument
    for name, field in Settings.model_fields.items():
        if name in GROUPS:
            argument = run.group(GROUPS[name])
        _add_setting(argument, name, field)
        if name == "pipeline":
            argument(
                "--set", action="append", default=[], metavar="NAME=VALUE",
                help="initial value of a parameter; see `spout-bridge list parameters`",
            )  # fmt: skip
    argument(
        "--use-proposals", action="store_true",
        help="with FILE.show of another machine: use its inputs, outputs and ports too",
    )  # fmt: skip
    argument("--keep", action="store_true", help="restart the bridge whenever it crashes")
    argument(
        "-v",
        dest="verbose",
        action="count",
        default=0,
        help="more output on the terminal; -vv for all",
    )
    argument("-q", dest="quiet", action="count", default=0, help="only errors on the terminal")
    run.set_defaults(command="run")


def _list(add: Adder, lists: Collection[str]) -> None:
    listing = add("list", help="list pipelines, sources, parameters …")
    listing.add_argument(
        "what", nargs="?", type=one_of(sorted(lists), "table"), metavar="TABLE",
        help=f"only this table: {', '.join(sorted(lists))}",
    )  # fmt: skip
    listing.add_argument(
        "--markdown", action="store_true", help="print Markdown, as in docs/reference.md"
    )
    listing.add_argument("--json", action="store_true", help=JSON)
    listing.set_defaults(command="list")


def _send(add: Adder) -> None:
    send = add("send", help="send a source's frames to a sink, unchanged")
    send.add_argument("source", metavar="URI")
    send.add_argument("--to", required=True, metavar="URI")
    send.add_argument("--seconds", type=_seconds, default=FOR_EVER, help="stop after this time")
    send.set_defaults(command="send")


def _view(add: Adder) -> None:
    view = add("view", help="show a source in the browser")
    view.add_argument("source", metavar="URI")
    view.add_argument("--port", type=_port, default=8010)
    view.set_defaults(command="view")


def _serve(add: Adder) -> None:
    serve = add(
        "serve",
        help="run engines for bridges on other machines",
        description="Bridges connect with `spout-bridge run --engine wss://HOST:PORT`.",
        epilog=_examples("serve --lan", "serve --check", "serve --idle-exit '30 min'"),
    )
    serve.add_argument(
        "--sessions", type=_count, default=4, help="most engines at a time (default: 4)"
    )
    serve.add_argument(
        "--keep-session", type=_seconds, default=600.0,
        help="time for which an engine waits for a bridge that lost its line (default: 10 min)",
    )  # fmt: skip
    serve.add_argument(
        "--idle-exit", type=_seconds, default=FOR_EVER, help="exit after this time without a bridge"
    )
    serve.add_argument(
        "--drain", type=_seconds, default=10.0,
        help="time for which bridges are warned before the server ends (default: 10 s)",
    )  # fmt: skip
    serve.add_argument(
        "--tls-cert", metavar="FILE",
        help="certificate for wss://, with those between it and its authority; read again when it "
        "changes",
    )  # fmt: skip
    serve.add_argument(
        "--check", action="store_true",
        help="start nothing; say whether these flags would serve, and what lacks here",
    )  # fmt: skip
    serve.add_argument("--tls-key", metavar="FILE", help="its key, without a password")
    serve.add_argument(
        "--tokens", metavar="FILE",
        help="tokens of others beside the server's own, a line for each: NAME TOKEN, or NAME TOKEN "
        "MOST for at most so many engines",
    )  # fmt: skip
    serve.add_argument(
        "--behind-tls-proxy", action="store_true",
        help="serve without TLS only what comes through a proxy that has it",
    )  # fmt: skip
    _add_settings(
        serve, "host", "port", "lan", "token", "new_token", "allow_host", "insecure", "gpu",
        "device", "models", "more_models", "cache", "alarm", "folder", "name", "log_level",
        "stop_on_stdin_end",
    )  # fmt: skip
    serve.set_defaults(command="serve")


def _cluster(add: Adder) -> None:
    cluster = add(
        "cluster",
        help="run engines on many GPUs, for bridges on other machines",
        description="Bridges connect with `spout-bridge run --engine cluster://HOST:PORT`.",
    )
    parts = cluster.add_subparsers(required=True, metavar="WHAT")
    cluster.commands = parts.choices
    up = parts.add_parser(
        "up", help="begin a cluster: this machine is its head",
        usage="spout-bridge cluster up [FLAGS] [-- FLAGS of serve]",
    )  # fmt: skip
    up.add_argument(
        "--ray-port", type=_port, default=6379, help="port that nodes join at (default: 6379)"
    )
    up.add_argument(
        "--spares", type=_count, default=0, metavar="NUMBER",
        help="GPUs left idle for sessions that lose theirs (default: 0)",
    )  # fmt: skip
    _add_settings(up, "host", "port", "lan", "token", "new_token", "allow_host", "engine_ca")
    up.set_defaults(command="cluster up")
    join = parts.add_parser(
        "join", help="add this machine's GPUs to a cluster",
        usage="spout-bridge cluster join HOST:PORT --key KEY [FLAGS] [-- FLAGS of serve]",
    )  # fmt: skip
    join.add_argument("head", metavar="HOST:PORT", help="the head, and its --ray-port")
    join.add_argument(
        "--key", required=True, help="what `cluster up` has printed, or @FILE that holds it"
    )
    join.set_defaults(command="cluster join")
    for node in (up, join):
        node.add_argument(
            "--node-ip-address", metavar="ADDRESS", default="127.0.0.1",
            help="this machine's address in the network of the cluster (default: 127.0.0.1)",
        )  # fmt: skip
        node.add_argument(
            "--node-name", metavar="NAME", default="", help="default: the machine's name"
        )
        node.add_argument(
            "--gpus", type=_count, metavar="NUMBER", help="how many are used (default: all)"
        )
        node.add_argument(
            "--node-port", type=_port, default=8500, metavar="PORT",
            help="port of the first GPU's server; the others follow (default: 8500)",
        )  # fmt: skip
        node.add_argument("--tls-cert", metavar="FILE", help="as for serve")
        node.add_argument("--tls-key", metavar="FILE", help="as for serve")
        _add_settings(
            node, "insecure", "device", "models", "cache", "folder", "name", "log_level",
            "stop_on_stdin_end",
        )  # fmt: skip
    drain = parts.add_parser("drain", help="give no more sessions to a node")
    drain.add_argument("node", metavar="NODE", help="its name, as in status")
    how = drain.choice()
    how("--move", action="store_true", help="have those that are there go to other nodes, warned")
    how("--undo", action="store_true", help="use the node again")
    drain.set_defaults(command="cluster drain")
    status = parts.add_parser("status", help="print the nodes, their sessions and the queue")
    status.add_argument("--json", action="store_true", help=JSON)
    status.set_defaults(command="cluster status")
    for asked in (drain, status):
        asked.add_argument(
            "--head", metavar="URL", default="cluster://127.0.0.1:8000",
            help="the cluster (default: cluster://127.0.0.1:8000)",
        )  # fmt: skip
        _add_settings(asked, "token", "engine_ca", "insecure")


def _layouts(add: Adder) -> None:
    layouts = add("layouts", help="write layouts for TouchOSC and similar controllers")
    layouts.add_argument(
        "--write",
        default=".",
        metavar="FOLDER",
        help="where to write them (default: current folder)",
    )
    layouts.add_argument(
        "--pipeline", default="", metavar="ID", help="only the parameters of this pipeline"
    )
    _add_several(layouts, "--offer", "NAME=TEXT", "add a button that sends this text")
    layouts.add_argument(
        "--reply-port", type=_port, default=9000, help="port the controller listens on"
    )
    layouts.set_defaults(command="layouts")


def _models(add: Adder, whats: Collection[str]) -> None:
    models = add("models", help="list, download, verify or copy the pipelines' weights")
    models.add_argument(
        "what", type=one_of(tuple(whats), "models command"), metavar="WHAT",
        help=f"one of {', '.join(whats)}",
    )  # fmt: skip
    models.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="default: all")
    models.add_argument("--to", metavar="FOLDER", help="target folder of copy")
    models.add_argument(
        "--headers", action="store_true", help="verify the hub's files, by their headers"
    )
    models.add_argument("--yes", action="store_true", help="download without asking")
    models.add_argument("--json", action="store_true", help=f"for list: {JSON}")
    _add_several(models, "--set", "NAME=VALUE", "load parameter, such as vae=tae")
    _add_settings(models, "folder", "models", "more_models")
    models.set_defaults(command="models")


def _prepare(add: Adder) -> None:
    prepare = add(
        "prepare",
        help="download, compile and cache what a show needs, so that it starts in seconds",
        description="Runs the pipeline until all is warm, and once more to measure a start.",
        epilog=_examples(
            "prepare --pipeline longlive --size 576x320 --references 2 --lora style",
            "prepare --pipeline longlive --set vae=tae --set input_mode=text --yes",
        ),
    )
    _add_settings(prepare, "pipeline", "size")
    prepare.add_argument(
        "--references", type=_count, default=0, metavar="NUMBER",
        help="reference images that the show will use; loads VACE",
    )  # fmt: skip
    _add_several(prepare, "--lora", "NAME", "a LoRA; once for each")
    _add_several(prepare, "--set", "NAME=VALUE", "value of a parameter, as for run")
    prepare.add_argument("--yes", action="store_true", help="download without asking")
    prepare.add_argument("--json", action="store_true", help=f"{JSON}; needs --yes to download")
    _add_settings(prepare, "models", "more_models", "cache", "device", "gpu", "load_s", "folder")
    prepare.set_defaults(command="prepare")


def _doctor(add: Adder) -> None:
    doctor = add("doctor", help="check this machine, and print what a bug report needs")
    _add_settings(
        doctor, "host", "port", "output_size", "gpu", "device", "engine", "standby",
        "engine_token", "engine_ca", "insecure", "folder", "models", "more_models",
    )  # fmt: skip
    doctor.add_argument(
        "--show", action="store_true", help="only what may spoil a show: updates, sleep, disk …"
    )
    doctor.add_argument("--json", action="store_true", help=JSON)
    doctor.set_defaults(command="doctor")


def _gpu_check(add: Adder) -> None:
    check = add(
        "gpu-check",
        help="check that the engine computes correctly and fast on this graphics card",
        description="Runs each step in a process of its own and writes a report, complete after "
        "every step. Without a card it runs its steps on the CPU at toy size. The exit status is 1 "
        "if a step failed, or if time did not suffice for the first frame or the speed.",
        epilog=_examples(
            "gpu-check --quick", "gpu-check", "gpu-check --resume gpu-check-20261130-2015.json",
            "gpu-check --compare before.json after.json",
        ),
    )  # fmt: skip
    how, to = check.choice(), check.choice()
    how("--quick", action="store_true", help="90 seconds, the most important steps")
    how("--minutes", type=_minutes, default=10.0, help="time for all steps, from 6")
    how("--compare", nargs=2, metavar="FILE", help="show two reports side by side")
    to("--write", metavar="FILE", help="the report (default: a new file here)")
    to("--resume", metavar="FILE", help="continue this report")
    _add_several(check, "--only", "STEP", "only this step; may be repeated")
    _add_settings(check, "device", "gpu")
    check.set_defaults(command="gpu-check")


def _autostart(add: Adder) -> None:
    autostart = add(
        "autostart",
        help="start the bridge at every logon",
        usage="spout-bridge autostart on|off|status [-- FLAGS of run]",
        description="A shortcut in the Startup folder on Windows, a unit of the user's systemd on "
        "Linux; always with --keep. Relative paths are of the current folder.",
        epilog=_examples("autostart on -- --pipeline longlive --source spout:Cam --lan",
                         "autostart status", "autostart off", "autostart off -- --name Left"),
    )  # fmt: skip
    autostart.add_argument(
        "what", type=one_of(AUTOSTART, "autostart command"), metavar="WHAT",
        help=f"one of {', '.join(AUTOSTART)}",
    )  # fmt: skip
    autostart.set_defaults(command="autostart")


def _save(add: Adder) -> None:
    save = add(
        "save",
        help="save the whole show as one file, for `run FILE.show` here or elsewhere",
        description="Of the bridge that runs on this machine; if none does, of its folder.",
        epilog=_examples("save my.show", "save my.show --name Left --port 8001", "run my.show"),
    )
    save.add_argument("file", metavar="FILE.show")
    _add_settings(save, "port", "token", "folder", "name", "models", "more_models")
    save.set_defaults(command="save")


def _bundle(add: Adder) -> None:
    bundle = add(
        "bundle",
        help="put a show and all that it needs into a folder, for a machine without a network",
        description="The show file, its weights and LoRAs, compiled programs, and the wheels that "
        "install this program; and install.sh or install.bat, which installs and runs all that. "
        "The same command brings a bundle up to date.",
        epilog=_examples(
            "bundle /media/stick/show", "bundle E:\\show --show my.show",
            "bundle /media/stick/show --python 3.13 --platform win_amd64",
            "bundle --check /media/stick/show",
        ),
    )  # fmt: skip
    bundle.add_argument("to", metavar="FOLDER", help="the bundle: a new folder, or one to update")
    bundle.add_argument(
        "--check", action="store_true", help="only say which files are missing or changed"
    )
    bundle.add_argument(
        "--show", default="", metavar="FILE.show",
        help="the show (default: that of this machine, as for save)",
    )  # fmt: skip
    bundle.add_argument(
        "--extras", metavar="NAME,…", help="extras to include, or none (default: as installed here)"
    )
    bundle.add_argument("--python", metavar="VERSION", help="Python of the other machine")
    bundle.add_argument(
        "--platform", default="", metavar="PLATFORM",
        help="the other machine as pip names it, such as win_amd64 or manylinux_2_28_x86_64",
    )  # fmt: skip
    bundle.add_argument(
        "--without-cache", action="store_true", help="leave out the compiled programs"
    )
    for name in ("port", "token", "folder", "name", "models", "more_models", "cache"):
        _add_setting(bundle.add_argument, name, Settings.model_fields[name])
    bundle.set_defaults(command="bundle")


def _td(add: Adder) -> None:
    td = add("td", help="print the line that builds the TouchDesigner component")
    td.add_argument(
        "--write", metavar="FOLDER", help="first copy the component's files into this folder"
    )
    td.add_argument("--copy", action="store_true", help="also copy the line to the clipboard")
    td.add_argument("--read", metavar="FILE", help="explain a Self Test report")
    td.set_defaults(command="td")


def _state(add: Adder) -> None:
    state = add("state", help="print the state of the bridge running on this machine")
    _add_settings(state, "port", "token")
    state.add_argument("--json", action="store_true", help=JSON)
    state.set_defaults(command="state")


def _completion(add: Adder) -> None:
    completion = add(
        "completion",
        help="print a script for shell completion of commands and flags",
        epilog='bash: eval "$(spout-bridge completion bash)"   '
        "PowerShell: spout-bridge completion powershell | Out-String | Invoke-Expression",
    )
    completion.add_argument("shell", type=one_of(SHELLS, "shell"), metavar="SHELL",
                            help=f"one of {', '.join(SHELLS)}")  # fmt: skip
    completion.set_defaults(command="completion")


FIGURES = ("latency", "4k", "border", "idle", "share", "pacing", "kills", "osc", "set", "soak")


def _bench(add: Adder) -> None:
    bench = add("bench", help="measure on this machine")
    measured = bench.add_subparsers(required=True, metavar="WHAT")
    bench.commands = measured.choices
    whole = measured.add_parser(
        "bridge",
        help="the path of frames and messages",
        description="Measure what the bridge costs, from outside its process. Each part takes "
        "about --seconds, plus a few for its start; soak takes at least 40 s.",
    )
    whole.add_argument(
        "--only", default="", metavar="NAME,…", help=f"only these figures: {', '.join(FIGURES)}"
    )
    whole.add_argument("--seconds", type=_seconds, default=10, help="approximate time per figure")
    whole.add_argument("--full", action="store_true", help="also at 4K")
    whole.set_defaults(command="bench bridge")
    port = measured.add_parser("osc", help="messages and their cost, beside python-osc")
    port.add_argument("--seconds", type=_seconds, default=10, help="approximate time per figure")
    port.set_defaults(command="bench osc")
    relay = measured.add_parser(
        "relay", help="an engine behind `spout-bridge serve`, beside a bare loop of its codec"
    )
    relay.add_argument("--seconds", type=_seconds, default=10, help="time for it, and for the loop")
    relay.add_argument(
        "--size", dest="sides", type=_size, default="640x360", help="of the frames", metavar="SIZE"
    )
    _add_settings(relay, "engine_coding")
    relay.set_defaults(command="bench relay")
    own = measured.add_parser("stylize", add_help=False, help="the pipeline stylize")
    own.set_defaults(command="bench stylize")
    network = measured.add_parser("engine", add_help=False, help="a causal pipeline's network")
    network.set_defaults(command="bench engine")


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if (seconds := FOR_EVER if text == "inf" else measured(text, "s")) > 0:
            return seconds
    raise ArgumentTypeError(f"takes a time in seconds above 0, not {text!r}.")


def _size(text: str) -> tuple[int, int]:
    try:
        sides = exact_sides(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
    if min(sides) < LEAST_SIDE:
        raise ArgumentTypeError(f"takes sides of at least {LEAST_SIDE} pixels, not {text}.")
    return sides


def _minutes(text: str) -> float:
    with suppress(ValueError):
        if LEAST_MINUTES <= (minutes := float(text)) < float("inf"):
            return minutes
    raise ArgumentTypeError(f"takes a number of minutes from {LEAST_MINUTES}, not {text!r}.")


def _count(text: str) -> int:
    with suppress(ValueError):
        if (count := int(text)) >= 0:
            return count
    raise ArgumentTypeError(f"takes a whole number from 0 on, not {text!r}.")


def _port(text: str) -> int:
    with suppress(ValueError):
        if 0 <= (port := int(text)) <= 65535:
            return port
    raise ArgumentTypeError(f"takes a port, 0 to 65535, not {text!r}.")


class _Once(argparse.Action):
    """Store a value that may be given once: there is one of what it names, so a second value would
    silently replace the first.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """As in argparse."""
        if getattr(namespace, self.dest) is not None:
            record = ", and record beside it with `spout-bridge send shm:NAMEOut --to file:…`"
            more = record if self.dest == "sink" else ""
            parser.error(f"--{self.dest} appears twice; give it once{more}.")
        setattr(namespace, self.dest, values)


def _add_several(parser: argparse.ArgumentParser, flag: str, metavar: str, help: str) -> None:
    """Add a flag that may be given more than once."""
    parser.add_argument(flag, action="append", default=[], metavar=metavar, help=help)


def _add_settings(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the flags of these settings."""
    for name in names:
        _add_setting(parser.add_argument, name, Settings.model_fields[name])


def _add_setting(add: Callable[..., object], name: str, field: FieldInfo) -> None:
    """Add the flag of a setting. The model checks the value, so that a flag and an environment
    variable are refused alike.
    """
    flag = "--" + name.replace("_", "-")
    shown = shown_default(field)
    text = (field.description or "").replace("%", "%%")
    if field.annotation is bool:
        add(flag, action="store_true", default=None, help=text)
        return
    literal = get_origin(field.annotation) is Literal
    metavar = " | ".join(get_args(field.annotation)) if literal else name.upper()
    add(
        flag,
        dest=name,
        action=_Once if name in (*ROLES, "sink") else "store",
        metavar=metavar,
        help=f"{text} (default: {shown})" if shown else text,
    )
