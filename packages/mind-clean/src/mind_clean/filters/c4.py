"""The rules of C4 for English pages (Raffel et al. 2020, JMLR 21:140, §2.2)."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.c4_rules import C4Rules, read_page
from mind_clean.text_stats.thresholds import check_bounds, judged_as
from mind_core import Reason, Record


@dataclass(frozen=True)
class C4:
    """Drop an English page by the rules of C4 (Raffel et al. 2020, §2.2).

    Too few sentences on the lines that C4 keeps, "lorem ipsum" or a curly bracket on one of them.
    The text stays: `c4_lines` takes the other lines out. A bound of 0 is none. Other languages
    always pass: C4's end marks and blanks are English, by its rules no Chinese page would be left.
    """

    min_sentences: int = 5
    min_words_per_line: int = 3
    max_word_length: int = 1000
    end_marks: bool = True
    lorem_ipsum: bool = True
    curly_brackets: bool = True

    def __post_init__(self) -> None:
        """Refuse bounds that mean nothing."""
        check_bounds(self, ())

    def __call__(self, record: Record) -> Reason | None:
        """Return "lorem_ipsum", "curly_bracket", "few_sentences", or None."""
        if judged_as(record, ("en",)) is None:
            return None
        rules = C4Rules(
            self.min_words_per_line, self.max_word_length, self.end_marks, citations=True,
            javascript=True, policies=True, lorem_ipsum=self.lorem_ipsum,
            curly_brackets=self.curly_brackets,
        )  # fmt: skip
        page = read_page(record["text"], rules)
        if page.reason:
            return Reason(page.reason)
        if page.sentences < self.min_sentences:
            return Reason("few_sentences", page.sentences, self.min_sentences)
        return None
