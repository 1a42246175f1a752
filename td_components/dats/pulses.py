# pyright: basic, reportUndefinedVariable=false
"""The component's buttons."""


def onPulse(par):
    if par.name == "Selftest":  # must work even if the extension does not start
        op("selftest").module.begin(parent())
        return
    comp = parent()  # its extension is not available while it starts
    extension = getattr(comp.ext, "SpoutBridgeExt", None) if comp.extensionsReady else None
    if extension:
        extension.pulse(par.name)
