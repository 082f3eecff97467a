"""Which runs of tokens of a text also stand in benchmark files."""
