"""Take out the lines of an English page that C4 does not keep."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import with_text
from mind_clean.c4_rules import C4Rules, read_page
from mind_clean.text_stats.thresholds import check_bounds, judged_as
from mind_core import Record


@dataclass(frozen=True)
class C4Lines:
    """Keep only the lines of an English page that C4 keeps (Raffel et al. 2020, §2.2).

    Gone are lines without an end mark, of few words, with a word of over 1,000 letters, that speak
    of JavaScript or of cookies and terms of use, and marks of citations. A bound of 0 is none.
    Other languages stay as they are.
    """

    min_words_per_line: int = 3
    max_word_length: int = 1000
    end_marks: bool = True
    citations: bool = True
    javascript: bool = True
    policies: bool = True

    def __post_init__(self) -> None:
        """Refuse bounds that mean nothing."""
        check_bounds(self, ())

    def __call__(self, record: Record) -> Record:
        """Return the record with the lines that are left."""
        if judged_as(record, ("en",)) is None:
            return record
        rules = C4Rules(
            self.min_words_per_line, self.max_word_length, self.end_marks, self.citations,
            self.javascript, self.policies, lorem_ipsum=False, curly_brackets=False,
        )  # fmt: skip
        return with_text(record, "\n".join(read_page(record["text"], rules).lines))
