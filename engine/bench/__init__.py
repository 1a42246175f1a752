"""What a causal pipeline's network costs on this machine: `python -m engine.bench --help`."""
