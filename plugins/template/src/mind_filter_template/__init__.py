"""A filter for mind-clean: drop texts that are too short."""

from __future__ import annotations

from dataclasses import dataclass

from mind_clean import Filter, hookimpl
from mind_core import Offers, Reason, Record


# A frozen dataclass: its fields are the options of the recipe, this docstring is what --list shows.
@dataclass(frozen=True)
class Template:
    """Drop a text of fewer than 20 characters."""

    min_characters: int = 20

    def __call__(self, record: Record) -> Reason | None:
        """Return the reason to drop the record, in a snake_case word, or None to keep it."""
        count = len(record["text"].strip())
        return (
            Reason("too_short", count, self.min_characters) if count < self.min_characters else None
        )


# Called once at start. It only offers: a recipe, or --step, decides what runs. A plugin that is
# slow to import gives "package.module:Class" instead of the class.
@hookimpl
def register_filters() -> Offers[Filter]:
    """Offer the filter to mind-clean."""
    return {"template": Template}
