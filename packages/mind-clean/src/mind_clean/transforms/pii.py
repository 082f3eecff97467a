"""Replace private data by special tokens (MindLLM §2, step 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mind_clean.annotations import TOOL, annotated
from mind_clean.pii_rules.digit_windows import number_windows
from mind_clean.pii_rules.rules import PAPER, RULES
from mind_core import Record
from mind_core.records import annotation

Span = tuple[int, int, str]

# One character for one, so that spans in the folded text are those of the text itself.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xA0: 0x20}
# Brackets and signs matter beside a digit only. One set comes first, so that the scan is quick.
_WIDE = re.compile("[０-９＠（）＋－\u00a0](?:(?<=[０-９＠])|(?=[0-9+])|(?<=[0-9].))")
_WIDE_DIGIT = re.compile("[０-９＠]")


@dataclass(frozen=True)
class Pii:
    """Replace resident ID numbers, mobile numbers and e-mail addresses by special tokens.

    Counts are noted as `metadata.mind.clean.pii`; with `spans`, which --mark turns on, also
    `pii_spans`: [start, end, kind] in code points of the text as it leaves this step. With
    `mask = false` the text stays and the spans hold the data itself.
    """

    kinds: tuple[str, ...] = PAPER
    mask: bool = True
    spans: bool = False

    def __post_init__(self) -> None:
        """Refuse a kind that has no rule."""
        object.__setattr__(self, "kinds", tuple(self.kinds))
        for kind in self.kinds:
            if kind not in RULES:
                raise ValueError(f"no rule for {kind!r}; there are {', '.join(RULES)}")

    def prepare(self) -> None:
        """Import the rules before workers start."""
        for kind in self.kinds:
            RULES[kind].find  # noqa: B018

    def __call__(self, record: Record) -> Record:
        """Return the record with its private data replaced and counted."""
        text = record["text"]
        found = find_pii(text, self.kinds)
        if not found:
            return record
        known = annotation(record, TOOL).get("pii")
        counts: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
        for _, _, kind in found:
            counts[kind] = counts.get(kind, 0) + 1
        notes: dict[str, Any] = {"pii": counts}
        if self.mask:
            text, found = masked(text, found)
        if self.spans:
            notes["pii_spans"] = [list(span) for span in found]
        return annotated({**record, "text": text}, **notes)


def find_pii(text: str, kinds: Iterable[str] = PAPER) -> list[Span]:
    """Return the spans of private data in order; none overlaps another.

    Full-width digits and letters are read as plain ones; the spans are those of the text itself.
    """
    folded = text if text.isascii() else _folded(text)
    wanted = set(kinds)
    everywhere = [(0, len(folded))]
    near_numbers = number_windows(folded)
    found: list[Span] = []
    # In the order of the rules, whatever the order of `kinds`: the first that takes a number has
    # it.
    for kind, rule in RULES.items():
        if kind not in wanted:
            continue
        spans = [
            (start, end, kind)
            for low, high in (near_numbers if rule.numbers else everywhere)
            for start, end in rule.find(folded, low, high)
        ]
        if spans:
            spans = _apart(spans)
            # What one rule has taken, the next ones do not see.
            folded = _replaced(folded, spans, lambda start, end, _: "\0" * (end - start))
            found += spans
    return sorted(found)


def _apart(spans: list[Span]) -> list[Span]:
    """Return spans in order, of those that overlap the first and longest one."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


def _folded(text: str) -> str:
    """Return the text with plain digits and signs, character for character."""
    if _WIDE.search(text) is None:
        return text
    if _WIDE_DIGIT.search(text):
        return text.translate(_FULL_WIDTH)
    return _WIDE.sub(lambda sign: chr(_FULL_WIDTH[ord(sign[0])]), text)


def masked(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Return the text with tokens for the spans, and where the tokens are."""
    moved: list[Span] = []
    shift = 0
    for start, end, kind in spans:
        token = RULES[kind].token
        moved.append((start + shift, start + shift + len(token), kind))
        shift += len(token) - (end - start)
    return _replaced(text, spans, lambda _start, _end, kind: RULES[kind].token), moved


def _replaced(text: str, spans: list[Span], by: Callable[[int, int, str], str]) -> str:
    parts: list[str] = []
    last = 0
    for start, end, kind in spans:
        parts += (text[last:start], by(start, end, kind))
        last = end
    parts.append(text[last:])
    return "".join(parts)
