"""What this project takes of diffusers, as it is there: tests/engine/causal/test_stubs.py compares.

Lists of modules stand as what iterating over them, or a place in them, gives.
"""
