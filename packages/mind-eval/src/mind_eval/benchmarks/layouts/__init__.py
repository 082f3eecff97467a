"""Readers of benchmarks as their authors lay them out: a folder in, rows of each split out."""
