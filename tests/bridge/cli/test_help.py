"""`--help` is quick, and impossible numbers are refused."""

import subprocess
import sys

import pytest

from bridge.cli.arguments import parser_of
from bridge.errors import UsageError
from tests.support.slow_cases import rest_slow

CODE = """
import sys
from bridge.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(*sorted(sys.modules), file=sys.stderr)
"""
HEAVY = (
    "numpy",
    "torch",
    "fastapi",
    "cv2",
    "engine.catalog.rows",
    "engine.cost",
    "bridge.downloads",
)


@pytest.mark.parametrize(
    "arguments", rest_slow([["run", "--help"], ["--help"], ["models", "--help"]])
)
def test_help_imports_neither_the_catalog_nor_numpy(arguments):
    done = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, encoding="utf-8"
    )
    assert "usage: spout-bridge" in done.stdout
    loaded = done.stderr.split()
    assert "bridge.cli.arguments" in loaded
    assert not [name for name in loaded if name.startswith(HEAVY)]


@pytest.mark.parametrize("words", [
    ("send", "demo:", "--to", "null:", "--seconds", "nan"),
    ("send", "demo:", "--to", "null:", "--seconds", "-1"),
    ("bench", "bridge", "--seconds", "0"),
    ("bench", "bridge", "--seconds", "ten"),
    ("view", "demo:", "--port", "65536"),
    ("layouts", "--reply-port", "-1"),
])  # fmt: skip
def test_a_number_that_cannot_be_is_refused_with_what_can(words):
    with pytest.raises(UsageError) as end:
        parser_of([], []).parse_args(words)
    told = str(end.value)
    assert f"{words[-2]}: takes a " in told
    assert f"not {words[-1]!r}. See `spout-bridge {words[0]}" in told


@pytest.mark.parametrize(("typed", "kept"), [
    ("3", 3), ("2,5", 2.5), ("1 min", 60), ("500ms", 0.5), ("inf", float("inf")),
])  # fmt: skip
def test_seconds_are_taken_as_they_are_typed(typed, kept):
    words = ["send", "demo:", "--to", "null:", "--seconds", typed]
    assert parser_of([], []).parse_args(words).seconds == kept


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a script started with &
class Asked:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)
            for _ in range(1000):
                pass
sys.meta_path.insert(0, Asked())
from bridge.cli import main
main()
print("it went on")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no way to send oneself a Ctrl-C")
@pytest.mark.parametrize(
    ("command", "module", "status"),
    rest_slow(
        [
            ("run", "bridge.cli.commands", 0),
            ("run", "numpy", 0),
            ("run", "bridge.session", 0),
            ("view", "bridge.settings", 0),
            ("doctor", "bridge.cli.commands", 1),
        ]
    ),
)
def test_ctrl_c_while_a_command_is_being_imported_says_nothing(tmp_path, command, module, status):
    words = [command, *(["--folder", str(tmp_path)] if command == "run" else [])]
    ran = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(module=module), *words],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (status, "", "")
