"""`spout-bridge` with the pipelines of tests/support/doubles.py, and little patience with silence:
a test starts it as a process where it may not wait for the real bounds.
"""

import bridge.playout.endpoint
import bridge.session
import bridge.state.named_files
import bridge.workers.client
import bridge.workers.host
from bridge.cli.commands import main as command
from engine.catalog.rows import Catalog
from tests.support.doubles import CATALOG


def main() -> None:
    """As `spout-bridge`."""
    bridge.workers.client.SILENCE = 0.5
    bridge.workers.host.TELL = 1.0
    bridge.playout.endpoint.TELL = bridge.playout.endpoint.PATIENCE = 0.3
    bridge.session.OPENING = bridge.state.named_files.AT_START = 0.5
    Catalog.installed = classmethod(lambda cls, *_: CATALOG)
    command()
