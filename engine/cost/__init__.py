"""The memory and time of a pipeline, computed from its row, and changes that would make it fit."""
