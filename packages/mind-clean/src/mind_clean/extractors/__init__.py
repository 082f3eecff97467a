"""Ways from the HTML of a page to its main text."""
