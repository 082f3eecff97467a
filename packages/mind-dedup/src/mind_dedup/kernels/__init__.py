"""The loops of mind-dedup as machine code; each gives the very bits of the numpy beside it."""
