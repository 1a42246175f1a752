"""A plug-in that ends whoever imports it."""

raise SystemExit("no licence")
