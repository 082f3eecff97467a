"""Keep the copy that is least damaged: by encodings gone wrong, entities, control characters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mind_core import Offers, Record
from mind_dedup import KeepPolicy, hookimpl

# U+FFFD; UTF-8 read as Windows-1252 (â€™, Ã©, Â°) or as GBK (锟斤拷 is U+FFFD so read); memory that
# was never written (烫烫); HTML entities that stayed; control characters; private use.
DAMAGE = re.compile(
    r"\ufffd|â€.|Ã[\x80-\xbf]|Â[\xa0-\xbf]|锟斤拷|烫烫|屯屯|&(?:[a-z]{2,8}|#x?[0-9a-f]{1,6});"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ue000-\uf8ff]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Intact:
    """Keep the copy with the fewest traces of damage, and of equally damaged ones the longest.

    A trace counts as `weight` characters: a copy may be longer by so many for each and still loses.
    """

    weight: int = 1000

    def __call__(self, record: Record) -> float:
        """Return the length of the text less `weight` for each trace of damage."""
        text = record.get("text")
        if not isinstance(text, str):
            # Comes last: any text is better than none.
            return float("-inf")
        return float(len(text) - self.weight * sum(1 for _ in DAMAGE.finditer(text)))


@hookimpl
def register_keep_policies() -> Offers[KeepPolicy]:
    """Offer the policy to mind-dedup."""
    return {"intact": Intact}
