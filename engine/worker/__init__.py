"""The engine worker, a process that may be killed at any time: `python -m engine.worker`."""
