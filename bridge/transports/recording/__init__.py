"""Recordings: pictures into a film, in one of the kinds of `kinds.py`, or into a file each."""

from bridge.transports.recording.kinds import Wishes, asked
from bridge.transports.recording.sink import Recording

__all__ = ["Recording", "Wishes", "asked"]
