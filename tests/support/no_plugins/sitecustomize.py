"""No plug-in is found, but those that a test calls `probe-…`: what is compared with a file in the
repository is the program's own, whatever else is installed.

For processes that have this folder in PYTHONPATH: Python imports this module before all others.
"""

import importlib.metadata
from importlib.metadata import EntryPoints
from typing import Any

GROUPS = "spout_bridge."

_all = importlib.metadata.entry_points


def own(**wanted: Any) -> EntryPoints:
    """As `entry_points`, without what is a plug-in of this program."""
    found = _all(**wanted)
    return EntryPoints(
        point for point in found
        if not point.group.startswith(GROUPS) or point.name.startswith("probe-")
    )  # fmt: skip


importlib.metadata.entry_points = own
