"""OSC: in, out, and what each address means."""
