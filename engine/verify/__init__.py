"""`spout-bridge models verify`: check files against the pipelines' rows."""
