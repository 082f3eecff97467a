"""What a page says by its elements and a text has to say in characters: formulas, numbers, code.

A page's tree is rewritten before it is cut into blocks; signs that only `finish` reads mark what
has to wait until the text is whole.
"""
