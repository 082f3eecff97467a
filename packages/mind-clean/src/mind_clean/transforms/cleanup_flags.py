"""What a text may hold that a step of format cleaning would change, found in one pass.

Most texts need nothing of a step, and looking for that costs more than all repairs: a pattern of
`re` takes 10 to 15 ns a character beyond ASCII. One loop over the UTF-8 answers for all steps, on
the safe side: without its flag a step has nothing to do; with it, the step looks for itself.
"""

from __future__ import annotations

from functools import lru_cache

from mind_clean.deferred import DeferredLoops

ALL = -1

_loop = DeferredLoops()


@lru_cache(1)
def cleanup_flags(text: str) -> int:
    """Return the flags of a text, added up; asking again for the same text costs nothing.

    All of them for the first texts: loading the loop costs more than looking with patterns.
    """
    if not _loop.are_worth_loading(text):
        return ALL
    from mind_clean.transforms.cleanup_flag_loop import search

    return search(text)
