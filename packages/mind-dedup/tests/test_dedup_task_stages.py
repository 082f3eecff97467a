"""Stages of jobs by themselves: keys to pairs, and pairs to groups."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mind_dedup.tasks import key_runs
from mind_dedup.tasks.groups import Forest
from mind_dedup.tasks.key_runs import KeyFiles, KeyWriter, pairs_of_part
from mind_dedup.tasks.key_segments import Segment, packed_segment


def test_record_numbers_have_64_bits(tmp_path: Path) -> None:
    base = 3 * 10**9
    made = []
    for number, rows in enumerate(([7, 9], [9, 5])):
        files = KeyFiles.at(tmp_path / str(number))
        writer = KeyWriter(files, 1)
        writer.add(np.array(rows, np.uint64), np.arange(1, 3))
        writer.close()
        made.append((files, base + number * 10**9))
    pairs = np.concatenate(list(pairs_of_part(iter(made), 1, 0, 1 << 20)))
    assert pairs.tolist() == [[base + 1, base + 10**9]]
    forest = Forest(tmp_path / "forest", 10**9)  # of which the file holds nearly nothing
    forest.unite(np.array([[10**9 - 1, 5], [10**9 - 2, 10**9 - 1]]))
    assert forest.roots(np.array([10**9 - 2, 6, 10**9 - 1])).tolist() == [5, 6, 5]
    assert (tmp_path / "forest").stat().st_blocks < 1000


@pytest.mark.parametrize(("parts", "memory"), [(1, 1 << 30), (1, 2000), (5, 500)])
def test_pairs_connect_what_shares_a_key(
    parts: int, memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over ranges, runs of a range, and steps that fit into memory."""
    monkeypatch.setattr(key_runs, "KEYS_PER_RUN", 60)
    chance = np.random.default_rng(parts)
    made, wanted, base = [], set(), 10**11
    first: dict[int, int] = {}
    for number in range(3):
        files = KeyFiles.at(tmp_path / str(number))
        writer = KeyWriter(files, parts)
        for _ in range(4):
            counts = chance.integers(0, 4, 20)
            keys = chance.integers(0, 300, counts.sum()).astype(np.uint64)
            for row, key in zip(np.repeat(np.arange(20), counts), keys.tolist(), strict=True):
                record = base + writer.rows + int(row)
                if first.setdefault(key, record) != record:
                    wanted.add((first[key], record))
            writer.add(keys, np.cumsum(counts))
        writer.close()
        made.append((files, base))
        base += writer.rows
    found = [
        pair
        for part in range(parts)
        for pairs in pairs_of_part(iter(made), parts, part, memory)
        for pair in pairs.tolist()
    ]
    assert set(map(tuple, found)) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_the_connected_components(seed: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(seed)
    pairs = chance.integers(0, 3000, (1500, 2)).astype(np.int64)
    if not seed:  # a long chain
        pairs = np.stack([np.arange(2999), np.arange(1, 3000)], 1)[chance.permutation(2999)]
    forest = Forest(tmp_path / "forest", 3000)
    for part in np.array_split(pairs, 7):
        forest.unite(part)
    found = {int(r): int(root) for both in forest.groups() for r, root in zip(*both, strict=True)}
    root = list(range(3000))
    members = [[record] for record in root]
    for one, other in pairs.tolist():
        low, high = sorted((root[one], root[other]))
        if low != high:
            for record in members[high]:
                root[record] = low
            members[low] += members[high]
    sizes = Counter(root)
    assert found == {r: root[r] for r in range(3000) if sizes[root[r]] > 1}


@pytest.mark.parametrize(
    ("size", "bits", "rows"), [(1, 50, 1), (2, 34, 1 << 20), (999, 38, 70), (5000, 50, 1 << 17)]
)
def test_segments_come_back_whole_and_in_parts(
    size: int, bits: int, rows: int, tmp_path: Path
) -> None:
    chance = np.random.default_rng(size)
    keys = np.sort(chance.integers(0, 1 << bits, size, np.uint64))
    keys[size // 3 : size // 2] = keys[size // 3]  # equal ones, as of a template
    own = chance.integers(0, rows, size, np.uint64)
    data = packed_segment(keys, own, bits)
    (tmp_path / "keys").write_bytes(b"before" + data + b"behind")
    segment = Segment.at(tmp_path / "keys", 6, bits)
    for begin, end in ((0, size), (size // 3, size), (size // 2, size // 2 + 1), (0, 0)):
        found, at = segment.read(begin, end)
        assert (found == keys[begin:end]).all()
        assert (at == own[begin:end]).all()
    if size == 5000:
        assert len(data) < 7.5 * size  # of random rows; eight before
