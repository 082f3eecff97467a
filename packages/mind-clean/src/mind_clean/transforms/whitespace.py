"""White space: one kind of blank, no blank that the eye does not need, paragraphs kept apart."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mind_clean.annotations import with_text
from mind_clean.deferred import compile_once
from mind_clean.transforms.char_classes import (
    CJK_PUNCTUATION,
    HAS_CJK_SPACES,
    HAS_OTHER_BLANKS,
    HAS_WHITESPACE,
    OTHER_BLANKS,
    WIDE,
)
from mind_clean.transforms.cleanup_flags import cleanup_flags
from mind_core import Record
from mind_core.text.scripts import HAN

IDEOGRAPHIC = "\u3000"
_UNTIDY = HAS_OTHER_BLANKS | HAS_WHITESPACE | HAS_CJK_SPACES
_BLANKS = f" \t{IDEOGRAPHIC}"
_RUN = re.compile(f"[{_BLANKS}]{{2,}}")
# Each begins with the blank itself, so that the scan leaps from blank to blank.
_AT_PUNCTUATION = (
    f" (?:(?<=[{CJK_PUNCTUATION}] )(?=[{HAN}{CJK_PUNCTUATION}])"
    f"|(?<=[{HAN}] )(?=[{CJK_PUNCTUATION}]))"
)
_BETWEEN_HAN = f" (?<=[{HAN}] )(?=[{HAN}])"
_NUMBERING = re.compile("第 ?[0-9一二三四五六七八九十百千零〇]{1,9} ?[章节節条條编編卷回]$")
_LONGEST_NUMBERING = 13
_BLANK_LINES = re.compile("\n{3,}")


@dataclass(frozen=True)
class Whitespace:
    """Unify blanks, drop those that Chinese does not use, and leave one blank line at most."""

    between_han: bool = True
    """Remove single spaces between two Chinese characters as well as next to punctuation."""

    def prepare(self) -> None:
        """Load the kernel before workers start."""
        cleanup_flags("")

    def __call__(self, record: Record) -> Record:
        """Return the record with the white space of its text in order."""
        return with_text(record, self.tidy(record["text"]))

    def tidy(self, text: str) -> str:
        """Return the text with its white space in order."""
        if not cleanup_flags(text) & _UNTIDY:
            return text
        if not text.isascii():
            text = OTHER_BLANKS.sub(" ", text)
        text = "\n".join([_line(line) for line in text.split("\n")])
        if WIDE.search(text):
            text = compile_once(_AT_PUNCTUATION).sub("", text)
            if self.between_han:
                text = compile_once(_BETWEEN_HAN).sub(_after_numbering, text)
        return _BLANK_LINES.sub("\n\n", text).strip("\n")


def _line(line: str) -> str:
    """Return one line without blanks at its end and runs inside.

    A line indented by spaces or by tabs is likely code or a list, so it stays as it is: its inside
    may be aligned too. Other blanks at its start only show where a paragraph or a cell begins.
    """
    line = line.rstrip(_BLANKS)
    if line and line[0] in _BLANKS:
        inside = line.lstrip(_BLANKS)
        indent = line[: len(line) - len(inside)]
        # One kind of blank only, as code is indented; ideographic ones begin a Chinese paragraph.
        if not indent.strip(indent[0]) and indent[0] != IDEOGRAPHIC:
            return line
        line = inside
    if "  " in line or "\t" in line or IDEOGRAPHIC in line:
        line = _RUN.sub(_one_blank, line)
    return line


def _one_blank(run: re.Match[str]) -> str:
    """Keep what separates most: a tab (cells of a table), then an ideographic space."""
    return "\t" if "\t" in run[0] else IDEOGRAPHIC if IDEOGRAPHIC in run[0] else " "


def _after_numbering(blank: re.Match[str]) -> str:
    """Keep the blank in 第一条 为了 and 第 3 章 总则, which ends the numbering."""
    before = blank.string[max(0, blank.start() - _LONGEST_NUMBERING) : blank.start()]
    return " " if _NUMBERING.search(before) else ""
