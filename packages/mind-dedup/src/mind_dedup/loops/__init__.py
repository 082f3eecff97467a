"""The loops of mind-dedup over arrays, compiled when the package is built."""
