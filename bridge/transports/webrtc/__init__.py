"""Browsers, OBS and GStreamer over WebRTC: `whip.py` receives, `whep.py` sends.

aiortc runs in a process of its own (`process.py`). Offers arrive at the bridge's HTTP server, which
finds the open source or sink in `signalling.py`; `child.py` passes them to its process.
"""
