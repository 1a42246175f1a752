"""LoRAs: files and layers."""
