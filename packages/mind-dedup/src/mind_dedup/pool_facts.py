"""What the report of a pool says of a record: set, language, lengths, benchmark items it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mind_core.chats import ChatFormat
from mind_core.errors import UsageError
from mind_core.records import Record
from mind_core.text.languages import language_of_text
from mind_core.text.ngrams import NgramIndex

NGRAM_TOKENS = 13
MIN_HITS, MIN_SHARE, MAX_TEXTS = 3, 0.5, 10
"""The rule of `mind-clean`'s filter `contamination`, so that the two agree about any record."""

_READER = ChatFormat()


class HeldItem(NamedTuple):
    """A benchmark item that a record holds: its file, the share of its runs, and the first one."""

    file: str
    share: float
    ngram: str


class PoolRecord(NamedTuple):
    """What is told of one record; lengths are in characters, of all turns of a side."""

    set: str
    layout: str
    language: str
    turns: int
    question: int
    answer: int
    not_read: str
    """The reason why its conversation cannot be said without loss, "" where it can."""

    held: HeldItem | None


@dataclass(frozen=True)
class PoolReader:
    """Say of a record what the report counts; runs in the workers."""

    chat: bool
    benchmarks: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Read the benchmark files, so that all workers share one index."""
        if self.benchmarks:
            _index(self.benchmarks)

    def __call__(self, record: Record, text: str, name: str) -> PoolRecord:
        """Return the facts of a record, of which `text` is compared, from a file of that name."""
        source = record.get("source")
        layout, reason, turns = "text", "", 0
        question, answer = "", text
        if self.chat:
            found = _READER.conversations(record)
            said = [message for conversation in found for message in conversation.messages]
            reason = next((str(c.reason) for c in found if c.reason is not None), "")
            layout = found[0].layout if found else ""
            turns = sum(message["role"] == "assistant" for message in said)
            question = "\n".join(m["content"] for m in said if m["role"] != "assistant")
            answer = "\n".join(m["content"] for m in said if m["role"] == "assistant")
        whole = f"{question}\n{answer}"
        return PoolRecord(
            # Without a source the file is the set.
            source if isinstance(source, str) and source else name,
            layout,
            language_of_text(whole),
            turns,
            len(question),
            len(answer),
            reason,
            self._held(whole),
        )

    def _held(self, text: str) -> HeldItem | None:
        if not self.benchmarks:
            return None
        found = _index(self.benchmarks).overlap(text, MIN_HITS, MIN_SHARE)
        if found is None:
            return None
        return HeldItem(found.source, round(found.share, 4), found.ngram)


def short_items(benchmarks: Sequence[str]) -> int:
    """Return how many texts of benchmark files are too short to be looked for."""
    return _index(tuple(benchmarks)).short_texts


@lru_cache(maxsize=1)
def _index(files: tuple[str, ...]) -> NgramIndex:
    from mind_core.text.benchmark_files import benchmark_files, read_texts

    index = NgramIndex(
        ((str(path), read_texts(path)) for path in benchmark_files(files)), NGRAM_TOKENS, MAX_TEXTS
    )
    if not len(index.hashes):
        raise UsageError(
            f"no run of {NGRAM_TOKENS} tokens in the benchmark files",
            hint="name files whose items are longer, or leave --benchmark out",
        )
    return index
