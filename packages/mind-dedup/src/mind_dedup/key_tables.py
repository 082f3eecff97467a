"""Tables of keys, one after the other: what is more than one holds, or beyond 32 bits, goes on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mind_core.kernels.hashing import Hashes
from mind_dedup import key_table
from mind_dedup.key_table import FULL, KeyTable
from mind_dedup.store import IntArray, Store


class KeyTables:
    """Hold the keys of the records kept so far in as many tables as it takes.

    A table holds 2³² slots, and the numbers of its records from its first on in 32 bits; the
    numbers outside are 64 bits wide. A search asks each table.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: list[KeyTable] = []
        self._firsts: list[int] = []
        self.foreseen = 0
        for first, stop in self._parts():
            self._begin(first, stop)
        if not self._tables:
            self._begin(0, None)

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    @property
    def bytes_held(self) -> int:
        """Return the memory that the tables hold."""
        return sum(table.bytes_held for table in self._tables)

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return where a key may be known, and to which record, as `KeyTable.find`."""
        found = [table.find(keys) for table in self._tables]
        if len(found) == 1:
            return found[0]
        places, numbers = (np.concatenate(column) for column in zip(*found, strict=True))
        # Stable: within a place earlier tables, which have the lower numbers, stay in front.
        order = np.argsort(places, kind="stable")
        return places[order], numbers[order]

    def add(self, keys: Hashes, records: IntArray) -> None:
        """Enter one key of one record at each place; the records are in the store already."""
        last = self._tables[-1]
        if len(records) and self._is_too_much(
            len(last) + len(keys), int(records[-1]) - self._firsts[-1]
        ):
            # Tables are built from whole blocks: the new one begins with the block of
            # these records.
            first = self._store.block_start(int(records[0]))
            self._close(first)
            self._begin(first, None)
            return  # a new table holds what is in the store from there on
        last.foreseen = min(self.foreseen, int(FULL * key_table.MAX_SLOTS))
        last.add(keys, records)

    def _close(self, stop: int) -> None:
        """Let the last table hold what is before a record, whatever the store goes on with."""
        first, store = self._firsts[-1], self._store
        self._tables[-1].records = lambda: store.keys_of_records(first, stop)

    def _begin(self, first: int, stop: int | None) -> None:
        store = self._store
        self._tables.append(KeyTable(lambda: store.keys_of_records(first, stop), first))
        self._firsts.append(first)

    def _parts(self) -> Iterator[tuple[int, int | None]]:
        """Yield the first record of each table that the store's blocks make, and of the next."""
        first = size = number = 0
        for start, keys, rows in self._store.sizes():
            if self._is_too_much(size + keys, start + rows - first) and start > first:
                yield first, start
                first, size = start, 0
            size += keys
            number = start + rows
        if number > first:
            yield first, None

    def _is_too_much(self, keys: int, records: int) -> bool:
        return keys > FULL * key_table.MAX_SLOTS or records >= 1 << 32
