"""Replace sensitive words by a special token, or note where they are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from mind_clean.annotations import TOOL, annotated
from mind_clean.lexicon import SEED
from mind_clean.lexicon_matcher import scan_for
from mind_core import Record
from mind_core.records import annotation
from mind_core.special_tokens import SENSITIVE

_NOTE = "sensitive_words"


@dataclass(frozen=True)
class MaskSensitiveWords:
    """Replace each word of a lexicon by the token <|sensitive|>; note how many of which category.

    With `spans`, which --mark turns on, `sensitive_spans` are noted: [start, end, category] in
    code points of the text as it leaves. With `mask = false` the text stays.
    """

    lexicon: str = SEED
    categories: tuple[str, ...] = ()
    variants: bool = False
    mask: bool = True
    spans: bool = False

    def __post_init__(self) -> None:
        """Refuse a lexicon that cannot be read."""
        object.__setattr__(self, "categories", tuple(self.categories))
        self.prepare()

    def prepare(self) -> None:
        """Make the automaton, which workers then share."""
        scan_for(self.lexicon, self.categories, self.variants)

    def __call__(self, record: Record) -> Record:
        """Return the record with its sensitive words replaced and counted."""
        text = record["text"]
        hits = scan_for(self.lexicon, self.categories, self.variants).find(text)
        if not hits:
            return record
        known = annotation(record, TOOL).get(_NOTE)
        counts: Counter[str] = Counter(known if isinstance(known, dict) else {})
        counts.update(hit.word.category for hit in hits)
        notes: dict[str, Any] = {_NOTE: dict(counts)}
        spans: list[list[Any]] = []
        parts: list[str] = []
        last = length = 0
        for start, end, word in hits:
            shown = SENSITIVE if self.mask else text[start:end]
            parts += (text[last:start], shown)
            # `length` is that of the text as it leaves so far, which spans are counted in.
            length += start - last
            spans.append([length, length + len(shown), word.category])
            length += len(shown)
            last = end
        parts.append(text[last:])
        if self.spans:
            notes["sensitive_spans"] = spans
        return annotated({**record, "text": "".join(parts)}, **notes)
