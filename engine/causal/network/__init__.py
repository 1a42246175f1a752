"""The network: layers, attention, caches, VACE, and its weights."""
