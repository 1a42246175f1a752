"""Explains a Self Test report of the TouchDesigner component: where that build differs from what
the component, and the double it is tested on, assume.
"""

import codecs
import json
import logging
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.errors import CommandError

log = logging.getLogger(__name__)

KIT = Path(__file__).parents[2] / "td_components"
LARGEST = 20 << 20  # bytes of a report
SLOW, LATE = 0.5, 6  # seconds for a reply, frames for a round trip
ANY = "any"  # a rule that is only reported
SECTIONS = {
    "about": dict, "builder": dict, "modules": dict, "operators": dict, "types": dict,
    "rules": dict, "bridge": dict, "errors": list,
}  # fmt: skip


def read(path: Path, kit: Path = KIT) -> list[str]:
    """The report in lines: its build, then each difference. CommandError if it is not one."""
    report = load(path)
    assumed = json.loads((kit / "assumed.json").read_text("utf-8"))
    network = tomllib.loads((kit / "network.toml").read_text("utf-8"))
    about = report.get("about", {})
    names = ("app.product", "app.build", "app.osName", "app.osVersion")
    app = ["?" if _failed(about.get(name)) else about.get(name, "?") for name in names]
    try:
        found = [
            *_steps(report), *_rules(report, assumed), *_names(report, assumed, network),
            *_nodes(report), *_bridge(report["bridge"]),
        ]  # fmt: skip
    except (TypeError, ValueError, AttributeError, LookupError) as error:
        # A file from someone else may contain anything anywhere.
        log.debug("%s cannot be parsed.", path, exc_info=True)
        raise CommandError(
            f"{path} is not a complete Self Test report; run it again, and send its file unchanged."
        ) from error
    began, version = report.get("began", "?"), report.get("version", "?")
    head = f"SpoutBridge {version} in {' '.join(map(str, app))}, {began}"
    return [head, *(found or ["No differences from what the component assumes."])]


def load(path: Path) -> dict[str, Any]:
    """A report as written; CommandError if it is not one, or incomplete."""
    try:
        if path.stat().st_size > LARGEST:
            raise CommandError(f"{path} is too large for a Self Test report.")
        report = json.loads(_decoded(path.read_bytes()))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError):
        raise CommandError(f"{path} is not a Self Test report, or is incomplete.") from None
    if not isinstance(report, dict) or not {"rules", "types", "bridge"} <= set(report):
        raise CommandError(f"{path} is not a Self Test report.")
    odd = [
        name for name, kind in SECTIONS.items() if not isinstance(report.get(name, kind()), kind)
    ]
    if odd:
        raise CommandError(
            f"{path} is not a valid Self Test report: {', '.join(odd)} is malformed."
        )
    return report


def _decoded(data: bytes) -> str:
    """The text of a file, whatever program saved it: Windows programs mark the encoding, and
    PowerShell's `>` writes UTF-16.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _failed(value: Any) -> str:
    """Why something could not be checked; empty if it was."""
    return str(value["error"]) if isinstance(value, dict) and "error" in value else ""


def _steps(report: dict[str, Any]) -> Iterator[str]:
    if "ended" in report:
        yield f"The test did not finish: {report['ended']}."
    builder = report.get("builder", {})
    for what in (*builder.get("missing", ()), *builder.get("errors", ())):
        yield f"The builder reported: {what}"
    for name, module in report.get("modules", {}).items():
        if _failed(module):
            yield f"The DAT {name} failed to load: {_failed(module)}"
    for row in report.get("errors", ()):
        last = str(row.get("traceback", "")).strip().splitlines()[-1:]
        yield f"Step {row.get('step')} failed: {' '.join(last)}"


def _rules(report: dict[str, Any], assumed: dict[str, Any]) -> Iterator[str]:
    for name, rule in assumed["rules"].items():
        saw = report["rules"].get(name)
        if name not in report["rules"]:
            yield f"Rule {name}: {rule['says']}: not checked."
        elif _failed(saw):
            yield f"Rule {name}: {rule['says']}: check failed: {_failed(saw)}"
        elif saw != rule["value"]:
            copes = rule["fine"] == ANY or saw in rule["fine"]
            yield (
                f"Rule {name}: {rule['says']}: {saw!r} there, {rule['value']!r} here"
                + ("; the component handles that." if copes else ": THE COMPONENT RELIES ON IT.")
            )


def _names(
    report: dict[str, Any], assumed: dict[str, Any], network: dict[str, Any]
) -> Iterator[str]:
    """Parameters that are missing or differ; those that the component sets are named."""
    used = _used(network)
    renamed = {new: old for kind in ("older", "newer") for new, old in assumed[kind].items()}
    unused = 0
    for kind, expected in [*assumed["operators"].items(), (network["type"], {})]:
        family = kind.lstrip("abcdefghijklmnopqrstuvwxyz0123456789")
        there = report["types"].get(kind)
        if not isinstance(there, dict) or _failed(there):
            yield f"{kind}: {_failed(there) or 'missing, or was not created'}"
            continue
        for name, style in {**assumed["common"][family], **expected}.items():
            what = _differs(name, style, there, renamed.get(name, name))
            if what and name in used.get(kind, ()):
                yield f"{kind} {name}: {what}; THE COMPONENT SETS IT."
            elif what:
                unused += 1
    if unused:
        yield f"{unused} parameters that the component does not set differ."


def _used(network: dict[str, Any]) -> dict[str, set[str]]:
    """Type to the names of the parameters that are set."""
    used: dict[str, set[str]] = {}
    rows = [*network["op"], {"type": network["type"], "set": network["set"]}]
    for row in rows:
        for names in (*row.get("set", {}), *row.get("expr", {})):
            if not names.endswith("?"):  # optional in a build
                used.setdefault(row["type"], set()).update(names.split("|"))
    return used


def _differs(name: str, style: Any, there: dict[str, Any], other: str) -> str:
    if name not in there:
        return "" if other in there else "is missing"
    has, _, menu = there[name]
    if isinstance(style, list):
        gone = [token for token in style if token not in (menu or ())]
        return f"has no entry {', '.join(gone)}" if gone else ""
    known = {"Float", "Int", "Toggle", "Pulse", "Str", "StrMenu"}
    return f"is {has} there, {style} here" if {has, style} <= known and has != style else ""


def _nodes(report: dict[str, Any]) -> Iterator[str]:
    told = report["bridge"].get("message")  # the component's badge, reported with the bridge
    for name, node in report.get("operators", {}).items():
        errors = node.get("errors")
        if errors and not _failed(errors) and errors != told:
            yield f"{name} ({node.get('type')}) has an error: {errors}"
        if name in ("spout_out", "spout_in", "out1", "frame") and node.get("cooks") == 0:
            yield f"{name} ({node.get('type')}) did not cook in 60 frames."


def _bridge(bridge: dict[str, Any]) -> Iterator[str]:
    if bridge.get("status") != 200:
        yield f"The bridge was not tested: status {bridge.get('status')}, {bridge.get('message')}"
        return
    if bridge["http_seconds"] > SLOW:
        yield f"An HTTP reply took {bridge['http_seconds']} s."
    for name, one in bridge.get("live_inputs", {}).items():
        if one["wanted"] and not f"{one['has'] or 'none'} · ".startswith(f"{one['wanted']} · "):
            yield f"{name}: the component wants {one['wanted']}, the bridge has {one['has']!r}."
        elif one["has"] and one["stands"] not in ("live", "still"):
            yield f"{name}: {one['stands']}: {one['has']}"
    echo, picture = bridge.get("osc_echo", {}), bridge.get("picture", {})
    if _failed(echo):
        yield f"Text by OSC was not tested: {_failed(echo)}."
    elif echo.get("arrived") != echo.get("sent"):
        copes = _copes(echo.get("sent"), echo.get("arrived"))
        yield f"OSC: {echo.get('sent')!r} arrived at the bridge as {echo.get('arrived')!r}{copes}"
    elif echo.get("back") != [echo.get("sent")]:
        copes = _copes(echo.get("sent"), *echo.get("back") or [None])
        yield f"OSC: {echo.get('sent')!r} came back as {echo.get('back')!r}{copes}"
    if _failed(picture):
        yield f"The image was not tested: {_failed(picture)}."
    elif picture:
        yield from _picture(picture)
    else:
        yield "The image was not tested."


def _copes(sent: str, came: str | None) -> str:
    """What follows when OSC changes a text: text that is not ASCII goes by HTTP. Its last word, a
    number, shows whether the message arrived at all.
    """
    if came is not None and came.split()[-1:] == sent.split()[-1:]:
        return "; the component handles that: it sends and requests such text by HTTP."
    return ": THE COMPONENT RELIES ON IT."


def _picture(picture: dict[str, Any]) -> Iterator[str]:
    arrangement = picture.get("arrangement")
    if arrangement != "as sent":
        colours = f"; sent {picture['sent']}, back {picture['back']}" if "back" in picture else ""
        yield f"Image: came back {arrangement}{colours}."
    if picture.get("red_and_blue") == "swapped":
        yield "Image: red and blue are swapped."
    if picture.get("alpha") not in ("kept", "opaque", None):
        yield f"Image: alpha came back as {picture['alpha']}."
    delays = picture.get("frames_of_delay", [])
    if any(delay is None or delay > LATE for delay in delays):
        yield f"Image: the round trip took {delays} frames."
