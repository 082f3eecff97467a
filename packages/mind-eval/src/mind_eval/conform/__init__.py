"""Does mind-eval give what others published? A row a claim: expected, got, and the source."""
