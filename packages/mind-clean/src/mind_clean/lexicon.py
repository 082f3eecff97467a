"""Read a lexicon: one word a line, or tab-separated word, category and weight.

The category `allow` is for innocent words that contain a sensitive one (性能 where 性 is listed):
where one stands, the shorter word inside it is not looked at. `#` begins a comment line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from mind_core.errors import UsageError, did_you_mean

SEED = "seed"
ALLOW = "allow"
_COLUMNS = 3
_FULL_WIDTH = {ord(c): ord(c) - 0xFEE0 for c in map(chr, range(0xFF01, 0xFF5F)) if c.isalnum()}
_HAS_FULL_WIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ]")
"""Letters and digits; the punctuation of Chinese alone asks for no folding."""


class Word(NamedTuple):
    """One entry of a lexicon, folded as texts are before the scan."""

    word: str
    category: str = "other"
    weight: float = 1.0


def fold(text: str) -> str:
    """Return a text with plain and lower-case letters, character for character.

    The result has the length of the text: a letter that becomes two in lower case stays.
    """
    if not text.isascii() and _HAS_FULL_WIDTH.search(text):
        text = text.translate(_FULL_WIDTH)
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    return lower


def read_lexicon(name: str, categories: tuple[str, ...] = ()) -> list[Word]:
    """Return the words of a file, or of a list that ships by its name, without repetition.

    The first of two equal words counts. With `categories`, only theirs and `allow`. Raises
    `UsageError` that names file and line.
    """
    words: dict[str, Word] = {}
    for word in _lines_of(name):
        words.setdefault(word.word, word)
    known = {word.category for word in words.values()} - {ALLOW}
    for category in categories:
        if category not in known:
            raise UsageError(
                f"lexicon {name} has no category {category!r}",
                hint=did_you_mean(category, known) or f"it has {', '.join(sorted(known))}",
            )
    wanted = {*categories, ALLOW} if categories else {*known, ALLOW}
    chosen = [word for word in words.values() if word.category in wanted]
    if all(word.category == ALLOW for word in chosen):
        raise UsageError(f"lexicon {name} has no words", hint="one word a line, UTF-8")
    return chosen


def _lines_of(name: str) -> Iterator[Word]:
    # Editors on Windows write a byte order mark, which would become a part of the first word.
    for number, line in enumerate(_text_of(name).removeprefix("\ufeff").split("\n"), 1):
        line = line.rstrip("\r")
        if line.strip() and not line.startswith("#"):
            yield _word(line, f"{name}:{number}")


def _text_of(name: str) -> str:
    shipped = resources.files("mind_clean").joinpath("lexicons", f"{name}.tsv")
    try:
        if "/" not in name and shipped.is_file():
            return shipped.read_text("utf-8")
        return Path(name).read_text("utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read lexicon {name}",
            cause=error.strerror,
            hint=f"give a file, or {SEED!r} for the list that ships",
        ) from None
    except UnicodeDecodeError as error:
        broken = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{name}:{broken}: not valid UTF-8", hint="iconv -f gb18030 -t utf-8 FILE"
        ) from None


def _word(line: str, position: str) -> Word:
    columns = line.split("\t")
    if len(columns) > _COLUMNS:
        raise UsageError(
            f"{position}: {len(columns)} columns", hint="word, category and weight at most"
        )
    word = fold(columns[0]).strip()
    if not word:
        raise UsageError(f"{position}: no word in the first column")
    category = columns[1].strip() if len(columns) > 1 else "other"
    return Word(word, category or "other", _weight(columns[2:], position))


def _weight(columns: list[str], position: str) -> float:
    if not columns or not columns[0].strip():
        return 1.0
    try:
        weight = float(columns[0])
    except ValueError:
        weight = math.nan
    # False for NaN too.
    if not 0 < weight < math.inf:
        raise UsageError(
            f"{position}: the weight is {columns[0].strip()!r}",
            hint="a number above 0, such as 0.5",
        )
    return weight


def other_scripts(words: list[Word]) -> list[Word]:
    """Return the words with their simplified and traditional forms, by OpenCC.

    Raises `UsageError` if OpenCC is not installed.
    """
    try:
        from opencc import OpenCC
    except ImportError:
        raise UsageError("option 'variants' needs OpenCC", hint="pip install opencc") from None
    forms = {word.word: word for word in words}
    for configuration in ("s2t", "t2s"):
        converter = OpenCC(configuration)
        for word in words:
            form = converter.convert(word.word)
            # A form that is itself listed keeps its own category and weight.
            forms.setdefault(form, word._replace(word=form))
    return list(forms.values())
