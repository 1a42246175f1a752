"""The command with the pipelines of tests/doubles, and a host that loses patience soon."""

import bridge.link
from bridge.cli import main as command
from engine.pipelines.catalog import Catalog
from tests.doubles import CATALOG


def main() -> None:
    """As `spout-bridge`."""
    bridge.link.SILENCE = 0.5
    Catalog.installed = classmethod(lambda cls, beside=(): CATALOG)
    command()
