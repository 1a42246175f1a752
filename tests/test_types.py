"""What the type checker ignores, in both packages: little, each with its reason."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.slow_cases import rest_slow

ROOT = Path(__file__).parent.parent
PACKAGES = ("bridge", "engine")
IGNORE = re.compile(r"#\s*(?:pyright|type):\s*ignore(?:\[[\w, -]+\])?(?P<reason>.*)")
WHOLE_FILE = re.compile(r"#\s*(?:pyright:(?!\s*ignore)|mypy:)")
REASON = re.compile(r"#\s*(?!noqa)[\w`].{4,}")
LINES = 100  # of a package, for each that may be let pass


class Passed(NamedTuple):
    """An ignore or a cast: its line, and why it is there."""

    line: int
    reason: str


def comments(text: str) -> dict[int, str]:
    """By line."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def passed(text: str) -> Iterator[Passed]:
    """All that a file lets pass."""
    said, lines = comments(text), text.splitlines()
    for line, comment in said.items():
        if found := IGNORE.search(comment):
            yield Passed(line, found["reason"])
    tree = ast.parse(text)
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "typing"
        for alias in node.names
        if alias.name == "cast"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            above = lines[node.lineno - 2].lstrip().startswith("#")
            near = range(node.lineno - above, (node.end_lineno or node.lineno) + 1)
            yield Passed(node.lineno, " ".join(said[line] for line in near if line in said))


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("package", rest_slow(PACKAGES))
def test_few_lines_are_let_pass_and_each_says_why(package: str) -> None:
    texts = {file.relative_to(ROOT): file.read_text("utf-8") for file in files(package)}
    found = [(file, each) for file, text in texts.items() for each in passed(text)]
    silent = [f"{file}:{each.line}" for file, each in found if not REASON.search(each.reason)]
    assert silent == []
    assert len(found) <= sum(len(text.splitlines()) for text in texts.values()) / LINES


@pytest.mark.parametrize("package", rest_slow(PACKAGES))
def test_no_file_is_checked_less_than_the_others(package: str) -> None:
    loose = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files(package)
        for line, comment in comments(file.read_text("utf-8")).items()
        if WHOLE_FILE.search(comment)
    ]
    assert loose == []


@pytest.mark.parametrize(
    ("line", "reasons"),
    [
        ("x = f()  # pyright: ignore[reportAny]", [False]),
        ("x = f()  # pyright: ignore[reportAny, reportCallIssue]  # no other way in 2.10", [True]),
        ("x = f()  # type: ignore", [False]),
        ("x = f()  # type: ignore[arg-type]  # the stub forgets None", [True]),
        ("x = cast(int, f())", [False]),
        ("x = cast(int, f())  # the stub says object", [True]),
        ("x = cast(\n    int, f()\n)  # the stub says object", [True]),
        ("# the stub says object\nx = cast(int, f())", [True]),
        ("y = 1  # a number, that is\nx = cast(int, f())", [False]),
        ("x = cast(int, f())  # noqa: E501", [False]),
        ("x = view.cast('B')", []),
        ("x = '# type: ignore'", []),
    ],
)
def test_what_is_let_pass_is_seen(line: str, reasons: list[bool]) -> None:
    found = passed(f"from typing import cast\n{line}\n")
    assert [bool(REASON.search(each.reason)) for each in found] == reasons


@pytest.mark.parametrize(
    ("comment", "seen"),
    [
        ("# pyright: basic", True),
        ("# pyright: basic, reportMissingImports=false", True),
        ("#pyright:reportPrivateUsage=false", True),
        ("# mypy: ignore-errors", True),
        ("# pyright: ignore[reportAny]  # why", False),
        ("# what pyright sees", False),
    ],
)
def test_a_looser_file_is_seen(comment: str, seen: bool) -> None:
    assert bool(WHOLE_FILE.search(comment)) == seen
