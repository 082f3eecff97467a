"""Main text by scoring blocks of text, on a fast parser."""
