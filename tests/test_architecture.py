"""docs/architecture.md leads to the code: what it names exists, and no large module is left out."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PACKAGES = ("bridge", "engine", "td_components", "tests")
LARGE = 80  # lines; a longer module has its row
SPAN = re.compile(r"`([^`]+)`")
PLACE = re.compile(rf"(?:{'|'.join(PACKAGES)}|docs)/[\w/.]*")
NAME = re.compile(r"_?[A-Za-z]\w*(?:\.\w+)?")
IN_SCRIPT = re.compile(r"^(?:export )?(?:async )?function (\w+)", re.MULTILINE)


def part(title: str) -> str:
    """A chapter of the document."""
    return TEXT.split(f"\n## {title}")[1].split("\n## ")[0]


def rows(chapter: str) -> list[tuple[str, str]]:
    """Question and answer of each row of its tables."""
    found = re.findall(r"^\| (.+?) \| (.+) \|$", chapter, re.MULTILINE)
    return [(question, answer) for question, answer in found if answer.strip("- |")]


ROWS = rows(part("Where is … decided?")) + rows(part("Which test covers …?"))


@cache
def names(path: Path) -> set[str]:
    """What a module defines: `function`, `Class`, `Class.method`, `Class.field`, `CONSTANT`."""
    code = path.read_text("utf-8")
    if path.suffix == ".js":
        return set(IN_SCRIPT.findall(code))
    if path.suffix != ".py":
        return set()
    found: set[str] = set()
    for node in ast.parse(code).body:
        found |= defined(node)
        if isinstance(node, ast.ClassDef):
            inside = set[str]().union(*map(defined, node.body))
            found |= inside | {f"{node.name}.{name}" for name in inside}
    return found


def defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {name.id for target in targets if target is not None for name in ast.walk(target)
            if isinstance(name, ast.Name)}  # fmt: skip


def missing(answer: str) -> list[str]:
    """The files that an answer names and that do not exist, and its names that none of them has."""
    spans = SPAN.findall(answer)
    places = [ROOT / span for span in spans if PLACE.fullmatch(span)]
    gone = [str(place.relative_to(ROOT)) for place in places if not place.exists()]
    known = set[str]().union(*(names(place) for place in places if place.is_file()))
    return gone + [span for span in spans if NAME.fullmatch(span) and span not in known]


def test_every_question_has_a_file_and_no_question_stands_twice():
    questions = [question for question, _ in ROWS]
    assert len(questions) > 190
    assert [one for one in questions if questions.count(one) > 1] == []
    assert [
        one for one, answer in ROWS if not any(map(PLACE.fullmatch, SPAN.findall(answer)))
    ] == []


def test_every_answer_names_files_and_functions_that_exist():
    assert {question: gone for question, answer in ROWS if (gone := missing(answer))} == {}


def test_what_does_not_exist_is_noticed():
    assert missing("`Breaker` in `bridge/workers/breaker.py`") == []
    assert missing("`Braker` in `bridge/workers/breaker.py`") == ["Braker"]
    assert missing("`Breaker.gone` in `bridge/workers/breaker.py`") == ["Breaker.gone"]
    assert missing("`bridge/workers/braker.py`") == ["bridge/workers/braker.py"]


def test_every_large_module_is_the_answer_to_a_question():
    named = set(SPAN.findall(TEXT))
    large = [path.relative_to(ROOT).as_posix()
             for package in PACKAGES for path in (ROOT / package).rglob("*")
             if path.suffix in (".py", ".js")
             and path.read_text("utf-8").count("\n") > LARGE]  # fmt: skip
    assert len(large) > 150
    left_out = sorted(set(large) - named)
    assert left_out == [], "give each a row: what does somebody ask that finds its answer there?"


def test_every_room_has_its_row():
    assert len(PLACE.findall(TEXT)) > 200
    for package in ("bridge", "engine"):
        table = TEXT.split(f"| `{package}/` | |")[1].split("\n\n")[0]
        named = {name.strip("`/") for line in table.splitlines()[2:]
                 for name in line.split("|")[1].split()}  # fmt: skip
        rooms = {path.name for path in (ROOT / package).iterdir()
                 if (path / "__init__.py").is_file() or path.suffix == ".py"}  # fmt: skip
        assert named == rooms - {"__init__.py"}
