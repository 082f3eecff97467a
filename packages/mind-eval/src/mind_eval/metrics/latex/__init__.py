"""Whether two LaTeX answers are the same: spelling, structure, values."""
