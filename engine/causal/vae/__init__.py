"""Pictures to latents and back, as streams."""
