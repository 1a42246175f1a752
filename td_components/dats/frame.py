# pyright: basic, reportUndefinedVariable=false
"""Once a frame, and at the end of TouchDesigner."""


def _extension():
    return getattr(parent().ext, "SpoutBridgeExt", None)


def onFrameStart(frame):
    extension = _extension()
    if extension:
        extension.frame()


def onExit():
    extension = _extension()
    if extension:
        extension.exit()
