"""The commands: run, list, send, view, layouts, models, td, doctor, bench."""

import argparse
import io
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.logging import RichHandler
from rich.table import Table

from bridge import __version__
from bridge.command import CRASHED, REFUSED, Refused, stop_event
from bridge.settings import Settings, shown_default

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `spout-bridge`."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    options, rest = parser.parse_known_args(given, argparse.Namespace(given=given, rest=None))
    if rest and options.command is not _bench_engine:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a sender's name in any script
    console = Console(stderr=True, markup=False, highlight=False)
    # A console gets colours; a file or another program whole lines.
    handler = (
        RichHandler(console=console, show_path=False, log_time_format="%H:%M:%S")
        if console.is_terminal
        else logging.StreamHandler()
    )
    layout = "%(message)s" if console.is_terminal else "%(asctime)s %(levelname)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=layout, handlers=[handler])
    try:
        options.command(options, console)
    except BrokenPipeError:  # `list | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Refused as error:
        console.print(f"spout-bridge: {error}", style="red", soft_wrap=True)
        sys.exit(error.status)
    except Exception:
        log.exception("This is a defect: please report it with what `spout-bridge doctor` prints.")
        sys.exit(CRASHED)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spout-bridge",
        description="Frames in, generated video out, live, steered by OSC, never black.",
    )
    parser.add_argument("--version", action="version", version=f"spout-bridge {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="receive, generate, send, until Ctrl-C")
    for name, field in Settings.model_fields.items():
        _add_setting(run, name, field)
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter's first value"
    )
    run.add_argument("--keep", action="store_true", help="start the bridge again whenever it dies")
    run.set_defaults(command=_run)

    listing = commands.add_parser("list", help="what there is: pipelines, sources, parameters …")
    listing.add_argument("what", nargs="?", choices=sorted(LISTS), help="only this table")
    listing.add_argument("--markdown", action="store_true", help="as the README has it")
    listing.set_defaults(command=_list)

    send = commands.add_parser("send", help="send a source's pictures to a sink, unchanged")
    send.add_argument("source", metavar="URI")
    send.add_argument("--to", required=True, metavar="URI")
    send.add_argument("--seconds", type=float, default=float("inf"), help="for so long")
    send.set_defaults(command=_send)

    view = commands.add_parser("view", help="show a source's pictures in the browser")
    view.add_argument("source", metavar="URI")
    view.add_argument("--port", type=int, default=8010)
    view.set_defaults(command=_view)

    layouts = commands.add_parser("layouts", help="write layouts for TouchOSC and the like")
    layouts.add_argument("--write", default=".", metavar="FOLDER", help="where to (default: here)")
    layouts.add_argument("--pipeline", default="", metavar="ID", help="only what this one has")
    layouts.add_argument(
        "--offer", action="append", default=[], metavar="NAME=TEXT", help="a button for this text"
    )
    layouts.add_argument("--reply-port", type=int, default=9000, help="where the controller hears")
    layouts.set_defaults(command=_layouts)

    models = commands.add_parser("models", help="the pipelines' weights: what is here, and more")
    models.add_argument("what", choices=("list", "download", "verify", "where", "copy"))
    models.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="by default all")
    models.add_argument("--to", metavar="FOLDER", help="where copy puts them")
    models.add_argument("--headers", action="store_true", help="verify the hub's, by their headers")
    models.add_argument("--yes", action="store_true", help="download without asking")
    models.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="such as vae=tae"
    )
    for name in ("folder", "models", "more_models"):
        _add_setting(models, name, Settings.model_fields[name])
    models.set_defaults(command=_models)

    doctor = commands.add_parser("doctor", help="what a bug report needs, and what cannot work")
    for name in ("host", "port", "output_size", "folder"):
        _add_setting(doctor, name, Settings.model_fields[name])
    doctor.set_defaults(command=_doctor)

    td = commands.add_parser("td", help="the TouchDesigner component: what to paste to build it")
    td.add_argument("--write", metavar="FOLDER", help="first copy what it is built of into there")
    td.set_defaults(command=_td)

    bench = commands.add_parser("bench", help="measure on this machine")
    measured = bench.add_subparsers(required=True, metavar="WHAT")
    whole = measured.add_parser("bridge", help="the way of frames and messages")
    whole.add_argument("--only", default="", metavar="NAME,…", help="only these figures")
    whole.add_argument("--seconds", type=float, default=10, help="for each figure, about")
    whole.set_defaults(command=_bench_bridge)
    network = measured.add_parser("engine", add_help=False, help="a causal pipeline's network")
    network.set_defaults(command=_bench_engine)
    return parser


def _add_setting(parser: argparse.ArgumentParser, name: str, field: FieldInfo) -> None:
    """One flag for one setting; checking is left to the model, so that a flag and a variable of
    the environment are refused alike.
    """
    flag = "--" + name.replace("_", "-")
    shown = shown_default(field)
    text = (field.description or "").replace("%", "%%")
    if field.annotation is bool:
        parser.add_argument(flag, action="store_true", default=None, help=text)
        return
    literal = get_origin(field.annotation) is Literal
    metavar = " | ".join(get_args(field.annotation)) if literal else name.upper()
    parser.add_argument(
        flag,
        dest=name,
        metavar=metavar,
        help=f"{text} (default: {shown})" if shown else text,
    )


def _settings(options: argparse.Namespace) -> Settings:
    given = {n: v for n in Settings.model_fields if (v := getattr(options, n, None)) is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        flag = "--" + str(first["loc"][0]).replace("_", "-") if first["loc"] else "a setting"
        raise Refused(f"{flag} cannot be {first['input']!r}: {first['msg']}.") from None


def _run(options: argparse.Namespace, console: Console) -> None:
    settings, values = _settings(options), _assignments(options.set)
    if options.keep:
        from bridge.keep import keep

        sys.exit(keep(options.given, settings, console))
    from bridge.serve import serve  # the web server takes a while to import: only where needed

    serve(settings, values, console)


def _assignments(texts: Sequence[str], flag: str = "--set", kind: str = "VALUE") -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, _ in pairs:
        if not equals:
            raise Refused(f"{flag} takes NAME={kind}, not {name!r}.")
    return {name.strip(): value for name, _, value in pairs}


def _list(options: argparse.Namespace, console: Console) -> None:
    from bridge.tables import markdown

    everything = [name for name in LISTS if not (options.markdown and name in OF_THE_MACHINE)]
    for name in [options.what] if options.what else everything:
        title, head, rows = LISTS[name]()
        if options.markdown:
            sys.stdout.write(markdown(title, head, rows))
            continue
        table = Table(*head, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        Console(markup=False).print(table)


def _table(name: str) -> Any:
    def read() -> Any:
        from bridge import tables

        return getattr(tables, name)()

    return read


OF_THE_MACHINE = {"sources"}  # what is there now: nothing for the README
LISTS = {
    name: _table(name)
    for name in (
        "pipelines", "transports", "sources", "parameters", "actions", "state", "settings"
    )
}  # fmt: skip


def _send(options: argparse.Namespace, console: Console) -> None:
    from bridge.relay import relay

    relay(options.source, options.to, options.seconds, stop_event(), console)


def _view(options: argparse.Namespace, console: Console) -> None:
    from bridge.serve import view

    view(options.source, options.port, console)


def _layouts(options: argparse.Namespace, console: Console) -> None:
    offers: dict[str, list[str]] = {}
    for text in options.offer:
        for name, offer in _assignments([text], "--offer", "TEXT").items():
            offers.setdefault(name, []).append(offer)
    from bridge.layouts import installed, write

    try:
        made = installed(options.pipeline, offers, options.reply_port)
    except ValueError as error:
        raise Refused(str(error)) from None
    stem = "-".join(part for part in ("spout-bridge", options.pipeline) if part)
    for path in write(made, Path(options.write), stem):
        console.print(f"{path} ({len(made.addresses)} addresses)", soft_wrap=True)


def _models(options: argparse.Namespace, console: Console) -> None:
    from bridge import models
    from engine.library import Library

    settings = _settings(options)
    if options.what == "download" and not options.pipelines:
        raise Refused("download takes the pipelines to get, such as longlive.")
    asked = models.job(
        options.pipelines,
        _assignments(options.set),
        Library(settings.models_folder, settings.more_models),
        to=Path(options.to) if options.to else None,
        headers=options.headers,
        yes=options.yes,
    )
    sys.exit(models.COMMANDS[options.what](asked, Console(markup=False, highlight=False)))


def _doctor(options: argparse.Namespace, console: Console) -> None:
    from bridge.doctor import doctor

    sys.exit(doctor(_settings(options)))


def _td(options: argparse.Namespace, console: Console) -> None:
    from bridge.td import KIT, line, write

    kit = write(Path(options.write).expanduser()) if options.write else KIT
    console.print("Paste this line into TouchDesigner's Textport (Alt+T):", style="bold")
    sys.stdout.write(line(kit) + "\n")
    drag = f"or drag {kit / 'build_td.py'} into the patch and choose Run Script."
    console.print(drag, soft_wrap=True)


def _bench_bridge(options: argparse.Namespace, console: Console) -> None:
    from bridge.bench import bench

    bench([name for name in options.only.split(",") if name], options.seconds)


def _bench_engine(options: argparse.Namespace, console: Console) -> None:
    """In a process of its own, which alone may import torch and reads its own flags."""
    if find_spec("torch") is None:
        raise Refused("This needs torch: pip install 'spout-bridge[engine]'.", REFUSED)
    command = [sys.executable, "-m", "engine.bench", *options.rest]
    sys.exit(subprocess.run(command, check=False).returncode)


if __name__ == "__main__":
    main()
