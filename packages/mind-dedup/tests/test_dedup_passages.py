"""Passages of so many tokens that repeat exactly are taken out, or marked, where they repeat."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dedup_making import han_text

from mind_core.output import write_records
from mind_core.records import Record
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_dedup.char_folding import tables
from mind_dedup.passages import (
    PARTS,
    RepeatedHashes,
    WaitingHashes,
    by_part,
    cut_of,
    windows_of,
)

NOTICE = " ".join(f"word{n}" for n in range(60))


def run(folder: Path, records: list[Record], *arguments: object, code: int = 0) -> list[Record]:
    write_records(folder / "in.jsonl", records)
    out = folder / "out.jsonl"
    result = run_tool(
        "mind-dedup",
        [folder / "in.jsonl", "-o", out, "--scope", "passage", "--allow", *map(str, arguments)],
    )
    assert result.code == code, result.stderr
    return list(read_records([out])) if not code else []


def token_spans(text: str) -> list[tuple[int, int]]:
    """Return the tokens of a text by the table of kinds, as the loop should cut it."""
    marks = "".join("·w,,x"[min(int(tables().kinds[min(ord(c), 0x3FFFF)]), 4)] for c in text)
    return [match.span() for match in re.finditer(r"w[wx]*|,", marks)]


def expected(texts: list[str], size: int) -> list[set[int]]:
    """Return the tokens of each text that lie in a run that was there before, the slow way."""
    seen: set[str] = set()
    found = []
    for text in texts:
        spans, gone = token_spans(text), set()
        for at in range(len(spans) - size + 1):
            run = text[spans[at][0] : spans[at + size - 1][1]]
            gone |= set(range(at, at + size)) if run in seen else set()
            seen.add(run)
        found.append(gone)
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_goes_is_what_a_plain_search_finds(jobs: int, tmp_path: Path) -> None:
    rng = random.Random(7)
    stock = [han_text(n, 25) for n in range(3)] + [
        "the ship left — port\u00adside at 5\n",
        "x-y z. ",
    ]
    texts = ["".join(rng.choice(stock) for _ in range(rng.randrange(1, 7))) for _ in range(40)]
    size = 12
    wanted = expected(texts, size)
    assert sum(map(bool, wanted)) > 20
    records: list[Record] = [{"id": n, "text": text} for n, text in enumerate(texts)]
    marked = run(tmp_path, records, "--mark", "--set", f"scope.min_tokens={size}", "-j", jobs)
    for text, record, gone in zip(texts, marked, wanted, strict=True):
        assert record["text"] == text
        note = record.get("metadata", {}).get("mind", {}).get("dedup", {})
        covered = {
            at
            for at, (begin, end) in enumerate(token_spans(text))
            if any(b <= begin and end <= e for b, e, _ in note.get("spans", []))
        }
        assert covered == gone


def test_a_passage_goes_with_what_follows_it_and_says_where_it_was_first(tmp_path: Path) -> None:
    records: list[Record] = [
        {"id": "a", "text": f"First. {NOTICE}. The end.", "source": "s"},
        {"id": "b", "text": f"Second page.\n{NOTICE}.\nIt goes on.", "source": "s"},
        {"id": "c", "text": f"Third, {NOTICE}.\nAnother line.", "source": "s"},
        {"id": "d", "text": f"{NOTICE}.", "source": "s"},
        {"id": "e", "text": NOTICE.replace("word30", "Word30"), "source": "s"},
    ]
    rejects = tmp_path / "gone.jsonl"
    kept = run(tmp_path, records, "--rejects", rejects)
    assert [r["text"] for r in kept] == [
        records[0]["text"], "Second page.\nIt goes on.", "Third, \nAnother line.",
        records[4]["text"],
    ]  # fmt: skip
    gone = list(read_records([rejects]))
    told = [r["metadata"]["mind"]["rejected"] for r in gone]
    assert [(r["id"], t["reason"]) for r, t in zip(gone, told, strict=True)] == [
        ("b", "repeated_passage"), ("c", "repeated_passage"), ("d", "repeated_passage"),
        ("d", "nothing_left"),
    ]  # fmt: skip
    assert told[0]["duplicate_of"] == "a" and told[0]["step"] == told[0]["unit"] == "passage"
    assert told[0]["duplicate_at"].endswith("in.jsonl:1")
    assert gone[0]["text"] == f"{NOTICE}.\n"


def test_a_passage_of_49_tokens_stays_and_copies_can_be_asked_for(tmp_path: Path) -> None:
    short, long = " ".join(NOTICE.split()[:49]), " ".join(NOTICE.split()[:50])
    for text, size in ((short, 49), (long, 50)):
        records: list[Record] = [{"id": n, "text": f"{n}n: {text}; {n}m"} for n in range(3)]
        kept = run(tmp_path, records)
        changed = [
            r["id"] for r, own in zip(kept, records, strict=True) if r["text"] != own["text"]
        ]
        assert changed == ([1, 2] if size == 50 else [])
    three = run(tmp_path, records, "--set", "scope.min_copies=3", "--set", "scope.keep_first=false")
    assert [r["text"] for r in three] == [f"{n}n: {n}m" for n in range(3)]
    assert run(tmp_path, records[:2], "--set", "scope.min_copies=3") == records[:2]


def test_a_text_that_repeats_itself_keeps_its_first_round(tmp_path: Path) -> None:
    rounds = f"{NOTICE} | "
    (kept,) = run(tmp_path, [{"id": 1, "text": rounds * 5 + "end"}])
    assert kept["text"].startswith(rounds) and kept["text"].endswith("end")
    assert kept["text"].count("word59") == 1


def test_hashes_that_wait_say_which_repeat() -> None:
    from numpy import array, uint64

    waiting = WaitingHashes()
    for hashes in ([1, 2**63, 7], [2**63, 2**64 - 1, 7], [7]):
        waiting.add(*by_part(array(hashes, uint64)))
    assert waiting.repeated(2).tolist() == [7, 2**63]
    assert waiting.repeated(3).tolist() == [7]
    assert len(by_part(array([5], uint64))[1]) == PARTS


def test_runs_are_of_exact_bytes_and_know_their_place() -> None:
    texts = ["é b c d", "É b c d", "x é b c d", "", "a  b c d"]
    found = windows_of(texts, 3)
    assert found.row_ends.tolist() == [2, 4, 7, 7, 9]
    spans = list(zip(found.firsts.tolist(), found.lasts.tolist(), strict=True))
    assert spans[:2] == [(0, 6), (3, 8)]
    same = found.hashes[0] == found.hashes[5], found.checks[0] == found.checks[5]
    assert same == (True, True) and found.hashes[0] != found.hashes[2]
    assert len({*found.hashes.tolist()}) == len({*found.checks.tolist()}) == 5
    assert cut_of("é b c, d", 0, 6, "é b c, d".encode()) == (0, 7)


@pytest.mark.parametrize(
    "arguments",
    [("--index", "i"), ("--keep", "longest"), ("--clusters", "c"), ("--memory", "1G"),
     ("--set", "scope.min_tokens=1"), ("--report", "r"), ("--weights", "fineweb2")],
)  # fmt: skip
def test_what_does_not_go_with_passages_is_refused(arguments: Any, tmp_path: Path) -> None:
    run(tmp_path, [{"id": 1, "text": "a"}], *arguments, code=2)


def test_the_table_of_repeated_hashes_has_bits_and_finds_all() -> None:
    """Two to four bytes a hash, which is memory that a large corpus has to have."""
    draw = np.random.default_rng(0)
    hashes = np.unique(draw.integers(0, 1 << 63, 50_000).astype(np.uint64))
    table = RepeatedHashes(hashes)
    assert table._bits.nbytes <= 4 * len(hashes)
    asked = np.concatenate([hashes[::7], draw.integers(0, 1 << 63, 9000).astype(np.uint64)])
    places, numbers = table.find(asked)
    assert places.tolist() == np.flatnonzero(np.isin(asked, hashes)).tolist()
    assert (hashes[numbers] == asked[places]).all()
