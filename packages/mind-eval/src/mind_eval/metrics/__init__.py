"""Metrics: of one item, and of a task; names and formulas are lm-eval's where it has them."""
