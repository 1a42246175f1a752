"""From words to the embedding of a block."""
