"""What scorers share: the languages of a record, and the scope of a score."""

from __future__ import annotations

from collections.abc import Sequence

from mind_core import Record
from mind_sft_select.scoring.answer_model import SCOPES


def check_scope(scope: str) -> None:
    """Refuse a scope that is not known, before a model is loaded."""
    if scope not in SCOPES:
        raise ValueError(f"scope is one of {', '.join(SCOPES)}, not {scope!r}")


def answers_of(messages: Sequence[dict[str, str]]) -> str:
    """Join the answers of a conversation."""
    return "\n".join(m["content"] for m in messages if m["role"] == "assistant")


def questions_of(messages: Sequence[dict[str, str]]) -> str:
    """Join the questions of a conversation."""
    return "\n".join(m["content"] for m in messages if m["role"] == "user")


def languages_of(records: Sequence[Record]) -> list[str]:
    """Tell the language of each record's answers; of the whole where answers have no letters."""
    from mind_core.text.languages import language_of, language_of_text

    found = []
    for record in records:
        language = language_of_text(answers_of(record["messages"]))
        # Answers of numbers or code alone: the question tells.
        if language == "und":
            language = language_of_text("\n".join(m["content"] for m in record["messages"]))
        found.append(language_of(record) if language == "und" else language)
    return found
