"""Frames, and what is done with them: kept, scaled, blended, encoded."""
