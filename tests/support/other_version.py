"""A worker of another release, for `python -m` in place of ours."""

import os
import struct
import sys

VERSION = 4711


def main() -> None:
    """Say hello as that release would, and wait to be ended."""
    hello = b'{"type":"Hi","version":%d,"process":{"id":%d}}' % (VERSION, os.getpid())
    sys.stdout.buffer.write(struct.pack("<I", len(hello)) + hello)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
