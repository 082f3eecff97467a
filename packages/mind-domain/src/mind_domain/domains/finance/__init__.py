"""Finance: the label of a text is what the share did after it was published."""
