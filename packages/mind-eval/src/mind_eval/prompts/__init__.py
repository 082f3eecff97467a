"""Prompts: templates that are compiled once, shots that depend on the item alone."""
