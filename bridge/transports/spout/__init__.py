"""Spout, on Windows: the transport, a sender's frames, OpenGL, the registry."""
