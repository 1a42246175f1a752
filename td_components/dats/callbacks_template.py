"""Callbacks of a SpoutBridge component. Keep those that you want; each gets one dictionary, whose
"comp" is the component.
"""


def onConnect(info):
    """The bridge is there: info["connection"] is CONNECTED or DEAF."""


def onDisconnect(info):
    """The bridge has gone, or was switched off: info["connection"], info["message"]."""


def onState(info):
    """The engine's state changed: info["state"] is RUNNING, LOADING …, info["before"]."""


def onPipeline(info):
    """Another pipeline is shown, and the pages are new: info["pipeline"], info["before"]."""


def onLook(info):
    """A look was recalled: info["look"]."""


def onError(info):
    """Something went wrong: info["source"], info["message"]."""
