"""LoRAs: their files, and their layers."""
