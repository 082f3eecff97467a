"""The runs of `extend` and `convert`: tokenizers and shards from one form into another."""

from __future__ import annotations

from pathlib import Path

from mind_core.errors import UsageError
from mind_core.output import check_distinct
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.whole_files import read_whole
from mind_tok.bytelevel import ByteLevelTokenizer
from mind_tok.chat import check_has_turns
from mind_tok.chat_template import MINDLLM, load_template
from mind_tok.chat_template_ids import control_tokens
from mind_tok.convert import read_any
from mind_tok.encode import TOOL
from mind_tok.extend import extend as extended
from mind_tok.foreign_shards import reader_of, take_over
from mind_tok.sentencepiece import SentencePieceTokenizer
from mind_tok.sentencepiece_model import read_model
from mind_tok.to_gguf import save_as_gguf
from mind_tok.to_huggingface import own_template, save_for_huggingface
from mind_tok.tokenizer import Tokenizer

FORMS = MIND, HUGGINGFACE, GGUF = "mind", "huggingface", "gguf"
JINJA_FILE, CONFIG_FILE = "chat_template.jinja", "tokenizer_config.json"

PROBES = ("The É of Ａ ﬁ", "e\u0301 \u212b", "  two  spaces\n\n", "中文，ＡＢ。 ▁", "\t\u200b\x00")
"""Texts that normalisation of all usual kinds would change."""


def extend(
    old: Path, chinese: Path, output: Path, tokens: int | None, quiet: bool, plugins: Plugins
) -> None:
    """Add Chinese tokens to a byte-level BPE and write the folder of the new one."""
    base, other = read_any(old, plugins), read_any(chinese, plugins)
    if not isinstance(base, ByteLevelTokenizer):
        raise UsageError(f"{old} is no byte-level BPE as GPT-2's", hint="the old one comes first")
    if not isinstance(other, SentencePieceTokenizer):
        raise UsageError(f"{chinese} is no SentencePiece model", hint="the Chinese one is second")
    new = extended(base, read_model(other.model), tokens)
    new.manifest["extends"] = {"sha256": base.sha256, "vocab_size": base.vocab_size}
    new.manifest["with"] = {"sha256": other.sha256, "vocab_size": other.vocab_size}
    new.save(output)
    if not quiet:
        log(TOOL, f"{base.vocab_size:,} old and {len(new.replaced):,} new tokens in {output}")


def convert(
    source: Path, output: Path, to: str, chat_template: str, quiet: bool, plugins: Plugins
) -> None:
    """Write a tokenizer of any kind in the form that is wanted."""
    tokenizer = read_any(source, plugins)
    if to == HUGGINGFACE:
        save_for_huggingface(tokenizer, output, _template(tokenizer, source, chat_template))
    elif to == GGUF:
        check_distinct([source], output)
        template = _template(tokenizer, source, chat_template)
        if save_as_gguf(tokenizer, output, source.name, template).composes and not quiet:
            log(TOOL, "llama.cpp does not compose characters (NFC): such texts get other ids there")
    else:
        tokenizer.save(output)
    if not quiet:
        kind = tokenizer.manifest.get("component")
        log(TOOL, f"{kind} tokenizer of {tokenizer.vocab_size:,} entries in {output}")
        _tell_loss(tokenizer)


def _template(tokenizer: Tokenizer, source: Path, name: str) -> str:
    """Return the chat template that is named, that of our own form, or the one of the source."""
    if name == MINDLLM:
        check_has_turns(tokenizer)
    elif name:
        return load_template(name, control_tokens(tokenizer)).source
    # A tokenizer with our turns is one of MindLLM's, whatever else lies beside it.
    if own := own_template(tokenizer):
        return own
    beside = (source if source.is_dir() else source.parent) / JINJA_FILE
    if beside.is_file():
        # No tokens are given to be checked: the file is the model's own.
        return load_template(str(beside), {}).source
    config = beside.with_name(CONFIG_FILE)
    # Most configs of base models have none, which is no fault here.
    if config.is_file() and b'"chat_template"' in read_whole(config):
        return load_template(str(config), {}).source
    return ""


def _tell_loss(tokenizer: Tokenizer) -> None:
    """Say so if a tokenizer changes texts: its maker's normalisation is kept, not hidden."""
    for text in PROBES:
        if (back := tokenizer.decode(tokenizer.encode(text))) != text:
            log(
                TOOL,
                f"this tokenizer changes texts: {text!r} comes back as {back!r}; "
                "`mind-tok inspect` counts such texts",
            )
            return


def convert_shards(
    source: Path, tokenizer: Path, output: Path, end: bool, quiet: bool, plugins: Plugins
) -> None:
    """Write the ids of another trainer's file as a shard folder."""
    counts = take_over(source, read_any(tokenizer, plugins), output, add_end=end)
    if not quiet:
        log(TOOL, f"{counts.documents:,} documents, {counts.tokens:,} tokens in {output}")


__all__ = ["convert", "convert_shards", "extend", "reader_of"]
