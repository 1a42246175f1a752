"""A worker that sends garbage, for `python -m` in place of ours: a hello, and then `SAYS`."""

import os
import struct
import sys

from engine.ipc.messages import VERSION, QualityReduced, WorkerHello
from engine.ipc.typed import encode

SAYS = "MAD_WORKER_SAYS"
LONG = "long"  # what no environment holds


def main() -> None:
    """Say it and wait to be ended."""
    says = os.environ[SAYS].encode()
    if says == LONG.encode():
        says = encode(QualityReduced(text="x" * 10_000_000))
    for data in (encode(WorkerHello(version=VERSION, pid=os.getpid())), says):
        sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
