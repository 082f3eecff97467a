"""Kept records and their keys come back as they were put, from memory and from disk alike."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from mind_core.batches import Batch
from mind_core.runner import BatchResult
from mind_dedup.compared_text import Restoring
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.input_size import expected_bytes
from mind_dedup.key_table import KeyTable
from mind_dedup.sorted_runs import TieredIndex
from mind_dedup.store import RecordBlock, Remote, Store
from mind_dedup.two_pass import TwoPass

Row = tuple[list[int], list[int], bytes]
SIZES = (3, 1, 4, 2)
"""Records of each block."""


def rows_of(chance: np.random.Generator, count: int) -> list[Row]:
    """Return records: keys, a set, and an id; each has something of its own, and some no key."""
    return [
        (
            chance.integers(0, 2**63, chance.integers(0, 4)).tolist(),
            chance.integers(0, 2**31, 1 + chance.integers(0, 5)).tolist(),
            b'"id-%d"' % chance.integers(0, 10 ** int(chance.integers(1, 9))),
        )
        for _ in range(count)
    ]


def block_of(rows: list[Row]) -> RecordBlock:
    columns: list[Any] = []
    for place, kind in ((0, np.uint64), (1, np.uint32)):
        columns.append(np.array([one for row in rows for one in row[place]], kind))  # type: ignore[union-attr]
        columns.append(np.cumsum([len(row[place]) for row in rows], dtype=np.uint32))
    columns.append(np.frombuffer(b"".join(row[2] for row in rows), np.uint8))
    columns.append(np.cumsum([len(row[2]) for row in rows], dtype=np.uint32))
    return RecordBlock(*columns)


def filled(memory: int) -> tuple[Store, list[Row]]:
    chance = np.random.default_rng(7)
    store, rows = Store(memory), []
    for size in SIZES:
        more = rows_of(chance, size)
        store.put(block_of(more))
        rows += more
    return store, rows


def apart(values: Any, ends: Any) -> list[list[int]]:
    """Return a column cut at its ends."""
    return [part.tolist() for part in np.split(np.asarray(values), np.asarray(ends)[:-1])]


@pytest.mark.parametrize("memory", [0, 200, 1 << 62])
def test_records_come_back_from_memory_and_from_disk(memory: int) -> None:
    store, rows = filled(memory)
    count = len(rows)
    assert len(store) == count == sum(SIZES)
    assert [store.id_of(number) for number in range(count)] == [row[2] for row in rows]
    for asked in ([], [0], [count - 1, 3, 0, 4, 3], list(range(count))):
        found = store.gather(asked)
        if asked:
            assert apart(found.keys, found.key_ends) == [rows[one][0] for one in asked]
            assert apart(found.sets, found.set_ends) == [rows[one][1] for one in asked]
        assert [len(column) for column in found[1::2]] == [len(asked)] * 2
        assert len(found.keys) == sum(len(rows[one][0]) for one in asked)
        assert len(found.sets) == sum(len(rows[one][1]) for one in asked)
    for first in range(count):
        for stop in range(first + 1, count + 1):
            found, ids = store.stretch(first, stop)
            assert ids == [row[2] for row in rows[first:stop]]
            assert apart(found.keys, found.key_ends) == [row[0] for row in rows[first:stop]]
            assert apart(found.sets, found.set_ends) == [row[1] for row in rows[first:stop]]
    firsts = [0, 3, 4, 8]
    assert [store.block_start(number) for number in range(count)] == [0, 0, 0, 3, 4, 4, 4, 4, 8, 8]
    assert [(first, records) for first, _, records in store.sizes()] == list(
        zip(firsts, SIZES, strict=True)
    )
    for first, stop in ((0, None), (3, None), (4, None), (0, 4), (3, 8), (0, 0)):
        pairs = [
            (int(key), int(number))
            for keys, numbers in store.keys_of_records(first, stop)
            for key, number in zip(keys, numbers, strict=True)
        ]
        expected = range(first, count if stop is None else stop)
        assert pairs == [(key, number) for number in expected for key in rows[number][0]]
    assert [len(block.key_ends) for block in store.blocks(4)] == [4, 2]


def test_the_kept_rows_of_a_batch_are_put_with_those_of_their_keys_that_were_entered() -> None:
    rows = rows_of(np.random.default_rng(3), 6)
    both = block_of(rows)
    prints = Fingerprints(
        both.keys, both.key_ends.astype(np.int64), both.sets, both.set_ends.astype(np.int64),
        [row[2] for row in rows], ["a"] * 6, [b"{}"] * 6,
    )  # fmt: skip
    assert [prints.set_of(row).tolist() for row in range(6)] == [row[1] for row in rows]
    odd = both.keys % 2 == 1
    for kept in (range(6), (1, 4, 5)):
        keep = np.isin(np.arange(6), kept)
        store = Store()
        store.add(prints, keep, odd & keep[prints.key_rows()])
        found = store.gather(range(len(store)))
        assert [store.id_of(number) for number in range(len(store))] == [rows[n][2] for n in kept]
        assert apart(found.sets, found.set_ends) == [rows[n][1] for n in kept]
        assert apart(found.keys, found.key_ends) == [
            [key for key in rows[n][0] if key % 2] for n in kept
        ]


def test_the_oldest_blocks_go_to_disk_until_the_others_fit() -> None:
    store, _ = filled(1 << 62)
    sizes = [block.nbytes for block in store._blocks]
    assert store.bytes_held == sum(sizes) and store.bytes_spilled == 0
    for memory, on_disk in ((sum(sizes), 0), (sum(sizes) - 1, 1), (sizes[3], 3), (0, 4)):
        store, _ = filled(memory)
        there = [isinstance(block.keys, Remote) for block in store._blocks]
        assert there == [True] * on_disk + [False] * (4 - on_disk), memory
        assert store.bytes_held == sum(sizes[on_disk:])
        assert store.bytes_spilled == sum(sizes[:on_disk])


def test_an_empty_block_is_no_block_and_a_bound_is_shared_in_four() -> None:
    store = Store()
    store.put(block_of([]))
    assert len(store) == 0 and not list(store.sizes()) and store.memory == 1 << 62
    for memory, share in ((4000, 1000), (None, 1 << 62)):
        tally: Any = SimpleNamespace(plan=SimpleNamespace(streams=True, memory=memory))
        assert TwoPass(tally, mark=False, want_rejects=False).pending.memory == share


def test_keys_of_a_chunk_are_found_part_by_part() -> None:
    """Runs hold the index that was read, the table what came after it."""
    store, rows = filled(0)
    index = TieredIndex(
        store, 1 << 20, lambda first: KeyTable(lambda: store.keys_of_records(first), first)
    )
    new = rows_of(np.random.default_rng(8), 2)
    store.put(block_of(new))
    rows += new
    held = [(key, number) for number, row in enumerate(rows) for key in row[0]]
    added = [(key, number) for key, number in held if number >= sum(SIZES)]
    assert len(added) > 1
    index.add(
        np.array([key for key, _ in added], np.uint64), np.array([number for _, number in added])
    )
    chunk = np.array([5, *(key for key, _ in held[::-1]), 6, held[0][0]], np.uint64)
    index.prepare(chunk)
    begin = 0
    for size in (3, 0, 7, len(chunk)):
        part = chunk[begin : begin + size]
        places, numbers = index.find(part)
        assert list(zip(places.tolist(), numbers.tolist(), strict=True)) == [
            (place, number)
            for place, one in enumerate(part.tolist())
            for key, number in held
            if key == one
        ]
        begin += size


def test_only_rejects_of_this_tool_lose_their_note_and_lines_keep_their_numbers() -> None:
    def line(**metadata: Any) -> dict[str, Any]:
        return {"text": "t"} | ({"metadata": metadata} if metadata else {})

    rejected = {"rejected": {"duplicate_of": "a", "reason": "near"}}
    records = [
        (line(mind=rejected), line()),
        (line(x=1, mind={**rejected, "clean": {}}), line(x=1, mind={"clean": {}})),
        (line(mind={"rejected": {"reason": "too_short"}}),) * 2,
        (line(),) * 2,
        ([1],) * 2,
    ]
    seen: list[list[Any]] = []

    def work(batch: Batch) -> BatchResult:
        seen.append([orjson.loads(line) for _, line in batch.lines() if line != b"no JSON"])
        assert [number for number, _ in batch.lines()] == [3, 4, 5, 6, 7, 8]
        assert batch.first_line == 3 and batch.data.endswith(b"\nno JSON\n")
        return BatchResult()

    data = b"".join(orjson.dumps(before) + b"\n" for before, _ in records) + b"no JSON\n"
    restoring = Restoring(work, frozenset({"rejects"}))
    for name in ("rejects", "other"):
        restoring(Batch(name, 3, data))
    assert seen == [[after for _, after in records], [before for before, _ in records]]


def test_files_that_are_not_packed_hold_their_size(tmp_path: Path) -> None:
    for name, size in (("a", 1000), ("b", 3)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert expected_bytes([str(tmp_path / "a"), str(tmp_path / "b"), "-"]) == 1003
