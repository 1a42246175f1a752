# pyright: basic, reportUndefinedVariable=false
"""Buttons of the component."""


def onPulse(par):
    extension = getattr(parent().ext, "SpoutBridgeExt", None)
    if extension:
        extension.pulse(par.name)
