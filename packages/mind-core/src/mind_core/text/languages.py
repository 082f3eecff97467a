"""Which language a record is in: as its metadata says, else by the scripts of its text."""

from __future__ import annotations

import re
from typing import Any

from mind_core.records import Record, annotation
from mind_core.text.scripts import count_han

HAN_SHARE_OF_CHINESE = 0.2
"""A text is Chinese from one Han character in five letters on: a Han character carries about as
much as four to five Latin letters, so at this share half of the content is Chinese."""

_LETTER = re.compile(r"[^\W\d_]")
_NOT_LETTER = re.compile(r"[\W\d_]+")


def language_of_text(text: str) -> str:
    """Return "zh", "en", or "und" for a text without letters, by its share of Han characters."""
    han = count_han(text)
    if han == 0:
        return "en" if _LETTER.search(text) else "und"
    # Runs of others are taken away at once, where counting matches would be a step a letter.
    letters = len(_NOT_LETTER.sub("", text))
    return "zh" if han >= HAN_SHARE_OF_CHINESE * letters else "en"


def language_of(record: Record) -> str:
    """Return a record's language as a two-letter code.

    `metadata.mind.clean.language` (what the text turned out to be) comes before a look at the text:
    the edition that a page was shipped in (`metadata.lang`) is not the language that it is in.
    """
    found: Any = annotation(record, "clean").get("language")
    if isinstance(found, str):
        return found
    text = record.get("text")
    if isinstance(text, str) and text:
        return language_of_text(text)
    metadata = record.get("metadata")
    declared = metadata.get("lang") if isinstance(metadata, dict) else None
    # The language alone, in the letters of the codes above: "zh-Hans-CN" and "ZH" are "zh".
    return declared.split("-")[0].lower() if isinstance(declared, str) and declared else "und"
