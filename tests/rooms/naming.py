"""Which line of which module names which other module."""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grimp

DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
AFTER_TARGET = re.compile(r"(:\w*)+")
TOP, FUNCTION, TYPES, STRING, TARGET = "", "in a function", "for types", "in a string", "a target"


@dataclass(frozen=True, order=True)
class Line:
    """A line of `source` that names `target`, both modules, and how it does."""

    place: str
    number: int
    source: str
    target: str
    text: str
    how: str

    def __str__(self) -> str:
        how = f"  ({self.how})" if self.how else ""
        return f"{self.place}:{self.number}: {self.text}{how}"


def lines(packages: Sequence[str], root: Path) -> tuple[set[str], list[Line]]:
    """The modules of the packages, which lie in `root`, and each line that names one of them."""
    graph = grimp.build_graph(packages[0], *packages[1:], cache_dir=None)
    found: list[Line] = []
    for module in graph.modules:
        path = root / module.replace(".", "/") / "__init__.py"
        path = path if path.exists() else path.parent.with_suffix(".py")
        place = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        nodes = [*ast.walk(ast.parse(text))]  # once: a walk is what takes time
        ways = _ways(nodes)
        named = [
            (each["line_number"], target, ways.get(each["line_number"], TOP))
            for target in graph.find_modules_directly_imported_by(module)
            for each in graph.get_import_details(importer=module, imported=target)
        ]
        written = text.splitlines()
        found += [
            Line(place, number, module, target, written[number - 1].strip(), how)
            for number, target, how in [*named, *_in_strings(nodes, graph.modules)]
        ]
    return set(graph.modules), sorted(found)


def _ways(nodes: Sequence[ast.AST]) -> dict[int, str]:
    """How what stands on a line is imported, where that is not at the top of the module."""
    ways: dict[int, str] = {}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            ways |= dict.fromkeys(_numbers(node), FUNCTION)
    for node in nodes:
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for each in node.body:
                ways |= dict.fromkeys(_numbers(each), TYPES)
    return ways


def _numbers(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _in_strings(nodes: Sequence[ast.AST], modules: set[str]) -> Iterator[tuple[int, str, str]]:
    """The modules that strings name, docstrings left out: the line, the module, and how."""
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if not isinstance(node, ast.Constant) or id(node) in prose:
            continue
        if isinstance(node.value, str) and (dotted := DOTTED.match(node.value)):
            name = dotted[0]
            while "." in name and name not in modules:
                name = name.rpartition(".")[0]
            if "." in name:
                target = AFTER_TARGET.fullmatch(node.value.removeprefix(name))
                yield node.lineno, name, TARGET if target else STRING
