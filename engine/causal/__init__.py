"""The causal pipelines: one network, one loop, four kinds of memory."""
