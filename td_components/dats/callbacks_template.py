"""Callbacks of a SpoutBridge component. Keep the ones you need; each receives a dictionary whose
"comp" is the component.
"""


def onConnect(info):
    """The bridge is connected: info["connection"] is CONNECTED or DEAF."""


def onDisconnect(info):
    """The bridge is gone, or the component inactive: info["connection"], info["message"]."""


def onState(info):
    """The engine's state changed: info["state"] is RUNNING, LOADING …, info["before"]."""


def onPipeline(info):
    """Another pipeline is active and the pages are rebuilt: info["pipeline"], info["before"]."""


def onLook(info):
    """A look was recalled: info["look"]."""


def onError(info):
    """Something went wrong: info["source"], info["message"]."""
