"""Look inside a tokenizer over a stream of records: how short, how complete, how exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import BadRecord
from mind_core.records import text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_core.text.languages import language_of
from mind_tok.tokenizer import Token, Tokenizer

AROUND = 20
"""Characters shown on each side of a difference."""


@dataclass
class TokenizerStats:
    """Counts over some texts."""

    documents: int = 0
    bytes: int = 0
    characters: int = 0
    tokens: int = 0
    in_bytes: int = 0
    """Characters that have no entry and are written in bytes; line feeds, which always are, not."""

    def add(self, other: TokenizerStats) -> None:
        """Add the counts of other texts."""
        self.documents += other.documents
        self.bytes += other.bytes
        self.characters += other.characters
        self.tokens += other.tokens
        self.in_bytes += other.in_bytes

    def as_dict(self) -> dict[str, Any]:
        """Return counts and rates as JSON values; a rate over nothing is null."""
        return {
            "documents": self.documents,
            "bytes": self.bytes,
            "characters": self.characters,
            "tokens": self.tokens,
            "tokens_per_byte": _rate(self.tokens, self.bytes),
            "bytes_per_token": _rate(self.bytes, self.tokens),
            "tokens_per_character": _rate(self.tokens, self.characters),
            "coverage": _rate(self.characters - self.in_bytes, self.characters),
        }


@dataclass
class BatchStats:
    """What one batch, or all of them, showed."""

    tallies: dict[tuple[str, str], TokenizerStats] = field(default_factory=dict)
    """By language and source."""
    used: NDArray[np.int64] | None = None
    """How often each id occurred, (vocab_size,)."""
    different: int = 0
    first: dict[str, Any] | None = None

    def add(self, other: BatchStats) -> None:
        """Add what a later batch showed."""
        for key, tally in other.tallies.items():
            self.tallies.setdefault(key, TokenizerStats()).add(tally)
        if other.used is not None:
            self.used = other.used if self.used is None else self.used + other.used
        self.different += other.different
        # Batches are added in the order of the input, so it is the first of all.
        self.first = self.first or other.first


@dataclass(frozen=True)
class TokenizerInspector:
    """Work on a batch: encode with each tokenizer, count, decode again and compare."""

    tokenizers: tuple[Tokenizer, ...]

    @cached_property
    def split_characters(self) -> list[NDArray[np.bool_]]:
        """Return for each tokenizer and id whether a character begins in it that has no entry."""
        return [
            np.array([_splits_a_character(token) for token in tokenizer.vocabulary()])
            for tokenizer in self.tokenizers
        ]

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome of one batch, with what each tokenizer showed as payload."""
        outcome = BatchResult()
        rows: list[tuple[str, tuple[str, str], str]] = []
        for position, line, record in outcome.records(batch):
            try:
                text = text_of(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            source = record.get("source")
            group = (language_of(record), source if isinstance(source, str) else "unknown")
            rows.append((position, group, text))
        outcome.kept = [b""] * len(rows)
        outcome.payload = [
            _found(tokenizer, split, rows)
            for tokenizer, split in zip(self.tokenizers, self.split_characters, strict=True)
        ]
        return outcome


def _found(
    tokenizer: Tokenizer,
    split: NDArray[np.bool_],
    rows: Sequence[tuple[str, tuple[str, str], str]],
) -> BatchStats:
    """Return what one tokenizer shows on (position, group, text)."""
    found = BatchStats()
    encoded = tokenizer.encode_arrays([text for _, _, text in rows])
    for (position, group, text), ids in zip(rows, encoded, strict=True):
        found.tallies.setdefault(group, TokenizerStats()).add(
            TokenizerStats(1, len(text.encode()), len(text), len(ids), int(split[ids].sum()))
        )
        again = tokenizer.decode(ids.tolist())
        if again != text:
            found.different += 1
            found.first = found.first or {"position": position, **first_difference(text, again)}
    if encoded:
        found.used = np.bincount(np.concatenate(encoded), minlength=tokenizer.vocab_size)
    return found


def report(tokenizer: Tokenizer, found: BatchStats, top: int) -> dict[str, Any]:
    """Return everything that was found as JSON values, with `top` examples in each list."""
    languages: dict[str, TokenizerStats] = {}
    total = TokenizerStats()
    for (language, _), tally in found.tallies.items():
        languages.setdefault(language, TokenizerStats()).add(tally)
        total.add(tally)
    return {
        "tokenizer": {
            "kind": tokenizer.manifest.get("kind"),
            "component": tokenizer.manifest.get("component"),
            "vocab_size": tokenizer.vocab_size,
            "sha256": tokenizer.sha256,
        },
        "groups": [
            {"language": language, "source": source, **tally.as_dict()}
            for (language, source), tally in sorted(found.tallies.items())
        ],
        "languages": [
            {"language": language, **tally.as_dict()}
            for language, tally in sorted(languages.items())
        ],
        "total": total.as_dict(),
        "vocabulary": _vocabulary(tokenizer, found, top),
        "round_trip": {
            "documents": total.documents,
            "different": found.different,
            "first": found.first,
        },
    }


def first_difference(text: str, again: str) -> dict[str, Any]:
    """Return where two texts part, in characters, and what stands there in each."""
    at = next(
        (i for i, (a, b) in enumerate(zip(text, again, strict=False)) if a != b),
        # Where one is the beginning of the other, they part at its end.
        min(len(text), len(again)),
    )
    start = max(0, at - AROUND)
    return {
        "character": at,
        "text": text[start : at + AROUND],
        "decoded": again[start : at + AROUND],
    }


def _vocabulary(tokenizer: Tokenizer, found: BatchStats, top: int) -> dict[str, Any]:
    tokens = tokenizer.vocabulary()
    used = np.zeros(len(tokens), np.int64) if found.used is None else found.used
    texts = [i for i, token in enumerate(tokens) if token.kind == "text"]
    unused = [i for i in texts if not used[i]]
    longest = sorted(texts, key=lambda i: (-len(tokens[i].data), i))[:top]
    kinds: dict[str, int] = {}
    for token in tokens:
        kinds[token.kind] = kinds.get(token.kind, 0) + 1

    def shown(i: int) -> dict[str, Any]:
        text = tokens[i].data.decode("utf-8", "backslashreplace")
        return {"id": i, "text": text, "bytes": len(tokens[i].data), "used": int(used[i])}

    return {
        "kinds": dict(sorted(kinds.items())),
        "unused": len(unused),
        "unused_share": _rate(len(unused), len(texts)),
        # The last entries were learnt last: the ones that a smaller vocabulary would lack.
        "unused_examples": [shown(i) for i in unused[:top]],
        "longest": [shown(i) for i in longest],
    }


def _splits_a_character(token: Token) -> bool:
    """Return whether a character begins in a token and does not end there.

    A byte of its own that is a whole character counts as well, save the line feed.
    """
    if token.kind == "byte" and token.data[:1] < b"\x80":
        return token.data != b"\n"
    if token.kind not in ("byte", "text"):
        return False
    # From the end back to the last lead byte: only a token's last character can be cut off.
    for back in range(1, min(4, len(token.data)) + 1):
        lead = token.data[-back]
        if lead >= 0xC0:
            return back < (2 if lead < 0xE0 else 3 if lead < 0xF0 else 4)
        if lead < 0x80:
            return False
    return False


def _rate(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None
