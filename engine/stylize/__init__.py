"""Arbitrary style transfer (Ghiasi et al. 2017), words that drive it, and what steadies it."""
