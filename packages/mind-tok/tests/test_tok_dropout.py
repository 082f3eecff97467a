"""BPE dropout: the same for any number of workers, and the loops do what the paper says."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mind_core.errors import UsageError
from mind_core.output import write_records
from mind_core.records import Record
from mind_core.testing import run_tool
from mind_tok.bpe.dropout import MODULUS
from mind_tok.bytelevel import ByteLevel
from mind_tok.decode import shard_records
from mind_tok.loading import make_plugins
from mind_tok.sentencepiece import Bpe, Unigram
from mind_tok.shards import ShardSet
from mind_tok.subword_sampling import BpeDropout
from mind_tok.surrogates import packed

ODD = [
    "",
    " ",
    "  the 中文\n\n",
    "\u2581 𠮷 \u0378 x",
    "<|phone|><|phone|>",
    "字" * 700 + "a" * 700,
]


@pytest.fixture(scope="module", params=["bpe", "bytelevel"])
def kind(request: pytest.FixtureRequest, records: list[Record]) -> Any:
    texts = [record["text"] for record in records]
    return (Bpe() if request.param == "bpe" else ByteLevel()).train(texts, 600)


@pytest.fixture(scope="module")
def all_texts(records: list[Record]) -> list[str]:
    return [*(record["text"] for record in records), *ODD]


def ids_of(kind: Any, texts: list[str], share: float, seed: int = 1) -> list[list[int]]:
    cuts, merges = kind.loops()
    data, offsets = packed(texts)
    seeds = np.arange(seed, seed + len(texts), dtype=np.int64)
    flat, ends = merges.dropped(data, *cuts(data, offsets), -1, share, seeds)
    return [row.tolist() for row in np.split(flat, ends[:-1])]


def test_nothing_left_out_is_the_usual_encoding(kind: Any, all_texts: list[str]) -> None:
    short = all_texts[:-1]  # longer runs than LONGEST are merged in parts
    assert ids_of(kind, short, 0.0) == kind.encode_batch(short)


def test_texts_come_back_whatever_is_left_out(kind: Any, all_texts: list[str]) -> None:
    lengths = []
    for share in (0.0, 0.1, 0.5, 1.0):
        rows = ids_of(kind, all_texts, share)
        assert [kind.decode(row) for row in rows] == all_texts
        lengths.append(sum(map(len, rows)))
    assert lengths == sorted(lengths) and len(set(lengths)) == 4
    masks = ids_of(kind, [ODD[4]], 1.0)[0]
    assert masks == [kind.special_ids["<|phone|>"]] * 2, "masks stay whole"


def test_each_merge_is_left_out_with_its_probability(kind: Any) -> None:
    """As algorithm 1 of the paper, step by step, with the same draws."""
    cuts, merges = kind.loops()
    table = {key: value for key, value in merges.merges.tolist() if key != -1}
    text = "the 文字 through春天来了"
    data, offsets = packed([text])
    ends = cuts(data, offsets)[0].tolist()
    share, chance = 0.3, random.Random(0)
    for seed in (chance.randrange(1, MODULUS - 1) for _ in range(20)):
        state, wanted = seed, []
        for start, end in zip([0, *ends], ends, strict=False):
            part = bytes(data[start:end])
            wide = len(merges.symbols_of) > 256
            codes = [ord(c) for c in part.decode()] if wide else list(part)
            symbols = [int(merges.symbols_of[code]) for code in codes]
            if min(symbols) < 0:
                wanted += [int(merges.byte_ids[byte]) for byte in part]
                continue
            while True:
                possible = []
                for i, (left, right) in enumerate(pairwise(symbols)):
                    if (value := table.get(left << 32 | right)) is not None:
                        state = state * 48271 % MODULUS
                        if state > int(share * MODULUS):
                            possible.append((value >> 32, i, value & 0x7FFFFFFF))
                if not possible:
                    break
                _, i, new = min(possible)
                symbols[i : i + 2] = [new]
            wanted += symbols
        assert ids_of(kind, [text], share, seed) == [wanted]


def test_held_out_texts_are_cut_as_always(kind: Any, all_texts: list[str]) -> None:
    keys = np.arange(len(all_texts), dtype=np.uint64)
    data = [text.encode() for text in all_texts]
    half = len(all_texts) // 2
    ids, ends = BpeDropout(0.5, 0, half).encode_flat(kind, all_texts, data, keys)
    rows = [row.tolist()[:-1] for row in np.split(ids, ends[:-1])]
    assert rows[:half] == kind.encode_batch(all_texts[:half])
    assert rows[half:-6] != kind.encode_batch(all_texts[half:-6])


def test_shards_are_the_same_for_any_workers_and_other_for_another_seed(
    records: list[Record], tokenizer_folder: Path, tmp_path: Path
) -> None:
    write_records(tmp_path / "in.jsonl", records, level=0)
    made = []
    for name, more in (("a", ()), ("b", ("-j", "2")), ("c", ("--sampling-seed", "1"))):
        call: list[str | Path] = ["encode", tmp_path / "in.jsonl", "-t", tokenizer_folder, *more]
        call += ["--validation", "0.2", "--dropout", "0.2", "-o", tmp_path / name]
        done = run_tool("mind-tok", call)
        assert done.code == 0, done.stderr
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).glob("*.*")})
    assert made[0] == made[1]
    assert made[0]["train-00000.bin"] != made[2]["train-00000.bin"]
    assert made[0]["validation-00000.sizes"] == made[2]["validation-00000.sizes"]
    back = [row["text"] for row in _documents(tmp_path / "a")]
    assert sorted(back) == sorted(record["text"] for record in records)


def _documents(folder: Path) -> list[Record]:
    assert ShardSet.open(folder, verify=True).shards
    return list(shard_records(folder, False, make_plugins([]), verify=False))


def test_what_cannot_leave_merges_out_is_refused(
    records: list[Record], tokenizer_folder: Path, tmp_path: Path
) -> None:
    write_records(tmp_path / "in.jsonl", records[:3], level=0)
    call = ["encode", tmp_path / "in.jsonl", "-t", tokenizer_folder, "-o", tmp_path / "o"]
    for more, error in ((("--dropout", 0), "not above 0"), (("--dropout", 1.1), "not above 0"),
                        (("--dropout", 0.1, "--chat"), "does not go with --chat"),
                        (("--dropout", 0.1, "--alpha", 0.1), "for unigram models")):  # fmt: skip
        done = run_tool("mind-tok", [*map(str, call), *map(str, more)])
        assert done.code == 2 and error in done.stderr
    unigram = Unigram().train([record["text"] for record in records], 500)
    with pytest.raises(UsageError, match="no BPE") as caught:
        BpeDropout(0.1).check(unigram)
    assert "--alpha" in str(caught.value.hint)
