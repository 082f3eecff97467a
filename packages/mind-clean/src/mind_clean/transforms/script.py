"""Note which language and script a text is in."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import LANGUAGE_SCORE, TOOL, annotated
from mind_clean.hans_hant import language_by_script, script_of
from mind_clean.letters import letters_of
from mind_core import Record
from mind_core.records import annotation


@dataclass(frozen=True)
class Script:
    """Note the language (zh, en, und) and the script (Hans, Hant, Latn) of the text.

    By the share of Chinese characters alone: a Japanese page is zh here, a Russian one en. After
    `detect_language`, which knows them apart, only the script is noted.
    """

    def __call__(self, record: Record) -> Record:
        """Return the record with `metadata.mind.clean.language` and `.script`; text as it was."""
        known = annotation(record, TOOL)
        language = known.get("language") if LANGUAGE_SCORE in known else None
        if not isinstance(language, str):
            language = language_by_script(letters_of(record["text"]))
        script = script_of(record["text"], language)
        if known.get("language") == language and known.get("script") == script:
            return record
        return annotated(record, language=language, script=script)
