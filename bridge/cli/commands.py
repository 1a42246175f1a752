"""What each command of `spout-bridge` runs (`COMMANDS`), and how an error ends it."""

import argparse
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError
from rich.console import Console

from bridge.cli.arguments import parser_of
from bridge.cli.completion import script
from bridge.errors import CommandError, ExitStatus, UsageError
from bridge.settings import DRIFTED, PREFIX, Settings, accepts, said, unknown_variables
from bridge.state.inputs import ROLES
from bridge.system import logs
from bridge.system.endings import stop_event
from bridge.system.garbage import not_yet
from bridge.system.paths import meant, place, typed
from bridge.system.processes import speaking_utf8
from engine.catalog.ids import PASSTHROUGH
from engine.system import drives, loading
from engine.system.installation import pip, with_extra

if TYPE_CHECKING:
    from bridge.cli.cluster import Node

log = logging.getLogger(__name__)

HELP = {"-h", "--help"}
SHOW = ".show"  # the end of a show file's name
# Commands that run a module in a process of its own, which parses its own flags.
MEASURED = {"bench stylize": "engine.bench.stylize", "bench engine": "engine.bench"}

# Flags of `run` without an environment variable, and what to do instead
FLAGS_ONLY = {
    "SET": "use `run --set NAME=VALUE`, once for each parameter",
    "KEEP": "use `run --keep`",
    "USE_PROPOSALS": "use `run --use-proposals`",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `spout-bridge`."""
    given = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of senders and files may be in any script
            stream.reconfigure(encoding=_encoding(stream), errors="backslashreplace")
    console = Console(stderr=True, markup=False, highlight=False)
    try:
        options = _options(given)
    except UsageError as error:
        sys.exit(_refused(console, str(error), error.status))
    # Colours on a console; plain lines for a file or another program.
    if console.is_terminal:
        from rich.logging import RichHandler

        handler = RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    louder = getattr(options, "verbose", 0) - getattr(options, "quiet", 0)
    logs.to_terminal(handler, max(logging.DEBUG, logging.WARNING - 10 * louder))
    try:
        status = _status(options, console)
    finally:
        well = logs.end()
    if not well and arguments is None:
        os._exit(status)  # flushing a stuck terminal would never return
    if status:
        sys.exit(status)


def _options(given: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments; UsageError if they are wrong."""
    if given and given[0] == "help":
        given = [*given[1:], "--help"]
    after: list[str] = []  # flags of another command
    if given and given[0] in ("autostart", "cluster") and "--" in given:
        place = [*given].index("--")
        given, after = given[:place], [*given[place + 1 :]]
    parser = parser_of(LISTS, MODELS)
    command = parser.of(given)
    options, rest = parser.parse_known_args(given, argparse.Namespace(given=given, rest=None))
    if rest and options.command == "autostart":
        raise UsageError(f"Write -- before {rest[0]!r:.130}: `spout-bridge autostart on -- FLAGS`.")
    options.show_file = ""
    if options.command == "run" and len(rest) == 1 and rest[0].lower().endswith(SHOW):
        options.show_file, rest = rest[0], []
    if rest and options.command not in MEASURED:
        command.refuse_flags(rest)
    options.rest, options.after = rest, after
    for role in ROLES:
        if uri := getattr(options, role, None):
            setattr(options, role, typed(uri))
    return options


def _status(options: argparse.Namespace, console: Console) -> int:
    """Run a command; the exit status."""
    try:
        COMMANDS[options.command](options, console)
    except SystemExit as end:
        return cast(int, end.code or 0)  # argparse ends with numbers
    except BrokenPipeError:  # `list | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except CommandError as error:
        return _refused(console, str(error), error.status)
    except Exception as error:
        if why := _package(error):
            return _refused(console, why, ExitStatus.FAILED)
        text = "This is a bug: please report it with the output of `spout-bridge doctor`%s."
        log.exception(text, f" and with {logs.place()}" if logs.place() else "")
        return ExitStatus.DEFECT
    return ExitStatus.DONE


def _refused(console: Console, why: str, status: ExitStatus) -> int:
    logs.say(lambda: console.print(f"spout-bridge: {why}", style="red", soft_wrap=True))
    return status


def _package(error: Exception) -> str:
    """What is wrong with a third-party package, in one sentence; empty if nothing."""
    if loading.is_refused(error):
        return loading.sentence(error)
    name = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if name in ("", "bridge", "engine"):
        return ""
    return f"The package {name} is missing: {pip()} install {name}"


def _encoding(stream: io.TextIOWrapper) -> str | None:
    """UTF-8 for files and other programs, where Windows uses the local code page; None, to keep
    the encoding, for a console or if one was chosen.
    """
    chosen = stream.isatty() or "PYTHONIOENCODING" in os.environ
    return None if chosen else "utf-8"


def _settings(options: argparse.Namespace) -> Settings:
    given = {n: v for n in Settings.model_fields if (v := getattr(options, n, None)) is not None}
    try:
        return Settings(**given)
    except RuntimeError:  # of Path.home
        raise CommandError(
            "This account has no home folder; choose a folder with --folder."
        ) from None
    except ValidationError as error:
        raise UsageError(_wrong(error.errors()[0], given)) from None


def _wrong(first: Any, flags: Collection[str]) -> str:
    """What is wrong with a setting, in one sentence with what it accepts."""
    why, name = first["msg"].removeprefix("Value error, "), str((*first["loc"], "")[0])
    if name in Settings.model_fields and first["type"] != "value_error":
        why = f"{accepts(name)}, not {first['input']!r}"
    elif name and not why.startswith("takes "):
        why = f"cannot be {first['input']!r}: {why}"
    return f"{said(name, flags)} {why}." if name else f"{why.rstrip('.')}."


def _no_variables(flags: Mapping[str, str]) -> None:
    """UsageError for a flag given as an environment variable, if it has none."""
    for name, cure in flags.items():
        if f"{PREFIX}{name}" in os.environ:
            raise UsageError(f"{PREFIX}{name} is not supported; {cure}.")


def _tell_unknown() -> None:
    """Warn about environment variables that look like settings and are not."""
    for name, near in unknown_variables().items():
        meant = f"; did you mean {near}?" if near else ""
        log.warning("unknown environment variable %s is ignored%s", name, meant)


def _run(options: argparse.Namespace, console: Console) -> None:
    _no_variables(FLAGS_ONLY)
    settings, values = _settings(options), _assignments(options.set)
    given = options.given
    if options.show_file:
        settings, given = _with_show(options, settings, console)
    if options.keep:
        from bridge.cli.supervisor import supervise

        sys.exit(supervise(given, settings, console))
    logs.hide(settings.secrets)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logs.to_file(settings.folder, settings.name, level)
    _tell_unknown()
    from bridge.workers.launch import Ahead

    with not_yet(), Ahead() as ahead:
        if settings.engine == "process" and settings.pipeline != PASSTHROUGH:
            with suppress(OSError):  # the session tries again, and reports it
                ahead.start(settings.gpu, cpu=settings.device == "cpu")
        from bridge.cli.run import run_bridge  # takes as long to import as the worker

        console = Console(stderr=True, quiet=True) if options.quiet else console
        run_bridge(settings, values, console, ahead)


def _with_show(
    options: argparse.Namespace, settings: Settings, console: Console
) -> tuple[Settings, Sequence[str]]:
    """Begin with a show file. The settings with its proposals and those of any show, and the
    arguments that say the same for a restart, which finds the show where this puts it.
    """
    from bridge.cli.show import INPUTS, accepted, begin_with, opened

    if settings.fresh:
        raise UsageError("--fresh restores nothing, and FILE.show is to be restored; choose one.")
    show = opened(options.show_file)
    used = accepted(show, settings.model_fields_set, console, use=options.use_proposals)
    more = {name: text for name, text in used.items() if name not in INPUTS}
    if settings.reanchor is None:
        more["reanchor"] = f"{DRIFTED:g}"
    for name, text in more.items():
        setattr(options, name, text)
    settings = _settings(options)
    begin_with(show, settings, used, options.show_file)
    kept = [word for word in options.given if word not in (options.show_file, "--use-proposals")]
    return settings, [*kept, *(f"--{n.replace('_', '-')}={text}" for n, text in more.items())]


def _assignments(texts: Sequence[str], flag: str = "--set", kind: str = "VALUE") -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{flag} takes NAME={kind}, not {name!r}.")
        if (name := name.strip()) in found:
            raise UsageError(f"{flag} {name} appears twice; give it once.")
        found[name] = value
    return found


def _list(options: argparse.Namespace, console: Console) -> None:
    from rich.table import Table

    from bridge.cli.tables import markdown

    everything = [name for name in LISTS if not (options.markdown and name in OF_THE_MACHINE)]
    found: dict[str, list[dict[str, str]]] = {}
    for name in [options.what] if options.what else everything:
        title, head, rows = LISTS[name]()
        if options.markdown:
            sys.stdout.write(markdown(title, head, rows))
            continue
        if options.json:
            found[name] = [dict(zip(head, row, strict=True)) for row in rows]
            continue
        table = Table(title=title, title_justify="left")
        for column in head:
            table.add_column(column, overflow="fold")  # a name must not be cut
        for row in rows:
            table.add_row(*row)
        out = Console(markup=False)
        if not out.is_terminal:
            out = Console(markup=False, width=WIDE)
        out.print(table if rows else EMPTY.get(name, table))
        if name == "pipelines":
            for sentence in _incomplete():
                console.print(sentence, soft_wrap=True)
    if options.json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


def _incomplete() -> list[str]:
    """Which pipelines lack a package that the first install brings, with the cure."""
    from bridge.downloads.weights import incomplete_install
    from bridge.state.catalog import installed_catalog

    return incomplete_install(installed_catalog().rows.values())


def _table(name: str) -> Any:
    def read() -> Any:
        from bridge.cli import tables

        return getattr(tables, name)()

    return read


WIDE = 10_000  # characters of a line for another program
EMPTY = {
    "sources": "No program is sending. demo:, file:PATH and camera:0 need no sender.",
    "midi": "No MIDI port is connected.",
}
OF_THE_MACHINE = {"sources", "midi"}  # what is available now: not for documents
LISTS = {
    name: _table(name)
    for name in (
        "pipelines", "cards", "transports", "sources", "midi", "parameters", "actions", "state",
        "settings", "exits",
    )
}  # fmt: skip


SENDERS = ("shm:", "spout:")  # a program sends under a name

# Commands of `models`, as functions of bridge/cli/models.py, which is imported only when needed.
MODELS = {
    "list": "listing",
    "download": "download",
    "verify": "verify",
    "where": "where",
    "copy": "copy",
}


def _send(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.send import send_frames

    send_frames(options.source, meant(options.to), options.seconds, stop_event(), console)


def _view(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.run import view
    from bridge.transports import offers

    there = [offer.uri for offer in offers() if offer.uri.startswith(SENDERS)]
    if options.source.startswith(SENDERS) and options.source not in there:
        who = f"sending now: {', '.join(there)}" if there else "no program is sending"
        console.print(f"Waiting for {options.source} ({who}).")
    view(options.source, options.port, console)


def _serve(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.serve import Orders, serve

    settings = _settings(options)
    orders = Orders(
        options.sessions, options.keep_session, options.idle_exit, options.drain,
        options.tls_cert, options.tls_key, options.tokens, behind_proxy=options.behind_tls_proxy,
    )  # fmt: skip
    logs.hide(settings.secrets)
    if options.check:
        from bridge.cli.serve_check import check

        sys.exit(check(settings, orders))
    _log_to_file(settings)
    serve(settings, orders, console)


def _cluster_up(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.cluster import up

    up(_logged(options), _own(options), options.ray_port, options.spares, console)


def _cluster_join(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.cluster import join

    join(_logged(options), _own(options), options.head, options.key, console)


def _own(options: argparse.Namespace) -> "Node":
    from bridge.cli.cluster import Node

    return Node(
        options.node_ip_address, options.node_name, options.gpus, options.node_port,
        options.tls_cert or "", options.tls_key or "", tuple(options.after),
    )  # fmt: skip


def _logged(options: argparse.Namespace) -> Settings:
    settings = _settings(options)
    logs.hide(settings.secrets)
    _log_to_file(settings)
    return settings


def _log_to_file(settings: Settings) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logs.to_file(settings.folder, settings.name, level)


def _cluster_drain(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.cluster import drain

    drain(_settings(options), options.head, options.node, move=options.move, undo=options.undo)


def _cluster_status(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.cluster import status

    status(_settings(options), options.head, as_json=options.json)


def _layouts(options: argparse.Namespace, console: Console) -> None:
    offers: dict[str, list[str]] = {}
    for text in options.offer:
        for name, offer in _assignments([text], "--offer", "TEXT").items():
            offers.setdefault(name, []).append(offer)
    from bridge.control.layouts import installed, write

    try:
        made = installed(options.pipeline, offers, options.reply_port)
    except ValueError as error:
        raise CommandError(str(error)) from None
    stem = "-".join(part for part in ("spout-bridge", options.pipeline) if part)
    folder = place(options.write)
    try:
        written = write(made, folder, stem)
    except OSError as error:
        why = drives.away(folder) or f"{folder} is not writable ({error.strerror or error})"
        raise CommandError(f"{why}; choose another folder with --write.") from None
    for path in written:
        console.print(f"{path} ({len(made.addresses)} addresses)", soft_wrap=True)


def _models(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli import models
    from engine.files.library import Library

    settings = _settings(options)
    if options.what == "download" and not options.pipelines:
        raise UsageError("download needs at least one pipeline, such as longlive.")
    asked = models.job(
        options.pipelines,
        _assignments(options.set),
        Library(settings.models_folder, settings.more_models),
        to=place(options.to) if options.to else None,
        headers=options.headers,
        yes=options.yes,
    )
    if options.json:
        if options.what != "list":
            raise UsageError("--json works with `models list` only.")
        sys.stdout.write(json.dumps(models.as_json(asked), indent=2) + "\n")
        return
    command = getattr(models, MODELS[options.what])
    sys.exit(command(asked, Console(markup=False, highlight=False)))


def _prepare(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.prepare import Wish, prepare

    wish = Wish(
        _assignments(options.set), options.references, options.lora,
        yes=options.yes, json=options.json,
    )  # fmt: skip
    sys.exit(prepare(_settings(options), wish))


def _save(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.show import save

    save(options.file, _settings(options), Console(markup=False, highlight=False))


def _bundle(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.bundle import Wish, bundle, check
    from bridge.downloads.wheels import HERE, Machine

    out = Console(markup=False, highlight=False)
    if options.check:
        sys.exit(check(options.to, out))
    extras = None if options.extras is None else [e.strip() for e in options.extras.split(",")]
    machine = Machine(options.python or HERE, options.platform)
    wish = Wish(options.show, extras, machine, cache=not options.without_cache)
    bundle(options.to, wish, _settings(options), out)


def _autostart(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli import autostart

    out = Console(markup=False, highlight=False)
    if options.what == "on":
        asked = _options(["run", *options.after])
        settings, values = _settings(asked), _assignments(asked.set)
        from bridge.cli.run import check

        check(settings, values)
        autostart.on(options.after, settings, out)
        return
    if options.what == "status":
        if options.after:
            raise UsageError("autostart status takes no flags.")
        autostart.status(out)
        return
    name = _settings(_options(["run", *options.after])).name if options.after else ""
    autostart.off(name, out)


def _doctor(options: argparse.Namespace, console: Console) -> None:
    if options.show:
        from bridge.doctor.show import show

        sys.exit(show(_settings(options), as_json=options.json))
    from bridge.doctor.checks import doctor

    sys.exit(doctor(_settings(options), as_json=options.json))


def _gpu_check(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.gpu_check import check

    sys.exit(check(options, _settings(options)))


def _td(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.clipboard import copy
    from bridge.cli.td import KIT, line, point, write
    from bridge.cli.td_report import read

    if options.read:
        sys.stdout.write("\n".join(read(place(options.read))) + "\n")
        return
    kit = write(place(options.write)) if options.write else KIT
    console.print("Paste this line into TouchDesigner's Textport (Alt+T):", style="bold")
    sys.stdout.write(line(kit) + "\n")
    if options.copy:
        console.print(copy(line(kit)) or "Copied to the clipboard.", soft_wrap=True)
    drag = f"Or drag {kit / 'build_td.py'} into the patch and choose Run Script."
    console.print(drag, soft_wrap=True)
    point(kit)


def _state(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.state import state

    settings = _settings(options)
    state(settings.port, settings.token, options.json)


def _completion(options: argparse.Namespace, console: Console) -> None:
    commands = parser_of(LISTS, MODELS).commands
    words = {name: command.flags for name, command in commands.items()}
    sys.stdout.write(script(options.shell, words))


def _bench_bridge(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.bench import bench

    only = [name for name in options.only.split(",") if name]
    bench(only, options.seconds, full=options.full)


def _bench_osc(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.bench import show
    from bridge.cli.bench_osc import measure

    show("bench osc", [("osc", measure(options.seconds))])


def _bench_relay(options: argparse.Namespace, console: Console) -> None:
    from bridge.cli.bench import show
    from bridge.cli.bench_relay import measure

    figures = measure(options.sides, _settings(options).engine_coding, options.seconds)
    show("bench relay", [("relay", figures)], "bare loop")


def _bench_module(options: argparse.Namespace, console: Console) -> None:
    """In a separate process, which alone may import torch."""
    module = MEASURED[options.command]
    if module == "engine.bench" and find_spec("torch") is None:
        if not HELP.intersection(options.rest):
            raise CommandError(f"This needs the extra `engine`: {with_extra('engine')}.")
        module = "engine.bench.options"
    elif module == "engine.bench.stylize" and find_spec("onnxruntime") is None:
        raise CommandError(" ".join(_incomplete()))
    command = [sys.executable, "-m", module, *options.rest]
    sys.exit(subprocess.run(command, check=False, env=speaking_utf8()).returncode)


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Console], None]] = {
    "run": _run,
    "list": _list,
    "send": _send,
    "view": _view,
    "serve": _serve,
    "cluster up": _cluster_up,
    "cluster join": _cluster_join,
    "cluster drain": _cluster_drain,
    "cluster status": _cluster_status,
    "layouts": _layouts,
    "models": _models,
    "prepare": _prepare,
    "save": _save,
    "bundle": _bundle,
    "autostart": _autostart,
    "td": _td,
    "state": _state,
    "doctor": _doctor,
    "gpu-check": _gpu_check,
    "completion": _completion,
    "bench bridge": _bench_bridge,
    "bench osc": _bench_osc,
    "bench relay": _bench_relay,
    **dict.fromkeys(MEASURED, _bench_module),
}
