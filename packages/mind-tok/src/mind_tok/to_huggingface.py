"""Write a tokenizer as Hugging Face's libraries read it: `tokenizer.json` and its config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from mind_core import MindError
from mind_core.files import atomic_file, atomic_folder, write_json
from mind_core.special_tokens import ASSISTANT, CONTROL_TOKENS, END, PAD, USER
from mind_tok.bytelevel import FILE, ByteLevelTokenizer
from mind_tok.huggingface import HuggingFaceTokenizer
from mind_tok.sentencepiece import SPACE, SentencePieceTokenizer
from mind_tok.sentencepiece_model import (
    BPE,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    ModelFile,
    read_model,
)
from mind_tok.tokenizer import Tokenizer

CHAT_TEMPLATE = """\
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message['role'] == 'system' -%}
{%- set ns.system = ns.system + message['content'] + '\\n' -%}
{%- elif message['role'] == 'user' -%}
{{- 'USER\\n' + ns.system + message['content'] + '\\n' -}}
{%- set ns.system = '' -%}
{%- elif message['role'] == 'assistant' -%}
{{- 'ASSISTANT\\n' -}}
{%- generation -%}{{- message['content'] + 'END' -}}{%- endgeneration -%}
{%- else -%}
{{- raise_exception('roles are user, assistant and system') -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT\\n' -}}{%- endif -%}"""
"""The format of `mind_tok.chat` for transformers; names stand for the tokenizer's own tokens."""


def own_template(tokenizer: Tokenizer) -> str:
    """Return the chat template of `mind_tok.chat`; empty if the tokenizer lacks its tokens."""
    if not tokenizer.special_ids.keys() >= {USER, ASSISTANT, END}:
        return ""
    names = {i: name for name, i in tokenizer.special_ids.items()}
    template = CHAT_TEMPLATE
    for word, name in (("USER", USER), ("ASSISTANT", ASSISTANT), ("END", END)):
        text = _text(tokenizer, names, tokenizer.special_ids[name])
        template = template.replace(f"'{word}", f"'{text}")
    return template


def save_for_huggingface(tokenizer: Tokenizer, folder: Path, template: str | None = None) -> None:
    """Write the files; raise `MindError` for a kind that has no such form.

    `template` is a chat template in Jinja; without one that of the tools is written.
    """
    if isinstance(tokenizer, (ByteLevelTokenizer, HuggingFaceTokenizer)):
        content = tokenizer.data
    elif isinstance(tokenizer, SentencePieceTokenizer):
        content = orjson.dumps(_content(read_model(tokenizer.model)))
    else:
        raise MindError(
            f"a {tokenizer.manifest.get('component')} tokenizer has no tokenizer.json",
            hint="its plugin would have to write one",
        )
    names = {i: name for name, i in tokenizer.special_ids.items()}
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1 << 30,
    }
    for key, name in (("eos_token", END), ("bos_token", END), ("pad_token", PAD)):
        if name in tokenizer.special_ids:
            config[key] = _text(tokenizer, names, tokenizer.special_ids[name])
    if template := own_template(tokenizer) if template is None else template:
        config["chat_template"] = template
    with atomic_folder(folder) as partial:
        with atomic_file(partial / FILE) as file:
            file.write(content)
        write_json(partial / "tokenizer_config.json", config)


def _text(tokenizer: Tokenizer, names: dict[int, str], i: int) -> str:
    return tokenizer.vocabulary()[i].data.decode() or names[i]


def _content(model: ModelFile) -> dict[str, Any]:
    """Return a `tokenizer.json` that gives the ids of a BPE model of `mind-tok train`."""
    if model.model_type != BPE or not model.keeps_text:
        raise MindError(
            "only a SentencePiece BPE that leaves texts as they are has a tokenizer.json here",
            hint="transformers converts tokenizer.model itself",
        )
    special = [
        {
            "id": i, "content": piece.text, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": piece.text in CONTROL_TOKENS or piece.kind == UNKNOWN,
        }
        for i, piece in enumerate(model.pieces)
        if piece.kind in (USER_DEFINED, UNKNOWN) or piece.text in CONTROL_TOKENS
    ]  # fmt: skip
    unknown = next((p.text for p in model.pieces if p.kind == UNKNOWN), None)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                # Before Fuse, which joins all: a character in bytes is several tokens.
                {"type": "ByteFallback"},
                {"type": "Fuse"},
            ],
        },
        "model": {
            "type": "BPE", "dropout": None, "unk_token": unknown,
            "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
            "byte_fallback": True, "ignore_merges": False,
            "vocab": {piece.text: i for i, piece in enumerate(model.pieces)},
            "merges": _merges(model),
        },
    }  # fmt: skip


def _merges(model: ModelFile) -> list[list[str]]:
    """Return all ways to put entries together, in the order of their scores."""
    entries = [p for p in model.pieces if p.kind == NORMAL]
    # Of normal entries: SentencePiece merges nothing into or out of the others.
    scores = {piece.text: piece.score for piece in entries}
    rows = [
        (-piece.score, len(piece.text[:cut]), piece.text[:cut], piece.text[cut:])
        for piece in entries
        for cut in range(1, len(piece.text))
        if piece.text[:cut] in scores and piece.text[cut:] in scores
    ]
    # By score, highest first; several ways to the same entry lie side by side.
    return [[left, right] for _, _, left, right in sorted(rows)]
