"""The engine workers as seen by the bridge: started, fed, watched, restarted, switched.

`host.py` decides which workers run, `crew.py` holds them, `client.py` is one of them, `feeder.py`
decides when a block begins and with which frames, `breaker.py` when a dead worker restarts,
`standby.py` what is loaded aside for the next cue, `troubles.py` which errors are reported,
`rollback.py` which change is undone, `machine.py` is what workers run on, `fit.py` checks whether
they fit into its memory.
"""
