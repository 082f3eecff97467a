"""What a text may hold that a step of format cleaning would change, found in one pass.

Most texts need nothing of a step, and looking for that costs more than all repairs: a pattern of
`re` takes 10 to 15 ns a character beyond ASCII. One loop over the UTF-8 answers for all steps, on
the safe side: without its flag a step has nothing to do; with it, the step looks for itself.
"""

from __future__ import annotations

import sys
from functools import lru_cache

EMOJI, OTHER_BLANKS, WHITESPACE, CJK_SPACES, CONTROL, LATIN_1 = (1 << bit for bit in range(6))
"""Emoji or their modifiers; blanks other than space, tab and U+3000; blanks at the end of a line,
in a run, or mixed before one, and superfluous line feeds; a blank that two Chinese characters or
marks enclose; what cannot be seen, and other ends of lines; U+0080 to U+00FF."""

ALL = -1


@lru_cache(1)
def cleanup_flags(text: str) -> int:
    """Return the flags of a text, added up; asking again for the same text costs nothing.

    All of them where no other step needs compiled loops: loading them would cost a step that runs
    alone more than it saves.
    """
    if "numba" not in sys.modules:
        return ALL
    from mind_clean.transforms.cleanup_flag_loop import search

    return search(text)
