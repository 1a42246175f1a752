"""Recordings: frames into a video, in a format of `kinds.py`, or one file per frame."""

from bridge.transports.recording.kinds import Wishes, asked, chosen
from bridge.transports.recording.sink import Recording

__all__ = ["Recording", "Wishes", "asked", "chosen"]
