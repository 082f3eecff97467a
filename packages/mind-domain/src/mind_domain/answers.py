"""One answer format, one parser: the label word stands alone on the last line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_LEAD = re.compile(
    r"^(?:the )?(?:final )?(?:answer|label)(?: is)?\s*:?\s*"
    r"|^(?:最终)?(?:答案|标签)(?:是|为)?\s*:?\s*"
)
_EDGES = "\"'“”‘’「」『』*_`()[]【】《》.。,，!！;；:： \t"


def normalize_answer(text: str) -> str:
    """Reduce the last line of an answer to its bare words: width, case, marks, "Answer:"."""
    lines = [line for line in unicodedata.normalize("NFKC", text).splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1].strip(_EDGES).casefold()
    return _LEAD.sub("", line).strip(_EDGES)


def parse_answer(text: str, words: Mapping[str, str]) -> str | None:
    """Find the label whose word is the whole last line of an answer; None if there is none.

    `words` maps a label to its word. A word inside a sentence is not taken: "not a rise" is none.
    """
    found = normalize_answer(text)
    for label, word in words.items():
        if found == normalize_answer(word):
            return label
    return None
