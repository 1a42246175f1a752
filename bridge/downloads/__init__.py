"""The files of each pipeline: which are missing, and their download."""
