"""Both ends of the frame path, and the output clock between them."""
