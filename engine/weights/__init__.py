"""Checkpoint contents: headers and tensors."""
