"""`spout-bridge serve`: engines for bridges on other machines."""
