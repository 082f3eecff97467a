"""Indexes of sketches, indexes put together and made compact, and one threshold after another."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from dedup_making import edited, han_text, run

from mind_core.errors import MindError, UsageError
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_dedup.index_columns import for_index, shortened
from mind_dedup.loops.sketches import HEAD, MIN_BITS, write_sketches
from mind_dedup.shingles import shingle_sets_of
from mind_dedup.store import RecordBlock

SKETCHED = ("--set", "index.sets=sketched")


def size_of(index: Path) -> int:
    return sum(path.stat().st_size for path in index.glob("segment-*"))


def words(seed: int, count: int) -> str:
    random = np.random.default_rng(seed)
    return " ".join(f"w{number}x" for number in random.integers(0, 10**6, count))


def test_a_sketched_index_is_small_and_answers_alike_away_from_the_threshold(
    tmp_path: Path,
) -> None:
    texts = [words(n, 900) for n in range(60)]
    records = [{"id": n, "text": text} for n, text in enumerate(texts)]
    whole, small = tmp_path / "whole", tmp_path / "small"
    assert len(run(tmp_path, records, "--index", str(whole))) == 60
    assert len(run(tmp_path, records, "--index", str(small), *SKETCHED)) == 60
    assert size_of(small) < 0.09 * sum(map(len, texts)) < 0.6 * size_of(whole)
    again = []
    for n, text in enumerate(texts):
        own = text.split()
        every = (400, 60, 12)[n % 3]  # similarities of 0.98, 0.85 and 0.4
        own[::every] = [f"other{n}x{at}y" for at in range(len(own[::every]))]
        again.append({"id": f"again-{n}", "text": " ".join(own)})
    arguments = ("--against", str(small), "--allow", "--compare", "index")
    kept = run(tmp_path, again, *arguments)
    assert kept == [record for n, record in enumerate(again) if n % 3 == 2]
    assert run(tmp_path, records, *arguments) == []
    found = []
    for index in (small, whole):
        rejects = tmp_path / "gone.jsonl"
        against = ("--against", str(index), "--allow", "--compare", "index")
        run(tmp_path, again, *against, "--rejects", str(rejects))
        told = [record["metadata"]["mind"]["rejected"] for record in read_records([rejects])]
        found.append(np.array([one["similarity"] for one in told if one["similarity"] < 0.95]))
    assert len(found[0]) == 20 and abs(found[0] - found[1]).max() < 0.05
    assert abs((found[0] - found[1]).mean()) < 0.01


def test_numbers_and_translated_pages_are_told_apart_in_sketches(tmp_path: Path) -> None:
    small = str(tmp_path / "small")
    law = "".join(han_text(n, 30) + "。" for n in range(14))
    page = words(3, 300)
    first = [
        {"id": "law", "text": law + "处三年以下有期徒刑。"},
        {"id": "page", "text": page.replace("x", "")},
    ]
    run(tmp_path, first, "--index", small, *SKETCHED)
    half = first[1]["text"].split()
    half[40:80] = [han_text(9, 60)]
    new = [
        {"id": 1, "text": law + "处五年以下有期徒刑。"},
        {"id": 2, "text": law + "处三年以下有期徒刑。又及。"},
        {"id": 3, "text": " ".join(half)},
    ]
    kept = run(tmp_path, new, "--against", small, "--compare", "index", "--allow")
    exact = str(tmp_path / "exact")
    run(tmp_path, first, "--index", exact)
    assert kept == run(tmp_path, new, "--against", exact, "--compare", "index", "--allow")
    assert [record["id"] for record in kept] == [1]


def test_a_sketch_holds_facts_and_counts_and_short_sets_stay_as_they_are() -> None:
    short, long = "abc def ghi jkl mno pqr 7", f"{words(1, 500)} 五百三十二年 NASA"
    sets = shingle_sets_of([short, long])
    ends = sets.offsets[1:]
    out = np.empty(len(sets.flat) + 2 * (HEAD + MIN_BITS // 32), np.uint32)
    found = np.empty(2, np.int64)
    assert write_sketches(sets.flat, ends, out, found) == found[1]
    assert out[: found[0]].tolist() == sets[0].tolist()
    sketch = out[found[0] : found[1]]
    facts = sets[1][sets[1] & 3 == 3]
    assert sketch[0] == 0xFFFF0000 | len(facts) and sketch[1] == len(sets[1]) - len(facts)
    assert sketch[4 : 4 + len(facts)].tolist() == facts.tolist()
    set_bits = np.unpackbits(sketch[4 + len(facts) :].view(np.uint8)).sum()
    assert 0.7 * sketch[1] < set_bits <= sketch[1]


def test_an_index_made_for_one_threshold_serves_higher_ones(tmp_path: Path) -> None:
    records = edited(120)
    index = str(tmp_path / "index")
    run(tmp_path, records[:60], "--index", index)
    other = str(tmp_path / "other")
    run(tmp_path, records[:60], "--index", other, "--threshold", "0.9")
    higher = run(tmp_path, records[60:], "--against", index, "--threshold", "0.9", "--allow")
    assert higher == run(
        tmp_path, records[60:], "--against", other, "--threshold", "0.9", "--allow"
    )
    run(tmp_path, records[60:], "--index", index, "--threshold", "0.9", "--allow")
    with pytest.raises(MindError, match="keys of scheme"):
        run(tmp_path, records[60:], "--against", other)


def test_indexes_are_put_together_and_made_compact(tmp_path: Path) -> None:
    records = edited(300)
    for name, part in (("a", records[:120]), ("b", records[120:])):
        for begin in range(0, len(part), 50):
            run(tmp_path, part[begin : begin + 50], "--index", str(tmp_path / name), "--allow")
    both = tmp_path / "both"
    merging = ["--index", both, "--merge", tmp_path / "a", "--merge", tmp_path / "b"]
    result = run_tool("mind-dedup", merging)
    assert result.code == 0 and "2 segments" in result.stderr
    told = [json.loads((tmp_path / name / "manifest.json").read_text())["records"] for name in "ab"]
    manifest = json.loads((both / "manifest.json").read_text())
    assert manifest["records"] == sum(told)
    assert run(tmp_path, records, "--against", str(both), "--allow") == []
    assert run_tool("mind-dedup", ["--index", tmp_path / "a", "--compact"]).code == 0
    assert [path.name for path in sorted((tmp_path / "a").glob("segment-*"))] == [
        "segment-000004.mdx"
    ]
    assert run(tmp_path, records[:120], "--index", str(tmp_path / "a"), "--allow") == []
    run(tmp_path, [{"id": 1, "text": han_text(77, 99)}], "--index", str(tmp_path / "a"))
    names = sorted(path.name for path in (tmp_path / "a").glob("segment-*"))
    assert names == ["segment-000004.mdx", "segment-000005.mdx"]


def test_indexes_that_differ_or_are_none_are_not_put_together(tmp_path: Path) -> None:
    run(tmp_path, edited(20), "--index", str(tmp_path / "a"))
    run(tmp_path, edited(20), "--index", str(tmp_path / "s"), *SKETCHED)
    for arguments, error in (
        (["--index", tmp_path / "a", "--merge", tmp_path / "s"], "has sets 'sketched'"),
        (["--index", tmp_path / "a", "--merge", tmp_path / "a"], "is the index itself"),
        (["--index", tmp_path / "none", "--compact"], "no index"),
        (["--merge", tmp_path / "a"], "name it"),
        (["--index", tmp_path / "a", "--compact", tmp_path / "in.jsonl"], "read no records"),
    ):
        result = run_tool("mind-dedup", arguments)
        assert result.code in (1, 2) and error in result.stderr
    assert run(tmp_path, edited(20), "--against", str(tmp_path / "a"), "--allow") == []


def test_what_is_damaged_while_it_is_read_is_named(tmp_path: Path) -> None:
    index = tmp_path / "index"
    run(tmp_path, edited(50), "--index", str(index))
    from mind_dedup.store import Remote

    (segment,) = index.glob("segment-*")
    with segment.open("rb") as file:
        column = Remote(file, 8, 100, "<u8")
        os.truncate(segment, 64)
        with pytest.raises(MindError, match=r"segment-000001\.mdx is damaged"):
            column[:]


def test_shortened_keys_keep_their_upper_half_and_come_back() -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, 1000, dtype=np.uint64)
    short = shortened(keys)
    assert (short >> np.uint64(32) == keys >> np.uint64(32)).all()
    assert (shortened(short) == short).all() and len(np.unique(short & np.uint64(0xFFFF))) > 900
    ends = np.array([1000], np.uint32)
    block = RecordBlock(keys, ends, np.zeros(1, np.uint32), ends, np.zeros(1, np.uint8), ends)
    assert for_index(block, "exact").keys.dtype == np.uint32


def test_no_index_to_go_on_with_is_a_wrong_call(tmp_path: Path) -> None:
    from mind_dedup.index_upkeep import upkeep

    with pytest.raises(UsageError, match="there is no index"):
        upkeep(tmp_path / "none", [], True, True)
