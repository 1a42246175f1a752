"""`python -m engine.worker`: one bridge's engine worker."""

import signal

from engine.system import by_hand

# A console sends Ctrl-C to every process in it; also while the rest is being imported.
signal.signal(signal.SIGINT, signal.SIG_IGN)
by_hand.refuse("the engine worker of a bridge", "spout-bridge run")

from engine.worker.loop import main  # noqa: E402

main()
