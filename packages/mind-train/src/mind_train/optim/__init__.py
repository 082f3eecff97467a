"""Optimisers and schedules: frozen dataclasses whose fields are the recipe's options."""
