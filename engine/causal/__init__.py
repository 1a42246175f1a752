"""The causal pipelines: one network, one loop, four ways to remember."""
