"""The repetition rules of Gopher (Rae et al. 2021, arXiv 2112.11446, table A1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mind_clean.text_stats.thresholds import (
    above,
    check_bounds,
    check_languages,
    judged_as,
    measures_of,
    share,
    warm_up,
)
from mind_core import Reason, Record

SHARES = ("repeated_lines", "repeated_line_characters", "repeated_paragraphs",
          "repeated_paragraph_characters")  # fmt: skip


@dataclass(frozen=True)
class GopherRepetition:
    """Drop a text that repeats itself by the rules of Gopher (Rae et al. 2021, table A1).

    Each option is the largest share allowed, 0 for no bound. Shares of lines and paragraphs are of
    their number and of the text's characters; `top_N_gram` is of the characters of the most
    frequent run of N words, `repeated_N_grams` of those of all runs that came before. Words and
    formulas as datatrove 0.10 has them. Only texts in `languages` are judged.
    """

    languages: tuple[str, ...] = ("en",)
    repeated_lines: float = 0.3
    repeated_line_characters: float = 0.2
    repeated_paragraphs: float = 0.3
    repeated_paragraph_characters: float = 0.2
    top_2_gram: float = 0.2
    top_3_gram: float = 0.18
    top_4_gram: float = 0.16
    repeated_5_grams: float = 0.15
    repeated_6_grams: float = 0.14
    repeated_7_grams: float = 0.13
    repeated_8_grams: float = 0.12
    repeated_9_grams: float = 0.11
    repeated_10_grams: float = 0.10

    def __post_init__(self) -> None:
        """Refuse bounds that mean nothing."""
        object.__setattr__(self, "languages", check_languages(self.languages))
        check_bounds(self, SHARES)

    def prepare(self) -> None:
        """Load what the rules need before workers start."""
        warm_up(self.languages)

    def __call__(self, record: Record) -> Reason | None:
        """Return the first rule that the text breaks, or None."""
        language = judged_as(record, self.languages)
        if not language:
            return None
        if not record["text"]:
            return Reason("no_text")
        return next(self._broken(record["text"], language), None)

    def _broken(self, text: str, language: str) -> Iterator[Reason]:
        measures = measures_of(text)
        line_stats = measures.line_stats
        for name, part, whole in (
            ("repeated_paragraphs", line_stats.repeated_paragraphs, line_stats.paragraphs),
            ("repeated_paragraph_characters", line_stats.repeated_paragraph_characters, len(text)),
            ("repeated_lines", line_stats.repeated_pieces, line_stats.pieces),
            ("repeated_line_characters", line_stats.repeated_piece_characters, len(text)),
        ):
            max_share = getattr(self, name)
            if above(share(part, whole), max_share):
                yield Reason(name, round(share(part, whole), 4), max_share)
        repeated = measures.repeated(language)
        # After the shares of lines: those are cheap, and n-grams need the text cut into words.
        for n in range(2, 11):
            name = f"top_{n}_gram" if n <= 4 else f"repeated_{n}_grams"
            max_share = getattr(self, name)
            if above(share(repeated[n], len(text)), max_share):
                yield Reason(name, round(share(repeated[n], len(text)), 4), max_share)
