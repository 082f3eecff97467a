"""Drop a text in another language than those wanted, or in none for certain."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.annotations import LANGUAGE_SCORE, TOOL
from mind_clean.language_models import detect, load_model
from mind_core import Reason, Record
from mind_core.records import annotation


@dataclass(frozen=True)
class Language:
    """Drop a text that is not in one of the languages, or not surely enough (score 0.5).

    The bound is cc_net's (Wenzek et al. 2020). FineWeb's 0.65 (Penedo et al. 2024) drops an eighth
    of all manuals, where terms and code lower the score; of 2,116 texts in 91 other languages none
    is taken for Chinese or English with a score over 0.41.
    What `detect_language` noted decides; a text without its note is looked at here.
    """

    languages: tuple[str, ...] = ("zh", "en")
    min_score: float = 0.5
    sample: int = 300

    def __post_init__(self) -> None:
        """Refuse what is no share, and no language at all."""
        object.__setattr__(self, "languages", tuple(self.languages))
        if not self.languages:
            raise ValueError("languages is empty: every text would be dropped")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score is {self.min_score}, not a share, 0 to 1")
        if self.sample < 30:
            raise ValueError(f"sample is {self.sample}, too few characters to tell: 30 or more")

    def prepare(self) -> None:
        """Load the model before workers start."""
        load_model()

    def __call__(self, record: Record) -> Reason | None:
        """Return "other_language", "unsure_language", or None."""
        known = annotation(record, TOOL)
        language, score = known.get("language"), known.get(LANGUAGE_SCORE)
        if not isinstance(language, str) or not isinstance(score, int | float):
            language, score = detect(record["text"], self.sample)
        if language not in self.languages:
            return Reason("other_language", language, list(self.languages))
        if score < self.min_score:
            return Reason("unsure_language", score, self.min_score)
        return None
