"""Counts of words and Chinese runs: the same for any cut, and as good as the texts for training."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mind_core import Record
from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_tok.bytelevel import ByteLevel, ByteLevelTokenizer
from mind_tok.bytelevel_merges import learn_merges
from mind_tok.bytelevel_training import train_bytelevel
from mind_tok.counting import LONGEST_UNIT, UnitCounts, units_of
from mind_tok.loading import load_tokenizer
from mind_tok.sentencepiece import Bpe

ODD = "  two  spaces\tand a tab\r\n中文abc 日本語テスト。１２ 3  \u2581x\0y é e\u0301   "


def parts_of(folder: Path, records: Sequence[Record], count: int) -> list[Path]:
    """Write records as so many files."""
    paths = []
    for number in range(count):
        path = folder / f"of-{count}-{number:02}.jsonl"
        write_records(path, records[number::count], level=0)
        paths.append(path)
    return paths


def tok(*arguments: object, code: int = 0) -> str:
    result = run_tool("mind-tok", [str(each) for each in arguments])
    assert result.code == code, result.stderr
    return result.stderr


@pytest.fixture(scope="module")
def odd_records(records: list[Record]) -> list[Record]:
    return [*records, {"id": "odd", "text": ODD}, {"id": "long", "text": "长" * 5000}]


def test_units_are_words_with_their_spaces_and_chinese_runs() -> None:
    units = list(units_of(ODD))
    assert units[:5] == ["  two", "  spaces", "and", " a", " tab"]
    assert units[5:11] == ["中文", "abc", " 日本語テスト", "。１２", " 3", "  "]
    assert units[11:] == ["x", "y", " é", " e\u0301", "   "]
    assert list(map(len, units_of("长" * 5000))) == [LONGEST_UNIT, 5000 - LONGEST_UNIT]


def test_1_7_and_64_parts_give_the_same_file_and_tokenizer(
    odd_records: list[Record], tmp_path: Path
) -> None:
    wanted = Counter(unit for record in odd_records for unit in units_of(record["text"]))
    files, folders = [], []
    for count in (1, 7, 64):
        made = []
        for number, path in enumerate(parts_of(tmp_path, odd_records, count)):
            made.append(tmp_path / f"counts-{count}-{number}.jsonl")
            if count != 64 or number < 3:
                tok("count", path, "-o", made[-1], "-j", 1 + count % 2)
            else:  # not another process for each
                counts = UnitCounts(1 << 20)
                for record in read_records([path]):
                    counts.add(Counter(units_of(record["text"])))
                rows = [{"text": unit, "count": n} for unit, n in counts.merged()]
                write_records(made[-1], rows, level=0)
        whole = tmp_path / f"whole-{count}.jsonl.zst"
        tok("count", "--merge", *made, "-o", whole)
        files.append(whole.read_bytes())
        folders.append(tmp_path / f"tokenizer-{count}")
        tok("train", "--counts", *made, "--vocab-size", 500, "-o", folders[-1])
    assert files[0] == files[1] == files[2]
    found = [(record["text"], record["count"]) for record in read_records([whole])]
    assert dict(found) == wanted and len(found) == len(wanted)
    assert found == sorted(found, key=lambda row: row[0].encode())
    for folder in folders[1:]:
        for path in folders[0].iterdir():
            assert (folder / path.name).read_bytes() == path.read_bytes()


def test_bpe_from_counts_is_bpe_from_the_texts(records: list[Record]) -> None:
    texts = [record["text"] for record in records]
    counts = Counter(unit for text in texts for unit in units_of(text))
    ordered = sorted(counts.items(), key=lambda row: row[0].encode())
    assert Bpe().train_counts(ordered, 500).vocabulary() == Bpe().train(texts, 500).vocabulary()


def test_byte_level_bpe_from_counts_is_that_from_the_texts(
    odd_records: list[Record], tmp_path: Path
) -> None:
    """Whatever files the counts lie in."""
    files, made = [], []
    for parts in (1, 3):
        paths = []
        for number, path in enumerate(parts_of(tmp_path, odd_records, parts)):
            paths.append(tmp_path / f"{parts}-{number}")
            tok("count", path, "--kind", "bytelevel", "-o", paths[-1])
        whole = tmp_path / f"whole-{parts}.jsonl"
        tok("count", "--merge", *paths, "-o", whole)
        files.append(whole.read_bytes())
        folder = tmp_path / f"tokenizer-{parts}"
        arguments = ("--kind", "bytelevel", "--vocab-size", 600, "-o", folder)
        tok("train", "--counts", *paths, *arguments)
        made.append((folder / "tokenizer.json").read_bytes())
    assert files[0] == files[1] and made[0] == made[1]
    assert made[0] == ByteLevel().train([r["text"] for r in odd_records], 600).data
    assert "\n" in {row["text"] for row in read_records([whole])}, "white space is counted"
    wrong = ("train", "--counts", whole, "--vocab-size", 500, "-o", tmp_path / "no")
    assert "another kind of tokenizer" in tok(*wrong, code=1)
    tok("count", *parts_of(tmp_path, odd_records[:9], 1), "-o", tmp_path / "words")
    assert "another kind" in tok("count", "--merge", whole, tmp_path / "words", "-o", "x", code=1)


@pytest.mark.parametrize("seed", range(30))
def test_merges_are_those_of_tokenizers(seed: int) -> None:
    """Few letters, so that pairs are equally frequent, and overlap."""
    chance = random.Random(seed)
    letters = "ab" if seed % 2 else "abcé中"
    words = ["".join(chance.choices(letters, k=chance.randint(1, 12))) for _ in range(40)]
    counts = Counter(word for word in words for _ in range(chance.randint(1, 5)))
    least = chance.choice([1, 2, 3])
    ids, merges = learn_merges(sorted(counts.items()), 256 + chance.choice([5, 20, 60]), least)
    wanted = json.loads(train_bytelevel(counts.elements(), len(ids) + 17, least))["model"]
    assert wanted["vocab"] == ids
    assert [tuple(pair) for pair in wanted["merges"]] == merges


def test_units_with_line_feeds_wait_on_disk_as_they_are() -> None:
    counts, wanted = UnitCounts(1), Counter({"\n\n": 1, "\\n": 2, "\\/\n": 3, "a\tb": 4})
    for unit, number in wanted.items():
        counts.add(Counter({unit: number}))
    assert len(counts._runs) == 4
    assert dict(counts.merged()) == wanted


def test_counts_beyond_the_bound_wait_on_disk(records: list[Record]) -> None:
    counts, wanted = UnitCounts(20_000), Counter[str]()
    for record in records:
        own = Counter(units_of(record["text"]))
        counts.add(own)
        wanted += own
    assert len(counts._runs) > 3
    assert list(counts.merged()) == sorted(wanted.items(), key=lambda row: row[0].encode())


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (b'{"text":"a","count":1}\n{"text":"a","count":2}\n', "does not come after"),
        (b'{"text":"a","count":0}\n', ":1 is no count"),
        (b'{"text":"a","count":true}\n', "is no count"),
        (b'{"text":"a"}\n', "is no count"),
        (b'{"text":"\\ud800","count":1}\n', "is no count"),
        (b'[1]\n{"text"', "is no count"),
        (b'{"text":"","count":1}\n', "is no count"),
    ],
)
def test_what_is_no_file_of_counts_is_named(lines: bytes, error: str, tmp_path: Path) -> None:
    path = tmp_path / "counts.jsonl"
    path.write_bytes(lines)
    for arguments in (("count", "--merge", path, "-o", tmp_path / "o"),
                      ("train", "--counts", path, "-o", tmp_path / "t")):  # fmt: skip
        assert error in tok(*arguments, code=1)
    assert not (tmp_path / "o").exists() and not (tmp_path / "t").exists()


def test_wrong_calls_are_refused(tmp_path: Path, records: list[Record]) -> None:
    (path,) = parts_of(tmp_path, records[:3], 1)
    for arguments, error in (
        (("count", path), "-o is missing"),
        (("count", "--merge", "-", "-o", tmp_path / "o"), "wants files"),
        (("train", "--counts", path, "--share", "zh=1", "-o", tmp_path / "t"), "uses all counts"),
        (("train", "--counts", path, "--kind", "huggingface", "-o", tmp_path / "t"), "not trained"),
        (("count", path, "--kind", "huggingface", "-o", tmp_path / "o"), "not trained on counts"),
    ):
        assert error in tok(*arguments, code=2)


def test_byte_level_bpe_is_trained_and_says_what_the_text_gives(
    records: list[Record], tmp_path: Path
) -> None:
    (path,) = parts_of(tmp_path, records, 1)
    folder = tmp_path / "bytelevel"
    tok("train", path, "--kind", "bytelevel", "--vocab-size", 600, "-o", folder)
    tokenizer = load_tokenizer(folder)
    assert isinstance(tokenizer, ByteLevelTokenizer) and tokenizer.vocab_size == 600
    assert tokenizer.end_id == 600 - 17
    texts = [record["text"] for record in records]
    assert [tokenizer.decode(tokenizer.encode(text)) for text in [*texts, ODD]] == [*texts, ODD]
    assert sum(map(len, tokenizer.encode_batch(texts))) < 0.5 * sum(len(t.encode()) for t in texts)
    assert tokenizer.encode("<|endoftext|>") != [tokenizer.end_id]
    assert ByteLevel().train(reversed(texts), 600).data == tokenizer.data
    content = json.loads(tokenizer.data)
    content["normalizer"] = {"type": "NFC"}  # as Qwen's, which joins what is composed of two
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    said = tok("convert", tmp_path / "tokenizer.json", "-o", tmp_path / "nfc")
    assert "changes texts: 'e\u0301" in said
    for size, error in ((100, "too small"), (99_999, "entries at most")):
        arguments = ("train", path, "--kind", "bytelevel", "--vocab-size", size)
        assert error in tok(*arguments, "-o", tmp_path / "no", code=1)
