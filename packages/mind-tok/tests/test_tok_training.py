"""The same sample gives the same model, and a wish that cannot be met is explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_core import MindError, Record
from mind_core.errors import UsageError
from mind_core.output import write_records
from mind_core.special_tokens import ASSISTANT, END, PAD, PII_TOKENS, USER
from mind_core.testing import run_tool
from mind_tok import Tokenizer, load_tokenizer
from mind_tok.loading import make_plugins
from mind_tok.sentencepiece import Bpe
from mind_tok.tokenizer import HOOK


@pytest.fixture(scope="module")
def corpus(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "in.jsonl.zst"
    write_records(path, records)
    return path


def test_ids_of_special_tokens_are_fixed(tokenizer: Tokenizer) -> None:
    names = [END, PAD, USER, ASSISTANT, *PII_TOKENS]
    assert tokenizer.special_ids == {name: i for i, name in enumerate(names, 1)}
    assert (tokenizer.end_id, tokenizer.pad_id) == (1, 2)
    assert sum(token.kind == "byte" for token in tokenizer.vocabulary()) == 256


def test_texts_in_another_order_give_another_run_the_same_bytes(
    corpus: Path, records: list[Record], tmp_path: Path
) -> None:
    turned = tmp_path / "turned.jsonl"
    write_records(turned, records[::-1], level=0)
    common = ["--vocab-size", "450", "--sample", "20k", "--share", "zh=1,en=1", "-q"]
    one = run_tool("mind-tok", ["train", corpus, *common, "-o", tmp_path / "one"])
    two = run_tool("mind-tok", ["train", turned, *common, "-o", tmp_path / "two", "-j", "2"])
    again = run_tool("mind-tok", ["train", corpus, *common, "-o", tmp_path / "again"])
    other = run_tool("mind-tok", ["train", corpus, *common, "--seed", "7", "-o", tmp_path / "o"])
    assert [r.code for r in (one, two, again, other)] == [0, 0, 0, 0], one.stderr
    assert one.stdout == b"" and one.stderr == "", "SentencePiece's own log is silenced"
    model = (tmp_path / "one/tokenizer.model").read_bytes()
    assert (tmp_path / "two/tokenizer.model").read_bytes() == model
    assert (tmp_path / "o/tokenizer.model").read_bytes() != model
    manifests = [(tmp_path / name / "manifest.json").read_bytes() for name in ("one", "again")]
    assert manifests[0] == manifests[1]


def test_the_manifest_says_what_it_was_made_from(corpus: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["train", corpus, "--vocab-size", "450", "-o", tmp_path / "t"]
    done = run_tool("mind-tok", [*arguments, "--summary", tmp_path / "s.json", "--share", "zh=1"])
    assert done.code == 0, done.stderr
    assert "450 entries" in done.stderr
    manifest = json.loads((tmp_path / "t/manifest.json").read_text())
    assert manifest["format"] == "mind-tokenizer" and manifest["kind"] == "sentencepiece"
    assert manifest["sample"]["languages"].keys() == {"zh"}
    assert manifest["inputs"][0]["size"] == corpus.stat().st_size
    assert manifest["plugin"].keys() == {"bpe"}
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["in"] == 400 and summary["kept"] == 200 and summary["complete"]
    assert summary["rejected"] == {"train.language_without_share": 200}
    assert load_tokenizer(tmp_path / "t").vocab_size == 450


def test_sources_can_have_shares(corpus: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["train", corpus, "--vocab-size", "450", "-o", tmp_path / "t"]
    shares = ["--share-by", "source", "--share", "books=3,web=1", "--sample", "8k"]
    done = run_tool("mind-tok", [*arguments, *shares, "--summary", tmp_path / "s.json"])
    assert done.code == 0, done.stderr
    sample = json.loads((tmp_path / "t/manifest.json").read_text())["sample"]
    assert sample["sources"].keys() == {"books", "web"}
    assert 2.9 < sample["sources"]["books"]["bytes"] / sample["sources"]["web"]["bytes"] < 3.1
    rejected = json.loads((tmp_path / "s.json").read_text())["rejected"]
    assert rejected == {"train.source_without_share": 133}
    wrong = run_tool("mind-tok", [*arguments[:-1], tmp_path / "u", "--share-by", "colour"])
    assert wrong.code == 2


def test_the_trainers_log_is_shown_if_asked_for(corpus: Path, tmp_path: Path) -> None:
    arguments: list[str | Path] = [
        "train",
        corpus,
        "--vocab-size",
        "450",
        "-q",
        "-o",
        tmp_path / "t",
    ]
    assert "trainer_interface" in run_tool("mind-tok", [*arguments, "--trainer-log"]).stderr


def test_too_large_a_vocabulary_names_the_largest_that_works(texts: list[str]) -> None:
    with pytest.raises(MindError) as caught:
        Bpe().train(texts[:20], 100_000)
    assert caught.value.hint is not None
    largest = int(caught.value.hint.split()[1].strip(","))
    assert Bpe().train(texts[:20], largest).vocab_size == largest
    with pytest.raises(MindError):
        Bpe().train(texts[:20], largest + 1)


def test_too_small_a_vocabulary_names_the_least(texts: list[str]) -> None:
    with pytest.raises(MindError) as caught:
        Bpe().train(texts, 280)
    assert caught.value.hint is not None
    least = int(caught.value.hint.split()[1])
    assert Bpe().train(texts, least).vocab_size == least


@pytest.mark.parametrize("texts", [[], [""], ["\n\0\n"], ["▁▁"]])
def test_no_text_is_an_error(texts: list[str]) -> None:
    with pytest.raises(MindError, match="no text"):
        Bpe().train(texts, 300)


def test_odd_characters_do_not_take_their_line_with_them() -> None:
    lines = ["unusual\0words", "unusual▁words", "unusual▅words", "unusual\twords\r"] * 20
    tokenizer = Bpe().train(lines, 294)
    assert len(tokenizer.encode("unusual")) == 1 == len(tokenizer.encode("words"))


def test_a_line_longer_than_the_trainers_limit_is_used() -> None:
    tokenizer = Bpe().train(["remarkable " * 2000], 294)
    assert len(tokenizer.encode(" remarkable")) == 1


@pytest.mark.parametrize(
    ("options", "hint"),
    [({"character_coverage": 2.0}, "--list"), ({"covrage": 1.0}, "character_coverage")],
)
def test_options_that_are_wrong_are_refused(options: dict[str, float], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_plugins().make(HOOK, "bpe", options)
    assert hint in (caught.value.hint or "")


def test_user_symbols_are_one_token_wherever_they_stand(texts: list[str]) -> None:
    kind = Bpe(user_symbols=["<think>", "</think>", "。"])  # type: ignore[arg-type]
    tokenizer = kind.train(texts, 520)
    text = "春<think>天</think>. spring<think> 。。"
    by_library = tokenizer.encode(text)
    assert tokenizer.decode(by_library) == text
    entries = [tokenizer.vocabulary()[i].data.decode("utf-8", "replace") for i in by_library]
    assert entries.count("<think>") == 2 and entries.count("</think>") == 1
    assert entries.count("。") == 2
    tokenizer.warm_up()  # the loops agree
    assert tokenizer._fast is not None
    assert tokenizer.encode(text) == by_library
    assert tokenizer.manifest["options"]["user_symbols"] == ["<think>", "</think>", "。"]
    for wrong in ("<think>", ["a b"], [""], ["x", "x"], ["<user>"], [1]):
        with pytest.raises(ValueError, match="user_symbols"):
            Bpe(user_symbols=wrong)  # type: ignore[arg-type]


def test_a_changed_model_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "t")
    model = tmp_path / "t/tokenizer.model"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    with pytest.raises(MindError, match="not the file that its manifest describes"):
        load_tokenizer(tmp_path / "t")
    (tmp_path / "t/manifest.json").unlink()
    with pytest.raises(MindError, match="incomplete"):
        load_tokenizer(tmp_path / "t")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--kind", "bpee", "-o", "t"], 2, "did you mean bpe"),
        (["--share", "zh=x", "-o", "t"], 2, "--share zh=0.5,en=0.5"),
        (["--share", "fr=1", "-o", "t"], 1, "'fr'"),
        (["--sample", "many", "-o", "t"], 2, "50M"),
        (["--set", "bpe.splitdigits=true", "-o", "t"], 2, "did you mean split_digits"),
        (["--set", "bpe=3", "-o", "t"], 2, "bpe.OPTION=3"),
        (["--vocab-size", "999999", "-o", "t"], 1, "--vocab-size"),
        (
            ["--vocab-size", "999999", "-o", "t", "--summary", "s", "--rejects", "r"],
            1,
            "too little",
        ),
        (["-n", "-o", "t", "missing.zst"], 1, "missing.zst"),
        (["-n", "-o", "/dev/null/t"], 2, "is no folder"),
        ([], 2, "-o tokenizer"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(
    corpus: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run_tool("mind-tok", ["train", corpus, *arguments], folder=tmp_path)
    assert done.code == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_refused_before_any_work(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t/mine.txt").write_text("keep")
    done = run_tool("mind-tok", ["train", "missing.zst", "-o", tmp_path / "t"])
    assert done.code == 2 and "exists" in done.stderr
    assert (tmp_path / "t/mine.txt").read_text() == "keep"
