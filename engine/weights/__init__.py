"""What checkpoints hold: their headers, and their tensors."""
