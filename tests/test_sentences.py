"""The sentences that `python -m tests.sentences` draws are those that people read."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sentences import QUOTES, Sentence, sentences
from tests.support.slow_cases import rest_slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def every() -> list[Sentence]:
    return sentences(ROOT)


@pytest.mark.slow
def test_every_kind_is_drawn_from_and_tests_are_not(every):
    kinds = {"message", "docstring", "comment", "document", "page", "example", "touchdesigner"}
    assert {one.kind for one in every} == kinds
    assert not [one for one in every if one.place.startswith(("tests/", "pyproject"))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "kind", "text"),
    rest_slow(
        [
            ("bridge/state/controls.py", "message", "Fade to black, and back."),
            ("bridge/state/store.py", "comment", "who changed each last, and when"),
            ("bridge/state/status.py", "docstring", "State of the engine."),
            ("bridge/control/page/sources.js", "page", "No sender found."),
            ("bridge/control/page/index.html", "page", "No control has these words."),
            ("examples/pure-data/spout-bridge.pd", "example", "or type here, then Enter"),
            ("examples/max/spout-bridge.maxpat", "example", "2 values from the bridge, port 9000"),
            ("examples/unity/SpoutBridge.cs", "example", "Sender name that the bridge looks for."),
            ("td_components/network.toml", "touchdesigner", "Delete the look with this name."),
            ("td_components/assumed.json", "touchdesigner", "the tags of a copy"),
            ("SECURITY.md", "document", "Please do not open a public issue."),
            ("docs/glossary.md", "document", "where the output is sent"),
        ]
    ),
)
def test_a_sentence_is_found_at_its_line(every, place, kind, text):
    (one,) = [one for one in every if one.place == place and text in one.text and one.kind == kind]
    lines = (ROOT / place).read_text("utf-8").splitlines()
    assert text.split()[-1].rstrip(".") in "\n".join(lines[one.line - 1 : one.line + 3])


@pytest.mark.slow
def test_the_same_seed_draws_the_same(every):
    command = [sys.executable, "-m", "tests.sentences", "--seed", "7", "--count", "20"]
    first, again = (subprocess.check_output(command, cwd=ROOT, text=True) for _ in range(2))
    assert first == again
    assert len(first.splitlines()) == 20
    known = {f"{one.place}:{one.line}: [{one.kind}] {one.text}" for one in every}
    assert known.issuperset(first.splitlines())


def test_the_last_draw_is_written_down_with_a_verdict_for_each_sentence():
    text = (ROOT / QUOTES).read_text("utf-8").partition("## The last draw")[2].partition("\n## ")[0]
    verdicts = [line.rstrip(" |").rsplit(" | ", 1)[1] for line in text.splitlines()[4:] if line]
    judged = [each for each in verdicts if each not in ("verdict", "---")]
    assert len(judged) == 200
    assert all(each == "ok" or each.startswith("odd; now: ") for each in judged)
    assert sum(each != "ok" for each in judged) < 10
