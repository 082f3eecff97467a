"""Prompts in full, an item a record, compressed as they come: as text they would fill memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from mind_core.output import FILE_LEVEL, Output
from mind_core.records import encode
from mind_core.stream import read_records
from mind_core.untrusted import as_written

PROMPTS = "prompts.jsonl.zst"


class KeptPrompts:
    """The prompts of a run's items, in their order.

    Examples that items share compress to almost nothing: the window is longer than a prompt.
    """

    def __init__(self) -> None:
        self._file = BytesIO()
        self._output = Output(self._file, FILE_LEVEL)
        self.count = 0

    def add(self, item: str, prompts: Iterable[str]) -> None:
        """Keep what an item was asked with: one text, or one a choice where they differ."""
        # Choices behind one prompt are in the items; it would be repeated here for each.
        record = {"id": item, "prompts": [str(text) for text in dict.fromkeys(prompts)]}
        self._output.write(encode(record))
        self.count += 1

    def add_samples(self, samples: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Keep the prompts of lm-eval's samples, named as the items are."""
        for task, rows in samples.items():
            for row in rows:
                name = f"{task}/{row['doc'].get('id', row['doc_id'])}"
                self.add(name, (str(asked[0]) for asked in map(tuple, row["arguments"])))

    def finish(self) -> bytes:
        """Return the file; nothing can be added any more."""
        self._output.close()
        return self._file.getvalue()


def read_prompts(folder: Path, wanted: Collection[str]) -> dict[str, list[str]]:
    """Read the prompts of some items of a scores folder; none if the run did not keep them."""
    path = folder / PROMPTS
    if not path.is_file():
        return {}
    with as_written(path):
        return {
            one["id"]: [str(text) for text in one["prompts"]]
            for one in read_records([path])
            if one["id"] in wanted
        }
