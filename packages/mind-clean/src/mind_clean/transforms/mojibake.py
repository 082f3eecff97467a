"""Repair text that was decoded with the wrong character set.

UTF-8 read as Latin-1 or Windows-1252 (â€™, ä¸­æ–‡) is mended by ftfy, short runs of GBK read as
Latin-1 (ÖÐ¹ú) here, what East Asian charsets are involved in by `misread_east_asian`; only where a
cheap look finds what such mistakes leave, and line by line, so that a whole page does not pay for
one bad quotation. Quotes, full-width characters and Chinese punctuation stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from mind_clean.annotations import with_text
from mind_clean.transforms import misread_east_asian
from mind_clean.transforms.char_classes import HAS_LATIN_1
from mind_clean.transforms.cleanup_flags import cleanup_flags
from mind_core import Record

_WINDOWS = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
"""What Windows-1252 shows for the bytes 80 to 9F."""

_SUSPECT = re.compile(f"[\u0080-\u009f]|[Â-ô][\u0080-\u00bf{_WINDOWS}]")
"""A byte that no text holds, or the first two bytes of a character of UTF-8."""

# Two characters of GB 2312 are four bytes from A1 to FE, each a letter or sign of Latin-1.
_GBK_RUN = re.compile("[\u00a1-\u00fe]{4,}")
_LEAST_HAN = 4
_LEAST_LEVEL_1 = 0.9
_LEAST_FREQUENT = 0.08
_FREQUENT = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过"
    "子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小现实加都两"
)
"""The hundred most frequent characters of modern Chinese, or near enough."""

_LONGEST_LINE = 100_000


@dataclass(frozen=True)
class Mojibake:
    """Repair text read in the wrong charset: UTF-8, GBK, Big5, Shift_JIS; leave quotes alone."""

    def prepare(self) -> None:
        """Load the kernel before workers start."""
        cleanup_flags("")

    def __call__(self, record: Record) -> Record:
        """Return the record with the lines of its text repaired."""
        return with_text(record, repaired(record["text"]))


def repaired(text: str) -> str:
    """Return the text with its damaged lines repaired."""
    if text.isascii():
        return text
    text = misread_east_asian.mended(text)
    if not cleanup_flags(text) & HAS_LATIN_1:
        return text
    if not (_SUSPECT.search(text) or _GBK_RUN.search(text)):
        return text
    return "\n".join([_line(line) for line in text.split("\n")])


def _line(line: str) -> str:
    if line.isascii() or len(line) > _LONGEST_LINE:
        return line
    if _GBK_RUN.search(line):
        if line.startswith(("    ", "\t")):
            return line  # code that shows what happens to bytes
        mended = _gbk(line)
        if mended is not None:
            return mended
    if _SUSPECT.search(line):
        mend, configuration = _ftfy()
        return str(mend(line, configuration))
    return line


def _gbk(line: str) -> str | None:
    """Return the line with its pairs of letters as Chinese, or None if they are letters.

    GB 2312 writes a character as two bytes from A1 on. Accented letters make such pairs too, but
    not thousands of the frequent characters of its first level (rows 16 to 55).
    """
    runs = _GBK_RUN.findall(line)
    # A run of an odd length is no pairs of bytes: these are accented letters.
    if any(len(run) % 2 for run in runs):
        return None
    try:
        decoded = "".join(run.encode("latin-1").decode("gb2312") for run in runs)
    except UnicodeDecodeError:
        return None
    han = [character for character in decoded if "\u4e00" <= character <= "\u9fff"]
    # The first byte of a pair is its row plus A0: B0 to D7 are rows 16 to 55.
    level_1 = sum("\u00b0" <= run[at] <= "\u00d7" for run in runs for at in range(0, len(run), 2))
    frequent = sum(character in _FREQUENT for character in han)
    if (
        len(han) < _LEAST_HAN
        or level_1 < _LEAST_LEVEL_1 * len(han)
        or frequent < max(1, _LEAST_FREQUENT * len(han))
    ):
        return None
    return _GBK_RUN.sub(lambda run: run[0].encode("latin-1").decode("gb2312"), line)


@cache
def _ftfy() -> tuple[Any, Any]:
    """Return ftfy's function and the configuration that repairs encodings and nothing else."""
    import ftfy

    configuration = ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )
    return ftfy.fix_text, configuration
