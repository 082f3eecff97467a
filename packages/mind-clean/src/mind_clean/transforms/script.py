"""Note which language and script a text is in."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.notes import TOOL, noted
from mind_clean.scripts import script_of
from mind_core import Record
from mind_core.languages import language_of_text
from mind_core.records import annotation


@dataclass(frozen=True)
class Script:
    """Note the language (zh, en, und) and the script (Hans, Hant, Latn) of the text."""

    def __call__(self, record: Record) -> Record:
        """Return the record with `metadata.mind.clean.language` and `.script`; text as it was."""
        language = language_of_text(record["text"])
        script = script_of(record["text"], language)
        known = annotation(record, TOOL)
        if known.get("language") == language and known.get("script") == script:
            return record
        return noted(record, language=language, script=script)
