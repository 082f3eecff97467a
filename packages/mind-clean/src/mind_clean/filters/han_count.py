"""Drop a Chinese page with hardly any Chinese on it (MindLLM §2, step 2)."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean.hans_hant import language_of
from mind_clean.letters import count_letters
from mind_core import Reason, Record

PAGES = ("text", "declared", "either")


@dataclass(frozen=True)
class HanCount:
    """Drop a Chinese page with fewer than 100 Chinese characters (MindLLM, step 2).

    Which pages are Chinese is a matter of their text: a page of a Chinese edition can be
    untranslated. `pages = "declared"` goes by `metadata.lang` instead, "either" by both.
    """

    min: int = 100
    pages: str = "text"

    def __post_init__(self) -> None:
        """Refuse a number or a word that means nothing."""
        if self.min < 0:
            raise ValueError(f"min is {self.min}, not a count, 0 or more")
        if self.pages not in PAGES:
            raise ValueError(f"pages is {self.pages!r}, not one of {', '.join(PAGES)}")

    def __call__(self, record: Record) -> Reason | None:
        """Return "few_han", or None; other languages always pass."""
        if not self._is_chinese(record):
            return None
        count = count_letters(record["text"]).chinese
        return None if count >= self.min else Reason("few_han", count, self.min)

    def _is_chinese(self, record: Record) -> bool:
        by_text = self.pages != "declared" and language_of(record) == "zh"
        return by_text or (self.pages != "text" and _declared_chinese(record))


def _declared_chinese(record: Record) -> bool:
    metadata = record.get("metadata")
    declared = metadata.get("lang") if isinstance(metadata, dict) else None
    return isinstance(declared, str) and declared.lower().split("-")[0] == "zh"
