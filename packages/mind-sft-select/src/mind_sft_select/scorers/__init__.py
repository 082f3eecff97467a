"""Scorers: a number for each instruction."""
