# pyright: basic, reportUndefinedVariable=false
"""Run once per frame, and when TouchDesigner exits."""


def _extension():
    comp = parent()  # its extension is not available while it starts
    return getattr(comp.ext, "SpoutBridgeExt", None) if comp.extensionsReady else None


def onFrameStart(frame):
    extension = _extension()
    if extension:
        extension.frame()


def onExit():
    extension = _extension()
    if extension:
        extension.exit()
