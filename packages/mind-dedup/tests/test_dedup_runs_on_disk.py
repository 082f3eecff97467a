"""Sorted runs on disk, bounds of the guard, and the curve that people look at."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mind_core.errors import UsageError
from mind_dedup import sorted_runs
from mind_dedup.fingerprint_batch import _first_half, _second_half
from mind_dedup.guard import Guard
from mind_dedup.lsh_estimate import plot_curve
from mind_dedup.signatures.minhash import MinHash
from mind_dedup.sorted_runs import SortedRuns


@pytest.mark.parametrize("piece", [3, 1 << 20])
def test_what_was_written_is_found_at_once_and_counted(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_runs, "_PIECE", piece)
    rng = np.random.default_rng(0)
    runs = SortedRuns()
    assert runs.bytes_on_disk == 0
    held: list[tuple[int, int]] = []
    for size in (1, 7, 40):
        keys = rng.integers(0, 20, size).astype(np.uint64) << np.uint64(40)
        numbers = np.arange(len(held), len(held) + size)
        runs.write(keys, numbers)
        held += zip(keys.tolist(), numbers.tolist(), strict=True)
        assert runs.bytes_on_disk == 12 * len(held)
        wanted = rng.integers(0, 25, 30).astype(np.uint64) << np.uint64(40)
        places, found = runs.find(wanted)
        assert places.tolist() == sorted(places.tolist())
        pairs = sorted(zip(places.tolist(), found.tolist(), strict=True))
        assert pairs == sorted(
            (place, number)
            for place, key in enumerate(wanted.tolist())
            for own, number in held
            if own == key
        )


def test_numbers_of_records_beyond_32_bits_are_kept() -> None:
    runs, first = SortedRuns(), (1 << 40) + 5
    runs.write(np.array([7, 3], np.uint64), np.array([first + 2, first]))
    places, found = runs.find(np.array([3, 4, 7], np.uint64))
    assert (places.tolist(), found.tolist()) == ([0, 2], [first, first + 2])


def test_bounds_of_the_guard_are_taken_up_to_their_ends() -> None:
    Guard(max_removed=0.0, max_cluster=2)
    Guard(max_removed=1.0, max_cluster=3)
    for wrong in ({"max_removed": -0.01}, {"max_removed": 1.01}, {"max_cluster": 1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            Guard(**wrong)  # type: ignore[arg-type]


def test_the_halves_of_a_key_are_all_of_its_hash() -> None:
    halves = [(_first_half(b"%d" % n), _second_half(b"%d" % n)) for n in range(200)]
    for part in range(2):
        values = [half[part] for half in halves]
        assert all(0 <= value < 1 << 64 for value in values)
        for bit in range(64):
            share = sum(value >> bit & 1 for value in values) / len(values)
            assert 0.3 < share < 0.7, "each bit tells keys apart"


def test_the_curve_lies_inside_its_picture() -> None:
    drawn = plot_curve(MinHash())
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn)
    assert size is not None
    line = max(re.findall(r'points="([^"]+)"', drawn), key=len)
    points = [tuple(map(float, pair.split(","))) for pair in line.split()]
    assert len(points) > 20
    assert all(0 <= x <= int(size[1]) and 0 <= y <= int(size[2]) for x, y in points)
    xs, ys = zip(*points, strict=True)
    assert list(xs) == sorted(xs) and list(ys) == sorted(ys, reverse=True)
    across = re.search(r'class="axis"[^>]* x1="(\d+)" x2="(\d+)" y1="(\d+)" y2="\3"', drawn)
    upright = re.search(r'class="axis" x1="(\d+)" x2="\1" y1="(\d+)" y2="(\d+)"', drawn)
    assert across is not None and upright is not None
    corner, top = (float(across[1]), float(upright[3])), (float(across[2]), float(upright[2]))
    assert (points[0], points[-1]) == (corner, top), "from no chance at 0 to a sure one at 1"
