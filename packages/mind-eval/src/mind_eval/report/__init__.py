"""Tell a whole run on one page: what was dropped and why, what was learned, how it scores."""
