"""Unigram sampling: cuts have the model's own shares, the same by any number of workers."""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mind_core.errors import MindError, UsageError
from mind_core.output import write_records
from mind_core.records import Record
from mind_core.testing import run_tool
from mind_tok.decode import shard_records
from mind_tok.loading import make_plugins
from mind_tok.sentencepiece import Bpe, SentencePieceTokenizer, Unigram
from mind_tok.subword_sampling import UnigramSampling
from mind_tok.surrogates import packed

ODD = [
    "", " ", "  the 中文\n\n", "\u2581 𠮷 \u0378 x", "<|phone|><|phone|>",
    "\u0378" * 300 + "the " * 300,
]  # fmt: skip


@pytest.fixture(scope="module")
def kind(records: list[Record]) -> SentencePieceTokenizer:
    """A model with many ways to cut a word: its texts are made of few syllables."""
    chance, syllables = random.Random(0), ["the", "re", "in", "ter", "est", "春天", "的", "花"]
    words = ["".join(chance.choices(syllables, k=3)) for _ in range(3000)]
    lines = [" ".join(words[i : i + 10]) for i in range(0, len(words), 10)]
    made = Unigram().train([*lines, *(record["text"] for record in records)], 900)
    assert isinstance(made, SentencePieceTokenizer)
    return made


def sampled(
    kind: SentencePieceTokenizer, texts: list[str], alpha: float, seed: int = 1
) -> list[list[int]]:
    lattice = kind.lattice
    assert lattice is not None
    data, offsets = packed(texts)
    seeds = np.random.default_rng(seed).integers(1, 2**31 - 2, len(texts))
    flat, ends = lattice.sampled(data, *lattice.cuts(data, offsets), -1, alpha, seeds)
    return [row.tolist() for row in np.split(flat, ends[:-1])]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_a_cut_is_drawn_with_its_probability_to_the_power_of_alpha(
    kind: SentencePieceTokenizer, alpha: float
) -> None:
    """SentencePiece's own list of all cuts, with the scores of its entries, is the other side."""
    draws = 4000
    assert kind.lattice is not None
    for text in ("there", " 春天的花", "inter est"):
        cuts = kind._processor.nbest_encode_as_ids(text, 512)
        assert 3 < len(cuts) < 512, "all cuts are listed, and there is a choice"
        scores = [sum(kind.lattice.scores[i] for i in ids) for ids in cuts]
        shares = np.exp(alpha * np.array(scores))
        shares /= shares.sum()
        seen = Counter(map(tuple, sampled(kind, [text] * draws, alpha)))
        assert set(seen) <= set(map(tuple, cuts))
        for ids, share in zip(cuts, shares, strict=True):
            spread = math.sqrt(share * (1 - share) / draws)
            assert abs(seen[tuple(ids)] / draws - share) < 4.5 * spread + 1 / draws, (text, ids)


def test_texts_come_back_and_masks_stay_whole(
    kind: SentencePieceTokenizer, records: list[Record]
) -> None:
    texts = [*(record["text"] for record in records), *ODD]
    usual = sum(map(len, kind.encode_batch(texts)))
    lengths = []
    for alpha in (1.0, 0.1, 0.0):
        rows = sampled(kind, texts, alpha)
        assert [kind.decode(row) for row in rows] == texts
        lengths.append(sum(map(len, rows)))
    assert usual < lengths[0] < lengths[1] < lengths[2]
    assert sampled(kind, [ODD[4]], 0.0)[0] == [kind.special_ids["<|phone|>"]] * 2


def test_shards_are_the_same_for_any_workers_and_other_for_another_seed(
    kind: SentencePieceTokenizer, records: list[Record], tmp_path: Path
) -> None:
    kind.save(tmp_path / "tok")
    write_records(tmp_path / "in.jsonl", records, level=0)
    made = []
    for name, more in (("a", ()), ("b", ("-j", "2")), ("c", ("--sampling-seed", "1"))):
        call: list[str | Path] = ["encode", tmp_path / "in.jsonl", "-t", tmp_path / "tok", *more]
        call += ["--validation", "0.2", "--alpha", "0.2", "-o", tmp_path / name]
        done = run_tool("mind-tok", call)
        assert done.code == 0, done.stderr
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).glob("*.*")})
    assert made[0] == made[1]
    assert made[0]["train-00000.bin"] != made[2]["train-00000.bin"]
    assert made[0]["validation-00000.bin"] == made[2]["validation-00000.bin"], "cut as always"
    back = [row["text"] for row in shard_records(tmp_path / "a", False, make_plugins([]))]
    assert sorted(back) == sorted(record["text"] for record in records)


def test_what_cannot_be_sampled_is_refused(
    kind: SentencePieceTokenizer, records: list[Record]
) -> None:
    for alpha in (-0.1, 11.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="--alpha"):
            UnigramSampling(alpha)
    with pytest.raises(UsageError, match="no unigram model") as caught:
        UnigramSampling(0.1).check(Bpe().train([record["text"] for record in records], 600))
    assert "--dropout" in str(caught.value.hint)
    assert kind.lattice is not None
    for alpha in (1e6, 470 / -kind.lattice.unknown):
        # e^-470: a number still, whose product with a sum of others would be none.
        with pytest.raises(MindError, match="cannot be computed"):
            sampled(kind, ["x"], alpha)
    assert sampled(kind, ["there"], 300 / -kind.lattice.unknown)
