"""What a pipeline costs: memory and time, computed from its row, and what would make it fit."""
