"""All measures of the quality rules, taken of a text in one pass by compiled loops."""
