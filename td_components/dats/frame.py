# pyright: basic, reportUndefinedVariable=false
"""Once a frame, and at the end of TouchDesigner."""


def _extension():
    comp = parent()  # whose extension cannot be asked for while it starts
    return getattr(comp.ext, "SpoutBridgeExt", None) if comp.extensionsReady else None


def onFrameStart(frame):
    extension = _extension()
    if extension:
        extension.frame()


def onExit():
    extension = _extension()
    if extension:
        extension.exit()
