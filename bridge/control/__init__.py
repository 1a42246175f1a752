"""The controls: one store, and the surfaces that speak to it (OSC, HTTP, the page)."""
