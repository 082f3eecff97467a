"""Say once what a page says several times in a row (MindLLM §2, step 5).

The paper looks for consecutively repeated phrases, as in 立即购买立即购买立即购买, and gives no
lengths and no numbers. Here a phrase has 4 to 50 characters, among them two different Chinese
characters or words, and stands three times in a row or more: `----`, `null null null` and 哈哈哈哈
are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mind_clean.annotations import annotated
from mind_clean.deferred import compile_once
from mind_core import Record
from mind_core.text.scripts import HAN

PIECE = 1 << 20
"""Characters looked at together: a longer text is cut, so that time and memory stay bounded."""

SHORTEST = 4
_HAN = f"[{HAN}]"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class RepeatedPhrases:
    """Keep one of a phrase that stands three times or more in a row; note what share that was.

    The share of the text that went is noted as `metadata.mind.clean.repeated_share`, by which
    `repeated_phrase_share` can drop the page. With `remove = false` it is only noted.
    """

    times: int = 3
    max_length: int = 50
    remove: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.times < 3:
            raise ValueError(
                f"times is {self.times}: twice in a row is how people write, 3 or more"
            )
        if not SHORTEST <= self.max_length <= 1000:
            raise ValueError(f"max_length is {self.max_length}, not {SHORTEST} to 1000 characters")

    def prepare(self) -> None:
        """Load the search, compiled, before workers start."""
        self.once("-" * SHORTEST * self.times)

    def __call__(self, record: Record) -> Record:
        """Return the record with each repetition said once."""
        text: str = record["text"]
        shorter = self.once(text)
        if len(shorter) == len(text):
            return record
        share = round(1 - len(shorter) / len(text), 4)
        return annotated(
            {**record, "text": shorter} if self.remove else record, repeated_share=share
        )

    def once(self, text: str) -> str:
        """Return the text with each repetition said once."""
        if len(text) > PIECE:
            pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
            return "".join([self.once(piece) for piece in pieces])
        while True:
            kept = list(self._kept(text))
            if not kept:
                return text
            # What was apart may stand together now, so look again; each look makes it shorter.
            text = "".join(kept)

    def _kept(self, text: str) -> Iterator[str]:
        """Yield the parts of the text that stay; nothing if all of it does."""
        from mind_clean.transforms.periodic_runs import repetitions

        begin = 0
        for start, end, period in repetitions(text, SHORTEST, self.max_length, self.times):
            if start < begin or not _is_phrase(text[start : start + period]):
                continue
            # Without a last repetition that is cut off: it may be the beginning of what follows.
            whole = start + (end - start) // period * period
            yield text[begin : start + period]
            begin = whole
        if begin:
            yield text[begin:]


def _is_phrase(unit: str) -> bool:
    """Say whether a unit says something, and is not itself a shorter one repeated.

    It may begin and end inside a word, so its words are read from the middle of three.
    """
    # A string is a shorter one repeated exactly if its own double holds it at a place inside.
    if (unit + unit).find(unit, 1) < len(unit):
        return False
    if len(set(compile_once(_HAN).findall(unit))) >= 2:
        return True
    words = _WORD.findall(unit * 3)[1:-1]
    return len({word for word in words if len(word) > 1 and word.isalpha()}) >= 2
