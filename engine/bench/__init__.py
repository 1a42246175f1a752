"""Benchmark a causal pipeline on this machine: `python -m engine.bench --help`."""
