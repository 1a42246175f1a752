"""Where weights lie, here and on the hub, and how they come. Free of torch."""
