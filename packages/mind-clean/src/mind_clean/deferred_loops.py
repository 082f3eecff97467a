"""When a compiled loop is worth loading: once Python has looked at as much text as that costs.

Loading numpy and a library takes as long as looking at a million characters with patterns, and a
step that runs alone on a few pages needs neither. What decides is the text, not what else happens
to be loaded; the answers are the same.
"""

from __future__ import annotations

CHARACTERS = 1_000_000


class DeferredLoops:
    """Count the characters that plain Python looks at for one purpose in this process."""

    def __init__(self, characters: int = CHARACTERS) -> None:
        self._left = characters

    def are_worth_loading(self, text: str) -> bool:
        """Count a text; return whether it is quicker to take the loops from here on."""
        self._left -= len(text)
        return self._left < 0
