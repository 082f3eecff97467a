"""Write a tokenizer as llama.cpp reads it: a GGUF file that holds a vocabulary and no weights.

llama.cpp has the ways to cut and merge in its own code, each under a name. So a tokenizer is
written if one of them gives its ids, and else refused.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_core.special_tokens import CONTROL_TOKENS, END, PAD
from mind_tok.bytelevel import ByteLevelTokenizer
from mind_tok.huggingface import HuggingFaceTokenizer
from mind_tok.sentencepiece import SentencePieceTokenizer
from mind_tok.sentencepiece_model import (
    BPE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    read_model,
)
from mind_tok.tokenizer import Tokenizer

ARCHITECTURE = "llama"
"""A file names an architecture; of one without weights llama.cpp reads the vocabulary only."""

UNUSED = 5
"""GGUF numbers the kinds of entries as SentencePiece does; this is what fills a gap of ids."""

_GENERATION = re.compile(r"\{%([-+]?)\s*(?:end)?generation\s*([-+]?)%\}")
"""Marks of what a model learns. llama.cpp does not know them, and a comment keeps white space as
they do."""

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CUTS = {
    _WORDS + r"\p{N}{1,3}" + _REST: ("llama-bpe", True),
    _WORDS + r"\p{N}" + _REST: ("qwen2", False),
}
"""Patterns by which words are cut: their names in llama.cpp, and whether a word that is an entry is
taken as one, whatever the merges say (`ignore_merges`)."""


class GgufVocabulary(NamedTuple):
    """What a file says of a tokenizer; entries are in the order of ids."""

    model: str
    entries: list[str]
    kinds: list[int]
    scores: list[float] | None = None
    merges: list[str] | None = None
    cut: str = ""
    composes: bool = False
    """The tokenizer composes characters first (NFC), which llama.cpp does not."""


def save_as_gguf(tokenizer: Tokenizer, path: Path, name: str, template: str = "") -> GgufVocabulary:
    """Write the file, and return what it says; `template` is a chat template in Jinja.

    Raises `MindError` for a tokenizer that llama.cpp has no way to encode with.
    """
    vocabulary = vocabulary_of(tokenizer)
    if END not in tokenizer.special_ids:
        raise MindError(
            "this tokenizer has no token that ends a document",
            hint="llama.cpp would take one of its own choice for it",
        )
    # The library writes to a path only, and may fail half-way: nothing of that gets the name.
    with tempfile.TemporaryDirectory(prefix="mind-") as scratch, atomic_file(path) as file:
        written = Path(scratch) / "vocabulary.gguf"
        _write(written, vocabulary, tokenizer.special_ids, name, template)
        file.write(written.read_bytes())
    return vocabulary


def vocabulary_of(tokenizer: Tokenizer) -> GgufVocabulary:
    """Return what is to be written; raise `MindError` for what llama.cpp cannot do."""
    if isinstance(tokenizer, SentencePieceTokenizer):
        return _of_sentencepiece(tokenizer)
    if isinstance(tokenizer, (ByteLevelTokenizer, HuggingFaceTokenizer)):
        return _of_bytelevel(orjson.loads(tokenizer.data), tokenizer.control)
    raise MindError(
        f"a {tokenizer.manifest.get('component')} tokenizer has no form in GGUF",
        hint="llama.cpp reads byte-level BPE and SentencePiece's BPE",
    )


def _of_sentencepiece(tokenizer: SentencePieceTokenizer) -> GgufVocabulary:
    model = read_model(tokenizer.model)
    if model.model_type != BPE or not model.keeps_text:
        raise MindError(
            "only a SentencePiece BPE that leaves texts as they are is written as GGUF",
            hint="convert_hf_to_gguf.py of llama.cpp takes others",
        )
    kinds = [CONTROL if piece.text in CONTROL_TOKENS else piece.kind for piece in model.pieces]
    entries = [piece.text for piece in model.pieces]
    return GgufVocabulary("llama", entries, kinds, [piece.score for piece in model.pieces])


def _of_bytelevel(content: dict[str, Any], control: set[int]) -> GgufVocabulary:
    model, added = content["model"], content.get("added_tokens") or []
    if model.get("type", "BPE") != "BPE" or model.get("byte_fallback"):
        raise _unknown(f"its model is {model.get('type')}, or falls back to bytes")
    if any(row.get("lstrip") or row.get("rstrip") or row.get("single_word") for row in added):
        raise _unknown("its added tokens take spaces with them")
    normalizer = content.get("normalizer")
    if normalizer not in (None, {"type": "NFC"}):
        raise _unknown(f"it changes texts first, by {normalizer.get('type')}")
    cut = _cut(content)
    rows = {int(i): (str(text), NORMAL) for text, i in model["vocab"].items()}
    for row in added:
        i = int(row["id"])
        rows[i] = (str(row["content"]), CONTROL if i in control else USER_DEFINED)
    filled = [rows.get(i, (f"[PAD{i}]", UNUSED)) for i in range(1 + max(rows))]
    # Older files write a merge as one string, newer ones as a pair.
    merges = [row if isinstance(row, str) else " ".join(row) for row in model["merges"]]
    entries, kinds = [text for text, _ in filled], [kind for _, kind in filled]
    return GgufVocabulary("gpt2", entries, kinds, None, merges, cut, normalizer is not None)


def _cut(content: dict[str, Any]) -> str:
    """Return how llama.cpp calls the way in which words are cut."""
    whole = bool(content["model"].get("ignore_merges"))
    steps = [content.get("pre_tokenizer") or {}]
    steps = steps[0].get("pretokenizers", steps)
    last = steps[-1]
    if last.get("type") == "ByteLevel" and not last.get("add_prefix_space"):
        if len(steps) == 1 and last.get("use_regex", True) and not whole:
            return "gpt-2"
        pattern = (steps[0].get("pattern") or {}).get("Regex", "")
        name, wants_whole = CUTS.get(pattern, ("", whole))
        if len(steps) == 2 and name and wants_whole == whole and not last.get("use_regex", True):
            return name
    names = ", ".join(["gpt-2", *(name for name, _ in CUTS.values())])
    raise _unknown(f"it cuts words by another rule than those known here: {names}")


def _unknown(cause: str) -> MindError:
    return MindError(
        "this tokenizer is not written as GGUF", cause=cause,
        hint="convert_hf_to_gguf.py of llama.cpp knows the tokenizers of many models",
    )  # fmt: skip


def _write(
    path: Path, vocabulary: GgufVocabulary, special: dict[str, int], name: str, template: str
) -> None:
    writer = _library().GGUFWriter(path, ARCHITECTURE)
    writer.add_type("model")
    writer.add_name(name)
    writer.add_tokenizer_model(vocabulary.model)
    if vocabulary.cut:
        writer.add_tokenizer_pre(vocabulary.cut)
    writer.add_token_list(vocabulary.entries)
    if vocabulary.scores is not None:
        writer.add_token_scores(vocabulary.scores)
        if UNKNOWN in vocabulary.kinds:
            writer.add_unk_token_id(vocabulary.kinds.index(UNKNOWN))
    writer.add_token_types(vocabulary.kinds)
    if vocabulary.merges is not None:
        writer.add_token_merges(vocabulary.merges)
    # An end stands for a beginning, too, as in Hugging Face's form: texts follow an end.
    writer.add_bos_token_id(special[END])
    writer.add_eos_token_id(special[END])
    if PAD in special:
        writer.add_pad_token_id(special[PAD])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    if template:
        writer.add_chat_template(_GENERATION.sub(r"{#\1\2#}", template))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def _library() -> Any:
    try:
        import gguf
    except ImportError as error:
        raise UsageError(
            "--to gguf needs the package gguf", cause=error, hint="pip install 'mind-tok[gguf]'"
        ) from None
    return gguf
