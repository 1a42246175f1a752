"""What each pipeline is loaded from: what of it is missing (`weights.py`), and its download."""
