"""What is compiled or loaded only once it is needed.

A large pattern takes milliseconds to compile. Loading numpy and a library of loops takes as long as
looking at a million characters with patterns, and a step that runs alone on a few pages needs
neither. What decides is the text, not what else happens to be loaded; the answers are the same.
"""

from __future__ import annotations

import re
from functools import cache

compile_once = cache(re.compile)
"""Compile a pattern once in this process; the next call is a look into a dictionary."""

CHARACTERS = 1_000_000


class DeferredLoops:
    """Count the characters that plain Python looks at for one purpose in this process."""

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._left = characters

    def are_worth_loading(self, text: str) -> bool:
        """Count a text; return whether it is quicker to take the loops from here on."""
        self._left -= len(text)
        return self._left < 0
