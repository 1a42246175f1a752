"""What may be typed after `spout-bridge`: the commands with their flags."""

import argparse
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Literal, TypeAlias, get_args, get_origin

from pydantic.fields import FieldInfo

from bridge import __version__
from bridge.settings import Settings, shown_default

Adder: TypeAlias = Callable[..., argparse.ArgumentParser]  # `add_parser` of a group of commands


def parser_of(lists: Collection[str], models: Collection[str]) -> argparse.ArgumentParser:
    """The parser; `options.command` is the command's name, "bench bridge" and "bench engine" too.
    `lists` are the tables that `list` has, `models` what `models` does.
    """
    whole = argparse.ArgumentParser(
        prog="spout-bridge",
        description="Frames in, generated video out, live, steered by OSC, never black.",
    )
    whole.add_argument("--version", action="version", version=f"spout-bridge {__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _run(commands.add_parser)
    _list(commands.add_parser, lists)
    _send(commands.add_parser)
    _view(commands.add_parser)
    _layouts(commands.add_parser)
    _models(commands.add_parser, models)
    for command in (_td, _doctor, _bench):
        command(commands.add_parser)
    return whole


def _run(add: Adder) -> None:
    run = add("run", help="receive, generate, send, until Ctrl-C")
    for name, field in Settings.model_fields.items():
        _add_setting(run, name, field)
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter's first value"
    )
    run.add_argument("--keep", action="store_true", help="start the bridge again whenever it dies")
    run.add_argument(
        "-v", dest="verbose", action="count", default=0, help="tell more on the terminal; -vv all"
    )
    run.add_argument(
        "-q", dest="quiet", action="count", default=0, help="tell only errors on the terminal"
    )
    run.set_defaults(command="run")


def _list(add: Adder, lists: Collection[str]) -> None:
    listing = add("list", help="what there is: pipelines, sources, parameters …")
    listing.add_argument("what", nargs="?", choices=sorted(lists), help="only this table")
    listing.add_argument("--markdown", action="store_true", help="as the README has it")
    listing.set_defaults(command="list")


def _send(add: Adder) -> None:
    send = add("send", help="send a source's pictures to a sink, unchanged")
    send.add_argument("source", metavar="URI")
    send.add_argument("--to", required=True, metavar="URI")
    send.add_argument("--seconds", type=_seconds, default=float("inf"), help="for so long")
    send.set_defaults(command="send")


def _view(add: Adder) -> None:
    view = add("view", help="show a source's pictures in the browser")
    view.add_argument("source", metavar="URI")
    view.add_argument("--port", type=_port, default=8010)
    view.set_defaults(command="view")


def _layouts(add: Adder) -> None:
    layouts = add("layouts", help="write layouts for TouchOSC and the like")
    layouts.add_argument("--write", default=".", metavar="FOLDER", help="where to (default: here)")
    layouts.add_argument("--pipeline", default="", metavar="ID", help="only what this one has")
    layouts.add_argument(
        "--offer", action="append", default=[], metavar="NAME=TEXT", help="a button for this text"
    )
    layouts.add_argument(
        "--reply-port", type=_port, default=9000, help="where the controller hears"
    )
    layouts.set_defaults(command="layouts")


def _models(add: Adder, whats: Collection[str]) -> None:
    models = add("models", help="the pipelines' weights: what is here, and more")
    models.add_argument("what", choices=tuple(whats))
    models.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="by default all")
    models.add_argument("--to", metavar="FOLDER", help="where copy puts them")
    models.add_argument("--headers", action="store_true", help="verify the hub's, by their headers")
    models.add_argument("--yes", action="store_true", help="download without asking")
    models.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="such as vae=tae"
    )
    for name in ("folder", "models", "more_models"):
        _add_setting(models, name, Settings.model_fields[name])
    models.set_defaults(command="models")


def _doctor(add: Adder) -> None:
    doctor = add("doctor", help="what a bug report needs, and what cannot work")
    for name in ("host", "port", "output_size", "folder"):
        _add_setting(doctor, name, Settings.model_fields[name])
    doctor.set_defaults(command="doctor")


def _td(add: Adder) -> None:
    td = add("td", help="the TouchDesigner component: what to paste to build it")
    td.add_argument("--write", metavar="FOLDER", help="first copy what it is built of into there")
    td.add_argument("--copy", action="store_true", help="put the line into the clipboard too")
    td.add_argument("--read", metavar="FILE", help="say in words what a Self Test's file tells")
    td.set_defaults(command="td")


def _bench(add: Adder) -> None:
    bench = add("bench", help="measure on this machine")
    measured = bench.add_subparsers(required=True, metavar="WHAT")
    whole = measured.add_parser("bridge", help="the way of frames and messages")
    whole.add_argument("--only", default="", metavar="NAME,…", help="only these figures")
    whole.add_argument("--seconds", type=_seconds, default=10, help="for each figure, about")
    whole.set_defaults(command="bench bridge")
    network = measured.add_parser("engine", add_help=False, help="a causal pipeline's network")
    network.set_defaults(command="bench engine")


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if (seconds := float(text)) > 0:  # nan is not
            return seconds
    raise ArgumentTypeError(f"takes a time in seconds above 0, not {text!r}.")


def _port(text: str) -> int:
    with suppress(ValueError):
        if 0 <= (port := int(text)) <= 65535:
            return port
    raise ArgumentTypeError(f"takes a port, 0 to 65535, not {text!r}.")


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
