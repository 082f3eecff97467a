"""The engine of mind-dedup in numpy and plain Python: slow, plain, and the oracle of the loops."""
