"""One answer format, one parser: the label word stands alone on the last line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_LEAD = re.compile(
    r"^(?:the )?(?:final )?(?:answer|label)(?: is)?\s*:?\s*"
    r"|^(?:最终|最終)?(?:答案|标签|標籤)(?:是|为|為)?\s*:?\s*"
)
_EDGES = "\"'“”‘’「」『』*_`()[]【】《》.。,，!！;；:： \t"


def normalize_answer(text: str, *, first: bool = False) -> str:
    """Reduce the last or first line of an answer to its bare words: no marks, no "Answer:"."""
    lines = [line for line in unicodedata.normalize("NFKC", text).splitlines() if line.strip()]
    if not lines:
        return ""
    # Marks go before the lead and after it: "**Answer:** rise." has them on both sides.
    line = lines[0 if first else -1].strip(_EDGES).casefold()
    return _LEAD.sub("", line).strip(_EDGES)


def parse_answer(
    text: str,
    words: Mapping[str, str],
    more: Mapping[str, tuple[str, ...]] | None = None,
    *,
    first: bool = False,
) -> str | None:
    """Find the label whose word is the whole last line of an answer; None if there is none.

    `words` maps a label to its word, `more` to others (traditional characters, short forms). A word
    inside a sentence is not taken: "not a rise" is none. With `first` a word that is the whole
    first line, with reasons below it, is taken where the last line is none.
    """
    # The last line goes before the first, as that is what the question asks for.
    for at_first in (False, True) if first else (False,):
        found = normalize_answer(text, first=at_first)
        for label, word in words.items():
            known = (word, *(more or {}).get(label, ()))
            if found in {normalize_answer(one) for one in known}:
                return label
    return None
