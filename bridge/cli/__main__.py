"""`python -m bridge.cli` is `spout-bridge`: saved TouchDesigner patches call it this way."""

from bridge.cli import main

main()
