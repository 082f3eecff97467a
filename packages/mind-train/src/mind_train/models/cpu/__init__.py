"""Faster and smaller operations for a plain processor; elsewhere torch's own take over."""
