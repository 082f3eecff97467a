"""Judges that ship: each compares an answer with a reference."""
