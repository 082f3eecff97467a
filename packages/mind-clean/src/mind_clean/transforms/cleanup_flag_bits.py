"""The flags of a text: what it may hold that a step of format cleaning would change."""

from __future__ import annotations

EMOJI, OTHER_BLANKS, WHITESPACE, CJK_SPACES, CONTROL, LATIN_1 = (1 << bit for bit in range(6))
"""Emoji or their modifiers; blanks other than space, tab and U+3000; blanks at the end of a line,
in a run, or mixed before one, and superfluous line feeds; a blank that two Chinese characters or
marks enclose; what cannot be seen, and other ends of lines; U+0080 to U+00FF."""
