"""`spout-bridge doctor`: what a bug report needs, and what cannot work on this machine."""
