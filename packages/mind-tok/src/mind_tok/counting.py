"""Texts to counts of words and Chinese runs: what a tokenizer is trained on, without the texts.

A unit is what no entry of a SentencePiece model can reach beyond: a word with the spaces before it,
cut where Chinese and other characters meet. So a model that is trained on counts sees the pairs
that it would see in the texts, however these are cut into parts. For a byte-level BPE it is what
GPT-2's pattern cuts (`GPT2`); such counts say so in each line.
"""

from __future__ import annotations

import heapq
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import orjson

from mind_core.direct import full_disk_hint
from mind_core.errors import BadRecord, MindError
from mind_core.records import encode, text_of
from mind_core.runner import BatchResult
from mind_core.stream import Batch, read_batches
from mind_core.text.scripts import HAN

WORDS, GPT2 = "", "gpt2"
"""How texts are cut into units."""

CUTS = {"bpe": WORDS, "unigram": WORDS, "bytelevel": GPT2}
"""By what is trained on them."""

LONGEST_UNIT = 4096
"""Characters; a longer one is cut, as lines of texts are in training."""

_KANA = "\u3041-\u30fc\u3099\u309a"
_UNIT = re.compile(rf" *[{HAN}{_KANA}]+| *[^ \n\t\0\r\u2581\u2585{HAN}{_KANA}]+| +")
_SLASH, _FEED = b"\\/", b"\\n"
"""How a backslash and a line feed are written in lines that wait on disk."""

_BYTES_PER_UNIT = 150
"""Of memory that a unit and its count take, beside its text."""


def units_of(text: str) -> Iterator[str]:
    """Yield the units of a text; line feeds, tabs and what the trainer reserves are in none."""
    for unit in _UNIT.findall(text):
        if len(unit) <= LONGEST_UNIT:
            yield unit
        else:
            yield from (unit[at : at + LONGEST_UNIT] for at in range(0, len(unit), LONGEST_UNIT))


def gpt2_units(texts: Sequence[bytes]) -> Iterator[str]:
    """Yield what GPT-2's pattern cuts texts in UTF-8 into."""
    from mind_tok.bpe.gpt2_pretokenizer import Gpt2Cuts
    from mind_tok.surrogates import packed

    data, offsets = packed((), texts)
    whole, ends = data.tobytes(), Gpt2Cuts({})(data, offsets)[0].tolist()
    # Not strict: the first list has one more, the end of the last.
    for start, end in zip([0, *ends], ends, strict=False):
        yield whole[start:end].decode()


@dataclass
class UnitCounter:
    """Work on a batch: count the units of its texts; runs in the workers."""

    cut: str = WORDS

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome with a `Counter` as its payload."""
        outcome = BatchResult()
        counts: Counter[str] = Counter()
        texts: list[bytes] = []
        for number, line, record in outcome.numbered_records(batch):
            try:
                text = text_of(record, batch.position(number))
                data = text.encode()  # half a surrogate pair has no place in a model
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            except UnicodeEncodeError as error:
                bad = BadRecord("wrong_type", batch.position(number), line, cause=str(error))
                outcome.bad.append((bad, line))
                continue
            if self.cut == GPT2:
                texts.append(data)
            else:
                counts.update(units_of(text))
            # Counted as kept, with nothing to write.
            outcome.kept.append(b"")
        # All texts of a batch at once: the loop that cuts has a cost for each call.
        counts.update(gpt2_units(texts))
        outcome.payload = counts
        return outcome


class UnitCounts:
    """Hold counts within a bound; what is more waits on disk as sorted runs."""

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.units = 0
        self._counts: Counter[str] = Counter()
        self._bytes = 0
        self._runs: list[BinaryIO] = []

    def add(self, counts: Counter[str]) -> None:
        """Add the counts of a batch."""
        before = len(self._counts)
        self._counts.update(counts)
        # Only units that are new take memory: as much as those of the batch on average.
        new = len(self._counts) - before
        if counts:
            mean = sum(map(len, counts)) / len(counts)
            # Two bytes a character, as Python stores Chinese.
            self._bytes += int(new * (_BYTES_PER_UNIT + 2 * mean))
        if self._bytes > self.memory:
            self._spill()

    def merged(self) -> Iterator[tuple[str, int]]:
        """Yield all units with their counts, in the order of their UTF-8 bytes."""
        # By UTF-8, as the runs and files of counts are: the merge wants one order.
        held = sorted((unit.encode(), count) for unit, count in self._counts.items())
        self._counts.clear()
        runs = [_read(run) for run in self._runs]
        yield from _summed([iter(held), *runs])

    def _spill(self) -> None:
        file = tempfile.TemporaryFile(prefix="mind-tok-")  # noqa: SIM115 - nameless
        try:
            for unit, count in sorted((u.encode(), c) for u, c in self._counts.items()):
                # The backslash first, so that those of line feeds are not written twice.
                file.write(b"%d\t%s\n" % (count, unit.replace(b"\\", _SLASH).replace(b"\n", _FEED)))
            file.flush()
        except OSError as error:
            raise MindError(
                f"cannot write to {tempfile.gettempdir()}, where counts wait",
                cause=error.strerror,
                hint=f"{full_disk_hint(error)}; TMPDIR names another folder",
            ) from None
        self._runs.append(file)
        self._counts.clear()
        self._bytes = 0


def read_counts(paths: Sequence[str | Path], cut: str) -> Iterator[tuple[str, int]]:
    """Yield the units of files of counts with their sums, in the order of their UTF-8 bytes.

    Raises `MindError` with the position of what is no count, is out of order, or was cut otherwise.
    """
    yield from _summed([_counts_in(path, cut) for path in paths])


def cut_of(path: str | Path) -> str:
    """Return how the texts of a file of counts were cut; `WORDS` of an empty file."""
    for batch in read_batches([path]):
        for _, line in batch.lines():
            try:
                return str(orjson.loads(line)["cut"])
            except (ValueError, KeyError, TypeError):
                return WORDS  # what is no count is named when it is read
    return WORDS


class Totals:
    """Pass counts on, and know how many units and occurrences there were."""

    def __init__(self, counts: Iterable[tuple[str, int]]) -> None:
        self._counts = counts
        self.units = self.occurrences = 0

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for unit, count in self._counts:
            self.units += 1
            self.occurrences += count
            yield unit, count


def as_record(unit: str, count: int, cut: str) -> bytes:
    """Return the line of a unit in a file of counts."""
    return encode({"text": unit, "count": count} | ({"cut": cut} if cut else {}))


def _counts_in(path: str | Path, cut: str) -> Iterator[tuple[bytes, int]]:
    last: bytes | None = None
    for batch in read_batches([path]):
        for number, line in batch.lines():
            position = batch.position(number)
            try:
                record = orjson.loads(line)
                unit, count = record["text"].encode(), record["count"]
                found = record.get("cut", WORDS)
            except (ValueError, KeyError, TypeError, AttributeError):
                unit, count, found = b"", 0, cut
            # `type`, as true is an int to isinstance.
            if type(count) is not int or count < 1 or not unit:
                raise MindError(
                    f"{position} is no count",
                    cause='wanted is {"text": …, "count": 1 or more}',
                    hint="`mind-tok count` makes files of counts",
                )
            if found != cut:
                wanted = "bytelevel" if cut == GPT2 else "bpe or unigram"
                raise MindError(
                    f"{position} is a count for another kind of tokenizer",
                    hint=f"these are wanted: mind-tok count --kind {wanted}",
                )
            # Sums come of neighbours in a merge: out of order a unit would be there twice.
            if last is not None and unit <= last:
                raise MindError(
                    f"{position}: {unit.decode()!r} does not come after the unit before it",
                    hint="the lines of a file of counts are sorted; make it again",
                )
            last = unit
            yield unit, count


def _read(run: BinaryIO) -> Iterator[tuple[bytes, int]]:
    run.seek(0)
    for line in run:
        count, _, unit = line[:-1].partition(b"\t")
        # The other way round: no \n can come of a backslash and a letter, as that is \/n.
        yield unit.replace(_FEED, b"\n").replace(_SLASH, b"\\"), int(count)


def _summed(sources: Iterable[Iterator[tuple[bytes, int]]]) -> Iterator[tuple[str, int]]:
    unit, total = b"", 0
    # Each source is sorted, so equal units of all of them come one behind the other.
    for other, count in heapq.merge(*sources):
        if other != unit and total:
            yield unit.decode(), total
            total = 0
        unit, total = other, total + count
    if total:
        yield unit.decode(), total
