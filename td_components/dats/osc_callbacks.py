# pyright: basic, reportUndefinedVariable=false
"""What the bridge says by OSC."""


def onReceiveOSC(dat, rowIndex, message, byteData, timeStamp, address, args, peer):
    comp = parent()  # whose extension cannot be asked for while it starts
    extension = getattr(comp.ext, "SpoutBridgeExt", None) if comp.extensionsReady else None
    if extension:
        extension.heard(address, args)
