# pyright: basic, reportUndefinedVariable=false
"""What the bridge says by OSC."""


def onReceiveOSC(dat, rowIndex, message, byteData, timeStamp, address, args, peer):
    extension = getattr(parent().ext, "SpoutBridgeExt", None)
    if extension:
        extension.heard(address, args)
