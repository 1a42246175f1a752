"""The page in a real browser: with a desk instead of an engine, and with whole sessions."""
