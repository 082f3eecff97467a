"""The signatures that ship: what makes two records candidates for being duplicates."""
