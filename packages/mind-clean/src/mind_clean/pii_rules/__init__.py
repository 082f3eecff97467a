"""Rules that find private data: each yields spans, in code points, of one kind."""
