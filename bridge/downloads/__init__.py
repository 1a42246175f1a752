"""The files of each pipeline: which are missing (`weights.py`), and their download."""
