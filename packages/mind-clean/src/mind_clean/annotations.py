"""Notes on a record, under `metadata.mind.clean`, without touching the record that came in."""

from __future__ import annotations

from typing import Any

from mind_core import Record
from mind_core.records import annotate

TOOL = "clean"

LANGUAGE_SCORE = "language_score"
"""There once `detect_language` ran: `language` is then a matter of its model."""


def annotated(record: Record, /, **values: Any) -> Record:
    """Return a copy of the record with values set under `metadata.mind.clean`.

    Only the objects on the way there are copied; all others are shared with the argument.
    """
    copy = dict(record)
    inner = copy
    for key in ("metadata", "mind", TOOL):
        below = inner.get(key)
        if not isinstance(below, dict):
            break
        below = dict(below)
        inner[key] = below
        inner = below
    annotate(copy, TOOL, **values)
    return copy


def with_text(record: Record, text: str) -> Record:
    """Return the record with this text: the same object if it has it already."""
    return record if record["text"] == text else {**record, "text": text}
