"""Simplified or traditional: told apart by the characters that only one of them has.

The two national character sets of the 1980s draw the line: a character of GB 2312 that Big5 lacks
is simplified (2,380 of them), one of Big5 that GB 2312 lacks is traditional (8,678). Nothing needs
to be shipped, Python's codecs know both sets.
"""

from __future__ import annotations

from functools import cache

from mind_clean.annotations import TOOL
from mind_clean.deferred_loops import DeferredLoops
from mind_clean.letters import Letters, letters_of
from mind_core import Record
from mind_core.records import annotation
from mind_core.text import languages
from mind_core.text.languages import HAN_SHARE_OF_CHINESE

_loop = DeferredLoops()


def language_by_script(letters: Letters) -> str:
    """Return "zh", "en" or "und" by the share of Chinese characters.

    It is what `mind_core.text.languages.language_of_text` says of the text.
    """
    if letters.chinese == 0:
        return "en" if letters.all else "und"
    return "zh" if letters.chinese >= HAN_SHARE_OF_CHINESE * letters.all else "en"


def language_of(record: Record) -> str:
    """Return a record's language as `mind_core.text.languages.language_of` does, but quickly.

    All that ask in a row about one text share one look at it.
    """
    annotated, text = annotation(record, TOOL).get("language"), record.get("text")
    if isinstance(annotated, str) or not (isinstance(text, str) and text):
        return languages.language_of(record)
    if not _loop.are_worth_loading(text):
        return languages.language_of_text(text)
    return language_by_script(letters_of(text))


def script_of(text: str, language: str) -> str:
    """Return the ISO 15924 code of a text's script.

    Chinese is Hans or Hant by majority, Hani if its characters belong to both; other text is Latn
    if most letters are Latin, Jpan and Kore for these languages, else Zyyy.
    """
    letters = letters_of(text)
    if language == "zh":
        if letters.simplified == letters.traditional:
            return "Hani"
        return "Hans" if letters.simplified > letters.traditional else "Hant"
    if language in ("ja", "ko"):
        return "Jpan" if language == "ja" else "Kore"
    return "Latn" if 2 * letters.latin > letters.alphabetic else "Zyyy"


@cache
def variant_sets() -> tuple[frozenset[str], frozenset[str]]:
    """Return the characters that only simplified, and only traditional, Chinese has."""
    simplified, traditional = set(), set()
    for code in range(0x4E00, 0xA000):
        character = chr(code)
        in_gb, in_big5 = _encodes(character, "gb2312"), _encodes(character, "big5")
        if in_gb and not in_big5:
            simplified.add(character)
        elif in_big5 and not in_gb:
            traditional.add(character)
    return frozenset(simplified), frozenset(traditional)


def _encodes(character: str, charset: str) -> bool:
    try:
        character.encode(charset)
    except UnicodeEncodeError:
        return False
    return True
