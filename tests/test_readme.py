"""What only the README and the reference have: tables that the program prints, a length, figures.

Links, commands and names of every document: tests/test_docs.py.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.state.status import Status
from tests.support.plugins import install, without

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference.md"
MOST_WORDS = 1500  # of the README: a stranger reads it to the end


def part(path: Path, mark: str, end: str) -> str:
    """What stands between two marks."""
    return path.read_text("utf-8").split(mark)[1].split(end)[0].strip()


def printed(*arguments: str, path: str = "") -> str:
    """What `spout-bridge list` prints for a document, without the plug-ins that are installed."""
    command = [sys.executable, "-c", "from bridge.cli import main; main()", "list", "--markdown"]
    environment = {**os.environ, "PYTHONPATH": path} if path else {**os.environ}
    done = subprocess.run(
        [*command, *arguments], capture_output=True, check=True, text=True, encoding="utf-8",
        env=without(environment),
    )  # fmt: skip
    return done.stdout.strip()


def test_the_reference_is_what_the_program_prints(tmp_path):
    install(tmp_path, "spout_bridge.transports", "stranger")  # as somebody may have one
    install(tmp_path, "spout_bridge.pipelines", "oddity")
    told = printed(path=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert part(REFERENCE, "<!-- tables -->", "<!-- end of tables -->") == told, (
        "put the output of `spout-bridge list --markdown` between the marks"
    )


@pytest.mark.slow
def test_the_estimates_follow_the_limits():
    assert part(README, "<!-- cards -->", "<!-- end of cards -->") == printed("cards")


def test_the_readme_is_a_page():
    assert len(README.read_text("utf-8").split()) <= MOST_WORDS


def test_what_the_readme_denies_has_no_chapter_in_the_manual():
    text = README.read_text("utf-8").lower()
    manual = (ROOT / "docs" / "manual.md").read_text("utf-8").lower()
    limits = re.findall(r"^\* no (.+?) yet\.", text, re.M)
    rows = re.findall(r"^\| ([^|]+) \| no \|", text, re.M)
    denied = {*re.findall(r"\w+", " ".join(limits + rows))}
    assert {"ndi", "pipewire", "timeline"} <= denied
    assert not denied & {*re.findall(r"\w+", " ".join(re.findall(r"^#+ (.+)", manual, re.M)))}


def test_the_figures_of_the_first_minutes_on_windows_are_called_as_on_the_page():
    root = README.parent
    text = (root / "docs" / "windows.md").read_text("utf-8")
    page = (root / "bridge" / "control" / "page" / "status.js").read_text("utf-8")
    rest = text.partition("Even motion.")[2].partition("\n6. ")[0]
    figures = re.findall(r"\*([a-z ]+)\*", rest)
    assert len(figures) == 2
    assert all(f'"{name}"' in page for name in figures), figures
    for name in re.findall(r"`(\w+)` has at\s+http://127.0.0.1:8000/api/v1/state", text):
        assert name in Status.__dataclass_fields__
    assert "`state." not in text, "the page has no such names"
