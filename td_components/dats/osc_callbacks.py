# pyright: basic, reportUndefinedVariable=false
"""OSC messages from the bridge."""


def onReceiveOSC(dat, rowIndex, message, byteData, timeStamp, address, args, peer):
    comp = parent()  # its extension is not available while it starts
    extension = getattr(comp.ext, "SpoutBridgeExt", None) if comp.extensionsReady else None
    if extension:
        extension.heard(address, args)
