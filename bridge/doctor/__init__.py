"""`spout-bridge doctor`: what a bug report needs, and what does not work on this machine."""
