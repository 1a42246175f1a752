"""The engine as the bridge sees it: workers started, fed, watched, restarted, switched.

`host.py` decides which workers there are to be, `crew.py` has them, `client.py` is one of them,
`feeder.py` says when a block begins and with which pictures, `breaker.py` when one that died is
started again, `troubles.py` what is told to be wrong, `rollback.py` which change is taken back,
`machine.py` what workers run on, `fit.py` whether they have room there.
"""
