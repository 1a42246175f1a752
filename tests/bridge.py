"""The command with the pipelines of tests/doubles, and with little patience for what is silent."""

import bridge.ends
import bridge.link
import bridge.session
from bridge.cli import main as command
from engine.pipelines.catalog import Catalog
from tests.doubles import CATALOG


def main() -> None:
    """As `spout-bridge`."""
    bridge.link.SILENCE = 0.5
    bridge.ends.TELL = bridge.ends.PATIENCE = 0.3
    bridge.session.OPENING = bridge.session.READING = 0.5
    Catalog.installed = classmethod(lambda cls, beside=(): CATALOG)
    command()
