"""Frames: queued, kept, scaled, blended, encoded."""
