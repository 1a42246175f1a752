"""Sentences that people read in this repository, drawn by a seed: `python -m tests.sentences`.

They are messages, help texts, labels, docstrings and comments: of Python, the page, the documents,
the examples and the TouchDesigner component; not of tests, code, generated tables or word lists.
The same seed draws the same sentences from the same tree, and from another one (`--root`) those
that are the same there.
"""

import argparse
import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

FOLDERS = ("bridge/", "engine/", "td_components/", "docs/", "examples/")
ROOT = ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")
KINDS = {"js": "page", "html": "page", "cs": "example", "pd": "example", "maxpat": "example",
         "toml": "touchdesigner", "json": "touchdesigner"}  # fmt: skip
QUOTES = "docs/english.md"  # quotes sentences, old ones too
# A text without any of these words is a name, a list or code.
GRAMMAR = re.compile(
    r"\b(a|an|the|of|to|in|on|at|by|for|from|with|without|as|than|and|or|but|not|no|is|are|was|were|"
    r"be|has|have|had|it|its|that|this|these|which|who|what|where|when|if|until|after|before)\b",
    re.IGNORECASE,
)
DIRECTIVE = re.compile(r"noqa|type: ignore|pyright|fmt:|pragma|ruff:|!/")
PART = re.compile(r"(?:(?!\n\s*\n|\n\s*(?:[*-]|\d+\.)\s).)+", re.DOTALL)  # paragraph or list item
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|`([^`]*)`|>([^<>]+)<')
PATCH = re.compile(r"#X text \d+ \d+ (.*?)(?:, f \d+)?;$")  # of Pure Data


class Sentence(NamedTuple):
    """One sentence, and where it begins."""

    place: str
    line: int
    kind: str
    text: str


def split(place: str, line: int, kind: str, text: str) -> Iterator[Sentence]:
    """The sentences of a text that begins at `line`."""
    for part in PART.finditer(text):
        at = part.start()
        for piece in re.split(r"(?<=[.!?])(\s+)(?=[A-Z`*])", part[0]):
            plain = re.sub("`[^`]*`", "", piece)
            words = re.findall(r"(?<![\w#])[^\W\d_]+(?:'\w+)?(?!\w)", plain)
            marks = re.findall(r"[={}<>\\;|]", piece)
            if len(words) > 2 and GRAMMAR.search(plain) and len(marks) < len(words) / 2:
                begins = at + len(piece) - len(piece.lstrip())
                here = line + text.count("\n", 0, begins)
                yield Sentence(place, here, kind, " ".join(piece.strip(" \n*-#>").split()))
            at += len(piece)


def comments(place: str, kind: str, found: list[tuple[int, int, str]]) -> Iterator[Sentence]:
    """Of comments (line, column, text); those directly below each other are one text."""
    first, text = 1, ""
    for (before, above, _), (line, column, words) in pairwise([(-1, -1, ""), *found]):
        if (line, column) == (before + 1, above):
            text += "\n" + words
        else:
            yield from split(place, first, kind, text)
            first, text = line, words
    yield from split(place, first, kind, text)


def shown(part: ast.expr) -> str:
    """A part of an f-string, its values in braces."""
    if isinstance(part, ast.FormattedValue):
        return f"{{{ast.unparse(part.value)}}}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


def of_python(place: str, text: str) -> Iterator[Sentence]:
    """Messages and labels, docstrings, and comments."""
    seen: set[ast.AST] = set()  # a node comes after those that contain it
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            seen.add(node.value)
            yield from split(place, node.lineno, "docstring", str(node.value.value))
        elif isinstance(node, ast.JoinedStr):
            seen.update(node.values)
            yield from split(place, node.lineno, "message", "".join(map(shown, node.values)))
        elif isinstance(node, ast.Constant) and node not in seen:
            said = node.value if isinstance(node.value, str) else ""
            if "\n" not in said.strip():  # a table of words is data
                yield from split(place, node.lineno, "message", said)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    found = [(*token.start, token.string.lstrip("# ")) for token in tokens
             if token.type == tokenize.COMMENT]  # fmt: skip
    yield from comments(place, "comment", [one for one in found if not DIRECTIVE.match(one[2])])


def of_markdown(place: str, text: str) -> Iterator[Sentence]:
    """Paragraphs, list items, headings and table cells; no code, no generated tables."""
    for pattern in (r"^ *```.*?^ *```", r"<!-- (\w+) -->.*?<!-- end of \1 -->"):
        text = re.sub(
            pattern, lambda gone: "\n" * gone[0].count("\n"), text, flags=re.DOTALL | re.MULTILINE
        )
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"<[^>\n]*>", "", text))
    for number, line in enumerate(text.split("\n"), 1):
        for cell in line.strip("| ").split(" | ") if line.startswith(("|", "#")) else ():
            yield from split(place, number, "document", cell)
    yield from split(place, 1, "document", re.sub(r"^[|#].*$", "", text, flags=re.MULTILINE))


def of_lines(place: str, text: str) -> Iterator[Sentence]:
    """Comments and quoted texts of any other language."""
    kind = KINDS[place.rsplit(".", 1)[-1]]
    found: list[tuple[int, int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        code, mark, words = line.partition("#" if place.endswith(".toml") else "// ")
        if mark and code.count('"') % 2 == 0:
            found.append((number, len(code), re.sub(r"</?\w+[^>]*>", "", words.strip("/# "))))
        patch = PATCH.match(line)
        for said in (
            [patch[1].replace(" \\,", ",")] if patch else map("".join, QUOTED.findall(code))
        ):
            yield from split(place, number, kind, said)
    yield from comments(place, kind, found)


def sentences(root: Path) -> list[Sentence]:
    """All sentences of the tree at `root`, in the order of their places."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=root, text=True).split("\n")
    readers = {"py": of_python, "md": of_markdown} | dict.fromkeys(KINDS, of_lines)
    found: set[Sentence] = set()
    for place in listed:
        reader = readers.get(place.rsplit(".", 1)[-1])
        if reader and place.startswith((*FOLDERS, *ROOT)) and place != QUOTES:
            found.update(reader(place, (root / place).read_text(encoding="utf-8")))
    return sorted(found)


def main() -> None:
    """Print the drawn sentences with their places."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    args = parser.parse_args()
    every = sorted(
        sentences(args.root),
        key=lambda one: sha256(f"{args.seed} {one.place} {one.text}".encode()).digest(),
    )
    for place, line, kind, text in sorted(every[: args.count]):
        print(f"{place}:{line}: [{kind}] {text}")


if __name__ == "__main__":
    main()
