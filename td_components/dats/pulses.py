# pyright: basic, reportUndefinedVariable=false
"""Buttons of the component."""


def onPulse(par):
    if par.name == "Selftest":  # where the extension does not start, it is wanted most
        op("selftest").module.begin(parent())
        return
    comp = parent()  # whose extension cannot be asked for while it starts
    extension = getattr(comp.ext, "SpoutBridgeExt", None) if comp.extensionsReady else None
    if extension:
        extension.pulse(par.name)
