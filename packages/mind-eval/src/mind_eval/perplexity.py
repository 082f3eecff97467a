"""Bits per byte and nats per token of held-out text, by language and source.

Every document is read after one first token (BOS, or the end token of a tokenizer without one), in
windows of the model's context; each token is predicted once, and past the first window with at
least `overlap` tokens before it. Nats per token count the end of a document too; bits per byte
count the text's tokens over its UTF-8 bytes, so that they compare across tokenizers and languages.
Both are as in mind-train's validation, except that there documents of a group stand one after
another.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mind_core import MindError, Record
from mind_core.errors import BadRecord
from mind_core.records import decode, text_of
from mind_core.stream import read_batches
from mind_core.text.languages import language_of
from mind_eval.finite import check_finite
from mind_eval.scoring import BATCH_TOKENS, ScoredSequence, score
from mind_eval.significance import ratio_over_blocks

if TYPE_CHECKING:
    from mind_eval.models.model import Model

BATCHES_AT_ONCE = 8
"""Windows of so many batches are sorted by length together: bounds memory, keeps batches even."""

TOP = (1, 5, 10)
"""Among how many of the likeliest tokens the right one is looked for."""

Key = tuple[str, str]
BLOCKS = 32
"""Texts are put into so many blocks by their content: memory is bounded, and an interval of the
difference of two runs needs no more (a jackknife over blocks)."""

Waiting = tuple[int, Key, int, ScoredSequence, bool]
"""Number of the record, its group and block, a window of it, and whether that is its last."""


@dataclass
class PerplexitySums:
    """Sums over documents; ratios are taken at the end, so that they add up rightly."""

    documents: int = 0
    tokens: int = 0
    bytes: int = 0
    nats: float = 0.0
    text_nats: float = 0.0
    blocks: list[list[float]] = field(default_factory=lambda: [[0.0, 0] for _ in range(BLOCKS)])
    """Nats and bytes of the texts of each block, by which two runs are compared."""

    within: dict[int, int] = field(default_factory=dict)
    """Tokens of the texts that are among the k likeliest, by k."""

    ranked: list[dict[int, int]] = field(default_factory=lambda: [{} for _ in range(BLOCKS)])
    """The same of each block, with its tokens under 0."""

    def add(self, other: PerplexitySums) -> None:
        """Add another group's sums."""
        self.documents += other.documents
        self.tokens += other.tokens
        self.bytes += other.bytes
        self.nats += other.nats
        self.text_nats += other.text_nats
        for one, more in (
            (self.within, other.within),
            *zip(self.ranked, other.ranked, strict=True),
        ):
            for k, count in more.items():
                one[k] = one.get(k, 0) + count
        for mine, theirs in zip(self.blocks, other.blocks, strict=True):
            mine[0] += theirs[0]
            mine[1] += theirs[1]

    def as_dict(self) -> dict[str, Any]:
        """Give counts and ratios; a ratio over nothing is None."""
        # `tokens` counts the end token of each document, which belongs to no text.
        texts = self.tokens - self.documents  # without the end of each
        found: dict[str, Any] = {
            "documents": self.documents,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "nats_per_token": self.nats / self.tokens if self.tokens else None,
            "bits_per_byte": self.text_nats / math.log(2) / self.bytes if self.bytes else None,
            "bits_per_byte_stderr": self._error([(b[0] / math.log(2), b[1]) for b in self.blocks]),
            "blocks": self.blocks,
        }
        if self.within:
            found["in_top"] = {
                str(k): count / texts if texts else None for k, count in self.within.items()
            }
            found["in_top_stderr"] = {
                str(k): self._error([(b.get(k, 0), b.get(0, 0)) for b in self.ranked])
                for k in self.within
            }
        return found

    @staticmethod
    def _error(blocks: list[tuple[float, float]]) -> float | None:
        """Estimate the standard error of a ratio over the blocks; None with too few of them."""
        return ratio_over_blocks(blocks)[1] if any(size for _, size in blocks) else None


def block_of(text: str) -> int:
    """Put a text into a block by what it says, so that any run puts it into the same."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % BLOCKS


@dataclass
class HeldOutLoss:
    """The measurement: sums for each (language, source)."""

    overlap: int
    context: int
    groups: dict[Key, PerplexitySums] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Give the section of `scores.json`: each language with its sources, and all together."""
        everything = PerplexitySums()
        languages: dict[str, PerplexitySums] = {}
        for (language, _), sums in sorted(self.groups.items()):
            languages.setdefault(language, PerplexitySums()).add(sums)
            everything.add(sums)
        return {
            "context": self.context,
            "overlap": self.overlap,
            "all": everything.as_dict(),
            "languages": {
                language: {
                    **sums.as_dict(),
                    "sources": {
                        source: inner.as_dict()
                        for (of, source), inner in sorted(self.groups.items())
                        if of == language
                    },
                }
                for language, sums in languages.items()
            },
        }


def measure(
    model: Model,
    records: Iterable[Record],
    *,
    overlap: int | None = None,
    batch_tokens: int = BATCH_TOKENS,
    done: Callable[[int], None] | None = None,
    top: Sequence[int] = (),
) -> HeldOutLoss:
    """Measure a model on records with `text`; `overlap` is half of the context by default.

    `top` asks how many tokens are among the k likeliest, for each of some k.

    Raises `MindError` for an overlap outside 1 … context, and if there is no text at all.
    """
    context = model.context
    overlap = max(1, context // 2) if overlap is None else overlap
    if not 1 <= overlap <= context:
        raise MindError(
            f"an overlap of {overlap} tokens does not fit a context of {context}",
            hint="1 is fastest, half of the context is the default, the context is slowest",
        )
    result = HeldOutLoss(overlap, context)
    waiting: list[Waiting] = []
    held = 0
    for number, record in enumerate(records, 1):
        text = text_of(record, f"held-out record {number}")
        key = (language_of(record), str(record.get("source") or "unnamed"))
        sums = result.groups.setdefault(key, PerplexitySums(within=dict.fromkeys(top, 0)))
        sums.documents += 1
        sums.bytes += len(text.encode())
        block = block_of(text)
        sums.blocks[block][1] += len(text.encode())
        # The first token is read but never predicted, hence one less.
        tokens = model.document_ids(text)
        sums.tokens += len(tokens) - 1
        for window, last in windows(tokens, context, overlap):
            waiting.append((number, key, block, window, last))
            held += len(window.tokens)
            # Windows wait for others of their length: by themselves the short last ones of
            # documents would make batches of little but padding.
            if held >= BATCHES_AT_ONCE * batch_tokens:
                _settle(model, waiting, result, batch_tokens)
                waiting, held = [], 0
                if done is not None:
                    done(number)
    _settle(model, waiting, result, batch_tokens)
    if not result.groups:
        raise MindError("the held-out stream has no record", hint="check --heldout")
    return result


def read_texts(inputs: Sequence[str], limit: int | None = None) -> Iterator[Record]:
    """Yield records with `text`; the first that has none raises `BadRecord` with file and line."""
    count = 0
    try:
        for batch in read_batches(inputs):
            for number, line in batch.lines():
                if limit is not None and count >= limit:
                    return
                record = decode(line, batch.position(number))
                text_of(record, batch.position(number))
                yield record
                count += 1
    except BadRecord as error:
        if error.hint and "--skip-bad" in error.hint:
            # The reader's hint names an option that this command lacks on purpose: leaving records
            # out would change the figure silently.
            error.hint = "mend the line, or take it out: every held-out record counts"
        raise


def windows(tokens: list[int], context: int, overlap: int) -> Iterator[tuple[ScoredSequence, bool]]:
    """Cut tokens so that each but the first is predicted once; tell whether a window is the last.

    The model reads at most `context` tokens; what is predicted past the first window has at least
    `overlap` tokens before it.
    """
    predicted, size = 1, len(tokens)
    while predicted < size:
        # A window reads tokens[start : stop - 1], so at most `context` of them; with the first
        # predicted one `overlap` places in, the rest of the window is `context - overlap + 1` long.
        stop = min(size, predicted + (context if predicted == 1 else context - overlap + 1))
        start = max(0, stop - 1 - context)
        yield ScoredSequence(tuple(tokens[start:stop]), stop - predicted), stop == size
        predicted = stop


def _settle(
    model: Model,
    waiting: list[Waiting],
    result: HeldOutLoss,
    batch_tokens: int,
) -> None:
    found = [window for _, _, _, window, _ in waiting]
    ranked = any(sums.within for sums in result.groups.values())
    answers = score(model.network, found, batch_tokens=batch_tokens, ranks=ranked)
    for (number, key, block, _, last), answer in zip(waiting, answers, strict=True):
        sums = result.groups[key]
        check_finite(answer.total, f"held-out record {number} ({'/'.join(key)})", model.named)
        nats = -math.fsum(answer.logprobs)
        sums.nats += nats
        # The last token of the last window is the end of the document; log-probabilities are
        # negative, so adding takes its nats away.
        of_text = nats + (answer.logprobs[-1] if last else 0.0)
        sums.text_nats += of_text
        sums.blocks[block][0] += of_text
        if sums.within:
            ranks, counts = answer.ranks[: -1 if last else None], sums.ranked[block]
            counts[0] = counts.get(0, 0) + len(ranks)
            for k in sums.within:
                count = sum(rank < k for rank in ranks)
                sums.within[k] += count
                counts[k] = counts.get(k, 0) + count
