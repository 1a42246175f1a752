"""What a performer prepares: looks and what surrounds them."""
