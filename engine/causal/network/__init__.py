"""The network: layers, attention, caches, VACE and weights."""
