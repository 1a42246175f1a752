"""`python -m bridge.cli` is `spout-bridge`: saved TouchDesigner patches call it so."""

from bridge.cli import main

main()
