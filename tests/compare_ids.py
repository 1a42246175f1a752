"""Which tests are missing: compares the lists of collected tests before and after a change.

    python -m pytest --collect-only -q > after.txt
    python -m tests.compare_ids --before before.txt --after after.txt --explained changes.txt

Prints every id that is lost without an explanation, and exits 1 if there is one. The lists may be
several files, and also what `pytest -v` printed, as of the tests inside Wine. An id may have a word
before it, the shim by which it runs there: `gldx test_spout.py::test_x`. A line of the explained
changes is one of

    OLD -> NEW            renamed or merged; NEW must be there after
    OLD -> NEW (why)
    OLD -> NEW | why
    OLD -> why            gone for a reason

where OLD may end in `*` for every id that begins so.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

ID = re.compile(r"([a-z]+ )?\S+\.py::\S.*")
STATUS = re.compile(r"\s+(PASSED|FAILED|SKIPPED|XFAIL|XPASS|ERROR)\b.*$|\s+\[ *\d+%\]$")
SHORTEST = re.compile(r"([a-z]+ )?[^\s\[]+(\[.*?\](?=\s|$))?")  # where something stands behind it


def read_ids(lines: Iterable[str]) -> set[str]:
    """The ids of a list that pytest printed."""
    texts = (STATUS.sub("", line.strip().replace("\\", "/")) for line in lines)
    return {_whole(text) for text in texts if ID.fullmatch(text)}


def _whole(text: str) -> str:
    """The id without what a test printed behind it (`pytest -v -s`)."""
    return text if text.endswith("]") else SHORTEST.match(text)[0]  # type: ignore[index]


def read_changes(lines: Iterable[str]) -> dict[str, str]:
    """Explained changes: the old id, and the new one or the empty text."""
    changes = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        old, arrow, rest = line.strip().partition(" -> ")
        if not arrow or not rest.strip():
            raise ValueError(f"not OLD -> NEW or a reason: {line.strip()}")
        new = rest.strip()
        changes[old.strip()] = SHORTEST.match(new)[0] if ID.match(new) else ""  # type: ignore[index]
    return changes


def lost(before: set[str], after: set[str], changes: dict[str, str]) -> list[str]:
    """A line for each test that is gone without a true explanation."""
    told = []
    for old in sorted(before - after):
        explained = [new for name, new in changes.items() if _covers(name, old)]
        if not explained:
            told.append(old)
        elif missing := [new for new in explained if new and not _there(new, after)]:
            told.append(f"{old} -> {missing[0]}, which is not there")
    return told


def _covers(name: str, old: str) -> bool:
    return old.startswith(name[:-1]) if name.endswith("*") else old == name


def _there(new: str, after: set[str]) -> bool:
    return any(_covers(new, name) or name.startswith(f"{new}[") for name in after)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m tests.compare_ids", description="Print the tests that are gone unexplained."
    )
    parser.add_argument("--before", type=Path, nargs="+", required=True)
    parser.add_argument("--after", type=Path, nargs="+", required=True)
    parser.add_argument("--explained", type=Path, nargs="*", default=[])
    given = parser.parse_args(arguments)

    def lines(paths: list[Path]) -> list[str]:
        return [line for path in paths for line in path.read_text("utf-8").splitlines()]

    before, after = (
        set().union(*(read_ids(lines([path])) for path in paths))
        for paths in (given.before, given.after)
    )
    gone = lost(before, after, read_changes(lines(given.explained)))
    for line in gone:
        print(line)
    print(
        f"{len(before)} before, {len(after)} after, {len(after - before)} new, "
        f"{len(before - after)} gone, {len(gone)} of them unexplained"
    )
    return bool(gone) or not before


if __name__ == "__main__":
    sys.exit(main())
