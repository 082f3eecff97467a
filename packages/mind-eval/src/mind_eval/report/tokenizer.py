"""Show how a tokenizer fits the text: what `mind-tok inspect --json` found."""

from __future__ import annotations

from typing import Any

from mind_core.safe_html import joined, markup
from mind_eval.report.curves import language_name
from mind_eval.report.page import Section, number, table
from mind_eval.report.words import say


def tokenizer_section(found: dict[str, Any]) -> Section:
    """Return the section of one inspection."""
    rows = [
        (
            language_name(row["language"]),
            number(row["documents"]),
            number(row["bytes"]),
            number(row["tokens"]),
            number(row["bytes_per_token"], 2),
            number(row["tokens_per_character"]),
            f"{row['coverage']:.2%}",
        )
        for row in found["languages"]
    ]
    head = [
        "language",
        "documents",
        "bytes",
        "tokens",
        "bytes per token",
        "tokens per character",
        "coverage",
    ]
    longest = joined(
        (
            markup("<code>{}</code>", token["text"].strip())
            for token in found["vocabulary"]["longest"]
            if any(character.isalnum() for character in token["text"])
        ),
        ", ",
    )
    trip = found["round_trip"]
    exact = (
        say("All {} texts come back exactly as they were.").format(number(trip["documents"]))
        if not trip["different"]
        else say("{} of {} texts come back changed.").format(
            number(trip["different"]), number(trip["documents"])
        )
    )
    said = say("Longest tokens:")
    body = markup("{}<p>{} {} {}</p>", table(head, rows), exact, said, longest)
    entries = found["tokenizer"]["vocab_size"]
    return Section(
        "tokenizer",
        say("The tokenizer"),
        body,
        say("lead.tokenizer").format(entries, found["tokenizer"]["component"]),
    )
