"""One way to write each character; nothing that cannot be seen.

Normalised to NFC: what looks the same gets the same code points (UAX #15). Not NFKC: that would
turn full-width letters, Chinese punctuation and ㈱ into other characters, and 古文 keeps its
traditional ones. Removed: control characters except tab and line feed, DEL and C1, soft hyphens,
the colour codes of terminals, zero-width spaces, joiners where no script needs them, byte order
marks, bidirectional controls, interlinear marks, noncharacters, lone surrogates, tag characters.
Line ends of every kind become line feeds.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from mind_clean.annotations import with_text
from mind_clean.deferred import compile_once
from mind_clean.transforms.char_classes import HAS_CONTROL, INVISIBLE, UNWANTED
from mind_clean.transforms.cleanup_flags import cleanup_flags
from mind_core import Record

_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_TERMINAL_CODES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
_INVISIBLE = f"[{INVISIBLE}]"
# Joiners shape Arabic, Indic and emoji sequences; after ASCII and Chinese they are litter.
_USELESS_JOINERS = re.compile(
    "(?:^|(?<=[\x00-\x7f\u2000-\u206f\u3000-\u9fff\uff00-\uffef]))[\u200c\u200d]+"
)

MAX_COMBINING = 30
"""The most combining marks in a row, as in the Stream-Safe Text Format of UAX #15 §13.

Without a limit, the time of a normalisation grows with the square of the run: 9 s for 300,000.
"""


@dataclass(frozen=True)
class Unicode:
    """Normalise to NFC, remove invisible and control characters, unify line ends."""

    def prepare(self) -> None:
        """Load the kernel before workers start."""
        cleanup_flags("")

    def __call__(self, record: Record) -> Record:
        """Return the record with its text normalised."""
        return with_text(record, normalised(record["text"]))


def normalised(text: str) -> str:
    """Return the text in NFC without what cannot be seen."""
    if cleanup_flags(text) & HAS_CONTROL and UNWANTED.search(text):
        text = _LINE_ENDS.sub("\n", _TERMINAL_CODES.sub("", text))
        text = compile_once(_INVISIBLE).sub("", text)
    if text.isascii():
        return text
    if "\u200c" in text or "\u200d" in text:
        text = _USELESS_JOINERS.sub("", text)
    # Asking is faster than normalising, and the long pattern below need not be compiled then.
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", _long_runs().sub(r"\1", text))


@cache
def _long_runs() -> re.Pattern[str]:
    marks = [c for c in map(chr, range(0x300, 0x20000)) if unicodedata.combining(c)]
    return re.compile(f"([{''.join(marks)}]{{{MAX_COMBINING}}})[{''.join(marks)}]+")
