"""What a text is made of: scripts, languages, tokens."""
