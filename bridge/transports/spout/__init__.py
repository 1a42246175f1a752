"""Spout, on Windows: the transport, one sender's pictures, OpenGL, the registry."""
