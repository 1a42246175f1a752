"""Takes the names of a Self Test's report into `assumed.json`, so that the double knows what a real
build has: `python -m tests.td.take SpoutBridge_selftest.json`. Look at the change, then keep it.
"""

import json
import sys
from pathlib import Path

from bridge.cli.td_report import load
from tests.td.double import KIT


def take(report, assumed):
    """`assumed` with the parameters of each type of operator as the report has them."""
    operators = {}
    for kind, names in assumed["operators"].items():
        there = report["types"].get(kind)
        if not isinstance(there, dict) or "error" in there:
            operators[kind] = names  # it was not to be had
            continue
        family = kind.lstrip("abcdefghijklmnopqrstuvwxyz0123456789")
        common = assumed["common"][family]
        operators[kind] = {
            name: menu if style == "Menu" and menu else style
            for name, (style, _, menu) in sorted(there.items())
            if name not in common
        }
    return {**assumed, "operators": operators}


def text(assumed):
    """As the file is laid out: a line for each rule, family and type."""
    parts = []
    for key, value in assumed.items():
        if key in ("rules", "common", "operators"):
            rows = [f"  {_json(name)}: {_json(row)}" for name, row in value.items()]
            parts.append(f" {_json(key)}: {{\n" + ",\n".join(rows) + "\n }")
        else:
            parts.append(f" {_json(key)}: {_json(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json(value):
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    path = KIT / "assumed.json"
    report = load(Path(sys.argv[1]))
    path.write_text(text(take(report, json.loads(path.read_text("utf-8")))), "utf-8")
