"""What training reads: rows of text, of some of its groups, and of conversations."""
