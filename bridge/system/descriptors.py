"""File descriptors: a higher limit, and a reserve that the web server leaves to the frame path."""

import sys
from contextlib import suppress

if sys.platform != "win32":
    import resource

WANTED = 4096  # more than all parts of a bridge need together
RESERVE = 64  # never used by connections from outside


def raise_limit() -> None:
    """Let this process and its children open more files if the default limit is low (256 on macOS,
    1,024 on most Linux). Windows has no such limit.
    """
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard == resource.RLIM_INFINITY:
            hard = WANTED
        if soft != resource.RLIM_INFINITY and soft < min(WANTED, hard):
            with suppress(ValueError, OSError):  # if the system refuses, the limit stays
                new = min(WANTED, hard)
                resource.setrlimit(
                    resource.RLIMIT_NOFILE, (new, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
                )


def scarce(descriptor: int) -> bool:
    """Whether a new descriptor leaves less than the reserve. A system hands out the lowest free
    number, so all below it were in use at that moment.
    """
    if sys.platform == "win32":
        return False
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return False
    return descriptor >= soft - min(RESERVE, soft // 4)
