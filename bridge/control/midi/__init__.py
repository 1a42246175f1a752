"""MIDI: messages from the page's browser and from ports of this machine, and what they move."""
