"""`spout-bridge models verify`: the files against the pipelines' rows."""
