"""The engine on another machine: frames as packets of a connection."""
