"""The bridge: frames in, frames out, and the controls. It imports no tensor library."""

__version__ = "0.1.0"
