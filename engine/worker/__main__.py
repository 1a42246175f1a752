"""`python -m engine.worker`: the worker of one bridge."""

from engine.worker.loop import main

main()
