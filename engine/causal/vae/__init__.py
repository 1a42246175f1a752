"""Images to latents and back, as streams."""
