"""The pipelines: one row each in `catalog`, one module each for what is code."""
