"""Benchmarks: each a folder of lm-eval task YAML, its data rules, and small data of its own."""
