"""Prompts, and their embedding for each block."""
