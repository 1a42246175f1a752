"""Files saved by earlier releases (journal, patch) still work.

`golden/journal.json` is the journal of a run that was killed, of version 0.1.0; it is never made
anew.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from bridge.state.renamed import RENAMED
from tests.support.bridge import running

ROOT = Path(__file__).parent.parent
GOLDEN = Path(__file__).parent / "golden"
MODULE = [sys.executable, "-P", "-m", "bridge.cli"]


@pytest.mark.slow
def test_the_journal_of_a_killed_run_is_restored(tmp_path):
    content = (GOLDEN / "journal.json").read_bytes()
    (tmp_path / "Saved.journal.json").write_bytes(content)
    kept = json.loads(content)
    flags = ("--name", "Saved", "--sink", "null:", "--source", "pattern:", "--engine", "thread")
    with running(tmp_path, *flags, command=MODULE, cwd=tmp_path, env=environment()) as bridge:
        now = {row.old: row for row in RENAMED if row.what == "parameter"}
        values = {
            now[name].new if name in now else name: now[name].values.get(value, value)
            if name in now else value for name, value in kept["values"].items()
        }  # fmt: skip
        assert values.items() <= bridge.ask("parameters").items()
        state = bridge.until(lambda state: state["state"] == "RUNNING")
        assert (state["pipeline"], state["error"]) == (kept["pipeline"], "")
        assert state["source"].startswith(kept["source"])


def environment():
    """Has the modules of this copy found from anywhere, as an installed program's are."""
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), before]))}
