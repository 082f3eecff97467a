"""Turn ids back into text: of records that carry them, and of shard folders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mind_core import MindError, Record
from mind_core.errors import BadRecord
from mind_core.plugins import Plugins
from mind_core.records import encode, field
from mind_core.runner import BatchResult
from mind_core.special_tokens import CONTROL_TOKENS
from mind_core.stream import Batch
from mind_tok.shard_writer import SPLITS
from mind_tok.shards import ShardSet
from mind_tok.tokenizer import Tokenizer


@dataclass(frozen=True)
class TokenDecoder:
    """Work on a batch: `ids` become `text`."""

    tokenizer: Tokenizer
    show_control: bool = False

    def __call__(self, batch: Batch) -> BatchResult:
        """Return the outcome of one batch."""
        outcome = BatchResult()
        for position, line, record in outcome.records(batch):
            try:
                ids = field(record, "ids", position, list)
                # `type`, as true is an int to isinstance.
                if not all(type(i) is int for i in ids):
                    raise BadRecord(
                        "wrong_type", position, line, cause="'ids' must be whole numbers"
                    )
                text = decode_ids(self.tokenizer, ids, self.show_control)
            except BadRecord as error:
                if "ids" not in record:
                    error.hint = "`mind-tok encode -t TOKENIZER FILE | mind-tok decode …`"
                outcome.bad.append((error, line))
            except MindError as error:
                outcome.bad.append(
                    (BadRecord("foreign_ids", position, line, cause=error.message), line)
                )
            else:
                del record["ids"]
                record.pop("mask", None)
                record["text"] = text
                outcome.keep(encode(record))
        return outcome


def decode_ids(tokenizer: Tokenizer, ids: Sequence[int], show_control: bool = False) -> str:
    """Return the text of ids, with the names of control tokens in their places if wanted."""
    if not show_control:
        return tokenizer.decode(ids)
    names = {i: name for name, i in tokenizer.special_ids.items() if name in CONTROL_TOKENS}
    parts = []
    # Runs, not single ids: the bytes of a character may lie in several tokens.
    for control, group in groupby(ids, key=lambda i: i in names):
        run = list(group)
        parts += [names[i] for i in run] if control else [tokenizer.decode(run)]
    return "".join(parts)


def shard_records(
    folder: Path,
    show_control: bool = False,
    plugins: Plugins | None = None,
    *,
    verify: bool = False,
) -> Iterator[Record]:
    """Yield each document of a shard folder as a record; its `id` is "shard:number".

    Raises `MindError` for a changed folder, as `ShardSet.open` does.
    """
    tokenizer = None
    for split in SPLITS:
        shards = ShardSet.open(folder, split, verify=verify)
        tokenizer = tokenizer or shards.load_tokenizer(plugins)
        for index, shard in enumerate(shards.shards):
            for number in range(shard.documents):
                document = shards.document(index, number)
                yield {
                    "id": f"{shard.name}:{number}",
                    "text": decode_ids(tokenizer, document.ids.tolist(), show_control),
                    "source": document.group.source,
                    "metadata": {"lang": document.group.language, "split": split},
                }
