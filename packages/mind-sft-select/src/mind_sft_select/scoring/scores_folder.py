"""A folder of scores: a plan, shards that are closed when whole, and a manifest written last."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.files import (
    MANIFEST,
    PARTIAL,
    make_folder,
    read_json,
    write_json,
    write_manifest,
)
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.untrusted import as_written, check_stays_inside
from mind_sft_select.scoring.sums import check_row

FORMAT = "mind-sft-scores"
PLAN = "plan.json"
AGAIN = "give another --scores folder, or remove this one"


def key_of(messages: Any) -> str:
    """Return 16 hexadecimal digits of the hash of a conversation."""
    return hashlib.blake2b(orjson.dumps(messages), digest_size=8).hexdigest()


class ScoresFolder:
    """Shards of rows, one shard for each batch of the input.

    What was scored before a kill is taken from the shards that are there. Raises `UsageError` where
    the folder was made with another model, template or rule, `MindError` where the input changed.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder, self.identity = folder, identity
        self.reused = 0
        self.rows = 0
        self.shards: list[dict[str, Any]] = []
        make_folder(folder)
        check_stays_inside(folder)
        plan = folder / PLAN
        if plan.exists():
            with as_written(plan, AGAIN):
                _refuse_change(folder, dict(read_json(plan)), identity)
        # No plan, but files: somebody's folder. Torn files of a kill before the plan do not count.
        elif any(p for p in folder.iterdir() if not p.name.endswith(PARTIAL)):
            raise UsageError(
                f"{folder} holds other things", hint="give a folder that does not exist yet"
            )
        else:
            write_json(plan, identity)
        for leftover in folder.glob(f".*{PARTIAL}"):
            leftover.unlink()
        # While a run goes on the folder is not complete, even if it was before.
        (folder / MANIFEST).unlink(missing_ok=True)

    def shard(self, number: int) -> Path:
        """Return the path of a shard."""
        return self.folder / f"scores-{number:05d}.jsonl.zst"

    def read(self, number: int, keys: Sequence[str]) -> list[Record] | None:
        """Return the rows of a shard, or None where there is none yet."""
        path = self.shard(number)
        if not path.exists():
            return None
        rows = list(read_records([path]))
        # Shards are found by number, so only the keys tell that the input is still the same.
        if [row.get("key") for row in rows] != list(keys):
            raise MindError(
                f"{path} holds the scores of other records",
                cause="the input changed, or is read in another order or to another length",
                hint="give another --scores folder, or remove this one",
            )
        with as_written(path, AGAIN):
            for row in rows:
                check_row(row)
        self.reused += len(rows)
        self._note(number, rows)
        return rows

    def write(self, number: int, rows: Sequence[Record]) -> None:
        """Write a shard, whole or not at all."""
        write_records(self.shard(number), rows)
        self._note(number, rows)

    def _note(self, number: int, rows: Sequence[Record]) -> None:
        self.rows += len(rows)
        self.shards.append({"name": self.shard(number).name, "rows": len(rows)})

    def finish(self, details: dict[str, Any]) -> None:
        """Write the manifest: the folder is complete."""
        write_manifest(
            self.folder,
            {"format": FORMAT, "version": 1, **self.identity, "rows": self.rows,
             "shards": self.shards, **details},
        )  # fmt: skip


def _refuse_change(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    for key in sorted({*before, *now}):
        if before.get(key) != now.get(key):
            raise UsageError(
                f"{folder} was made with another {key}",
                cause=f"it was {_short(before.get(key))}, now it is {_short(now.get(key))}",
                hint="give another --scores folder, or remove this one",
            )


def _short(value: Any) -> str:
    if isinstance(value, dict) and "fingerprint" in value:
        value = f"{value.get('named')} ({str(value['fingerprint'])[:12]}…)"
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
