"""Vocabularies for llama.cpp: what the file says, and what it cannot say is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_core import MindError
from mind_core.special_tokens import CONTROL_TOKENS, END, PII_TOKENS
from mind_core.testing import run_tool
from mind_tok.bytelevel import ByteLevel
from mind_tok.convert import from_tokenizer_json, read_any
from mind_tok.sentencepiece_model import read_model
from mind_tok.to_gguf import CUTS, GgufVocabulary, _write, vocabulary_of
from mind_tok.tokenizer import Tokenizer


def convert(*arguments: str | Path, code: int = 0) -> str:
    done = run_tool("mind-tok", ["convert", *arguments])
    assert done.code == code, done.stderr
    return done.stderr


def fields(path: Path) -> dict[str, Any]:
    """Return what gguf reads in a file."""
    gguf = pytest.importorskip("gguf")
    return {key: value.contents() for key, value in gguf.GGUFReader(path).fields.items()}


@pytest.fixture(scope="module")
def bytelevel() -> Tokenizer:
    return ByteLevel(1).train(["the 中文 the there 中文字 123"] * 3, 290)


def as_model(tokenizer: Any, pattern: str = "", **changes: Any) -> Tokenizer:
    """Return a tokenizer that is cut by another pattern, or changed in other ways."""
    content = orjson.loads(tokenizer.data)
    whole = {**content["pre_tokenizer"], "use_regex": not pattern}
    if pattern:
        split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                 "invert": False}  # fmt: skip
        whole = {"type": "Sequence", "pretokenizers": [split, whole]}
    content["pre_tokenizer"] = whole
    for name, value in changes.items():
        (content["model"] if name == "ignore_merges" else content)[name] = value
    return from_tokenizer_json(orjson.dumps(content))


def test_a_sentencepiece_bpe_is_written_with_its_template(
    tokenizer_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "v.gguf"
    convert(tokenizer_folder, "--to", "gguf", "-o", path)
    found, ours = fields(path), read_any(tokenizer_folder)
    model = read_model((tokenizer_folder / "tokenizer.model").read_bytes())
    key = "tokenizer.ggml."
    assert found[f"{key}model"] == "llama" and found["GGUF.tensor_count"] == 0
    assert found[f"{key}tokens"] == [piece.text for piece in model.pieces]
    assert found[f"{key}scores"] == pytest.approx([piece.score for piece in model.pieces])
    kinds = dict(zip(found[f"{key}tokens"], found[f"{key}token_type"], strict=True))
    assert {kinds[name] for name in CONTROL_TOKENS} == {3}
    assert {kinds[name] for name in PII_TOKENS} == {4}
    assert kinds[model.pieces[0].text] == 2 and kinds["<0x0A>"] == 6
    assert found[f"{key}eos_token_id"] == found[f"{key}bos_token_id"] == ours.end_id
    assert found[f"{key}padding_token_id"] == ours.pad_id
    for name in ("add_bos_token", "add_eos_token", "add_space_prefix"):
        assert found[f"{key}{name}"] is False
    template = found["tokenizer.chat_template"]
    assert "<assistant>" in template and "generation -%}" not in template


def test_templates_are_the_same_without_marks(tokenizer_folder: Path, tmp_path: Path) -> None:
    jinja2 = pytest.importorskip("jinja2")
    convert(tokenizer_folder, "--to", "gguf", "-o", tmp_path / "v.gguf")
    template = fields(tmp_path / "v.gguf")["tokenizer.chat_template"]
    messages = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
    text = jinja2.Template(template).render(messages=messages, add_generation_prompt=True)
    assert text == "<user>\n问\n<assistant>\n答<|endoftext|><assistant>\n"


def test_byte_level_bpe_names_how_it_is_cut(bytelevel: Tokenizer) -> None:
    found = vocabulary_of(bytelevel)
    assert found.cut == "gpt-2" and found.scores is None and not found.composes
    assert found.merges is not None and all(row.count(" ") == 1 for row in found.merges)
    kinds = dict(zip(found.entries, found.kinds, strict=True))
    assert len(kinds) == bytelevel.vocab_size == len(found.entries)
    assert kinds["<|endoftext|>"] == 3 and kinds["<|phone|>"] == 4 and kinds["Ġ"] == 1
    for pattern, (name, whole) in CUTS.items():
        assert vocabulary_of(as_model(bytelevel, pattern, ignore_merges=whole)).cut == name
        with pytest.raises(MindError, match="not written as GGUF"):
            vocabulary_of(as_model(bytelevel, pattern, ignore_merges=not whole))
    qwen = as_model(bytelevel, next(iter(CUTS)), ignore_merges=True, normalizer={"type": "NFC"})
    assert vocabulary_of(qwen).composes


def test_what_llama_cpp_would_encode_otherwise_is_refused(bytelevel: Tokenizer) -> None:
    for wrong, cause in (
        (as_model(bytelevel, r"\p{L}+|."), "another rule"),
        (as_model(bytelevel, ignore_merges=True), "another rule"),
        (as_model(bytelevel, normalizer={"type": "Lowercase"}), "Lowercase"),
    ):
        with pytest.raises(MindError) as error:
            vocabulary_of(wrong)
        assert cause in str(error.value.cause)


def test_the_template_of_a_model_goes_along(
    bytelevel: Any, tokenizer_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("jinja2")
    source = tmp_path / "model"
    source.mkdir()
    content = orjson.loads(bytelevel.data)
    keep = ("<|endoftext|>",)
    content["added_tokens"] = [row for row in content["added_tokens"] if row["content"] in keep]
    (source / "tokenizer.json").write_bytes(orjson.dumps(content))
    config = source / "tokenizer_config.json"
    config.write_text(json.dumps({"chat_template": "{{ messages[0].content }}!"}))
    for form, read in (("huggingface", "tokenizer_config.json"), ("gguf", "")):
        convert(source, "--to", form, "-o", tmp_path / form)
        if read:
            made = json.loads((tmp_path / form / read).read_bytes())["chat_template"]
        else:
            made = fields(tmp_path / form)["tokenizer.chat_template"]
        assert made == "{{ messages[0].content }}!"
    (source / "chat_template.jinja").write_text("{{ messages[0].role }}")
    convert(source, "--to", "huggingface", "-o", tmp_path / "again")
    assert "role" in (tmp_path / "again/tokenizer_config.json").read_text()
    wrong = convert(source, "--chat-template", "qwen", "-o", tmp_path / "no", code=2)
    assert "goes with --to" in wrong
    assert "is no form" in convert(source, "--to", "ggml", "-o", tmp_path / "no", code=2)
    missing = ("--to", "gguf", "--chat-template", "chatml", "-o", tmp_path / "no")
    assert "has no token <|im_start|>" in convert(source, *missing, code=2)
    assert not (tmp_path / "no").exists()


def test_the_unknown_entry_is_the_models_own(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    vocabulary = GgufVocabulary("llama", ["a", "<unk>", "b"], [1, 2, 1], [0.0, 0.0, 0.0])
    _write(tmp_path / "v.gguf", vocabulary, {END: 2}, "v", "")
    assert fields(tmp_path / "v.gguf")["tokenizer.ggml.unknown_token_id"] == 1
