"""The command line: `main` is what `spout-bridge` calls."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that was typed; what it takes to run is imported then."""
    from bridge.cli.commands import main as run

    run(arguments)
