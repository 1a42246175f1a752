"""`python -m tests.attack`: play the attacks on running bridges and print the table of figures."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.attack import engines  # noqa: F401 - it and what it imports fill the table
from tests.attack.running import end_politely, machine, put
from tests.attack.table import ATTACKS, Attack, Houses, Result, play

HEAD = (
    "attack", "what it is", "looks/s", "black", "longest stand (ms)", "longest without a new "
    "picture (s)", "new pictures after (s)", "ended", "wrong",
)  # fmt: skip


def missing(attack: Attack) -> str:
    """What this machine lacks for an attack; empty for nothing."""
    if sys.platform != "linux":
        return "Linux"
    if "root" in attack.needs and os.geteuid() != 0:
        return "root, to mount a small disk"
    if "torch" in attack.needs and find_spec("torch") is None:
        return "torch"
    return ""


def row(result: Result) -> tuple[str, ...]:
    """A result as it is shown."""
    seen = result.seen
    return (
        result.attack.name,
        result.attack.what,
        f"{seen.looks / max(seen.seconds, 1e-9):.0f}",
        str(seen.black),
        f"{seen.gap * 1e3:.0f}",
        f"{seen.still:.2f}",
        "never" if result.recovery is None else f"{result.recovery:.2f}",
        result.ended,
        "; ".join(result.wrong),
    )


def run(names: Sequence[str], seconds: float, console: Console) -> Iterator[Result]:
    """Play these attacks, one after the other."""
    houses = Houses()
    try:
        for home in dict.fromkeys(ATTACKS[name].home for name in names):
            for name in names:
                attack = ATTACKS[name]
                if attack.home != home:
                    continue
                if lack := missing(attack):
                    console.print(f"{name}: SKIPPED, it needs {lack}")
                    continue
                result = play(attack, houses.ready(home), seconds)
                console.print(f"{name}: {'; '.join(result.wrong) or 'well'}", style="dim")
                yield result
    finally:
        houses.close()


def markdown(results: Sequence[Result]) -> str:
    """The table of docs/measurements.md."""
    lines = [f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}"]
    for result in results:
        cells = (cell.replace("|", "\\|").replace("\n", " ")[:300] for cell in row(result))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([machine(), "", *lines, ""])


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--only", default="", help="names, with commas between; by default all")
    parser.add_argument("--seconds", type=float, default=0.0, help="for how long each goes on")
    parser.add_argument("--markdown", action="store_true", help="as docs/measurements.md has it")
    parser.add_argument("--write", metavar="FILE", help="put it between that file's marks")
    parser.add_argument("--list", action="store_true", help="the attacks there are")
    options = parser.parse_args()
    end_politely()
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    if options.list:
        for attack in ATTACKS.values():
            print(f"{attack.name:24} {attack.what}")
        return
    names = [name for name in options.only.split(",") if name] or list(ATTACKS)
    if unknown := [name for name in names if name not in ATTACKS]:
        parser.error(f"there is no attack {', '.join(unknown)}; see --list")
    results = list(run(names, options.seconds, console))
    if options.write:
        put(Path(options.write), "attacks", markdown(results))
    elif options.markdown:
        print(markdown(results))
    else:
        table = Table(*HEAD[:1], *HEAD[2:-1])  # what was wrong stands above, line by line
        for result in results:
            cells = row(result)
            table.add_row(*cells[:1], *cells[2:-1])
        Console(markup=False, width=160).print(table)
    sys.exit(any(result.wrong for result in results))


if __name__ == "__main__":
    main()
