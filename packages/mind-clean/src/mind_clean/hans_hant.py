"""The language and the script of a text: simplified or traditional Chinese, or another."""

from __future__ import annotations

from mind_clean.annotations import TOOL
from mind_clean.deferred import DeferredLoops
from mind_clean.letters import LetterCounts, count_letters
from mind_core import Record
from mind_core.records import annotation
from mind_core.text import languages
from mind_core.text.languages import HAN_SHARE_OF_CHINESE

_loop = DeferredLoops()


def language_by_script(letters: LetterCounts) -> str:
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
    return language_by_script(count_letters(text))


def script_of(text: str, language: str) -> str:
    """Return the ISO 15924 code of a text's script.

    Chinese is Hans or Hant by majority, Hani if its characters belong to both; other text is Latn
    if most letters are Latin, Jpan and Kore for these languages, else Zyyy.
    """
    letters = count_letters(text)
    if language == "zh":
        if letters.simplified == letters.traditional:
            return "Hani"
        return "Hans" if letters.simplified > letters.traditional else "Hant"
    if language in ("ja", "ko"):
        return "Jpan" if language == "ja" else "Kore"
    return "Latn" if 2 * letters.latin > letters.alphabetic else "Zyyy"
