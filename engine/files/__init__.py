"""Where weights are, on this machine and on the hub, and how to get them. Free of torch."""
