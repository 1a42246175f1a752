"""The id that other code names, in a module that takes no time to import."""

PASSTHROUGH = "passthrough"  # it needs no worker: the bridge passes its frames on
