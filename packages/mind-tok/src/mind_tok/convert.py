"""Take over tokenizers as others ship them, and hand ours on in the form that others read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.files import MANIFEST
from mind_core.plugins import Plugins
from mind_core.special_tokens import END, PAD
from mind_core.summary import version_of
from mind_core.untrusted import as_written
from mind_core.whole_files import read_whole
from mind_tok.bytelevel import FILE, ByteLevelTokenizer
from mind_tok.bytelevel_file import find_pair, from_pair
from mind_tok.huggingface import HuggingFaceTokenizer
from mind_tok.loading import load_tokenizer
from mind_tok.sentencepiece import MODEL, SentencePieceTokenizer
from mind_tok.sentencepiece_model import BPE, BYTE, CONTROL, ModelFile, read_model
from mind_tok.tokenizer import FORMAT, VERSION, Tokenizer


def read_any(path: str | Path, plugins: Plugins | None = None) -> Tokenizer:
    """Return the tokenizer of a folder or file: ours, SentencePiece's, GPT-2's or Hugging Face's.

    A folder may hold our manifest, `tokenizer.model`, `tokenizer.json`, `vocab.json` with
    `merges.txt`, or `encoder.json` with `vocab.bpe`. Raises `MindError` if it is none of these.
    """
    path = Path(path)
    # Ours first: such a folder may hold a `tokenizer.json` or `tokenizer.model` as well.
    if (path / MANIFEST).is_file():
        return load_tokenizer(path, plugins)
    model = path / MODEL if path.is_dir() else path
    if model.is_file() and model.suffix == ".model":
        return from_sentencepiece(read_whole(model))
    file = path / FILE if path.is_dir() else path
    if file.is_file() and file.suffix == ".json":
        return from_tokenizer_json(read_whole(file))
    if path.is_dir() and (pair := find_pair(path)):
        with as_written(path):
            return ByteLevelTokenizer(from_pair(*pair, special=[END]), {})
    raise MindError(
        f"{path} holds no tokenizer" if path.exists() else f"{path} does not exist",
        hint=f"a folder with {MODEL}, {FILE}, vocab.json and merges.txt, or one that "
        "`mind-tok train` made",
    )


def from_tokenizer_json(data: bytes) -> Tokenizer:
    """Return a byte-level BPE in loops of our own if it is as GPT-2's, else the library's."""
    try:
        return ByteLevelTokenizer(data, {})
    # Any other tokenizer.json is the library's; what is none at all fails there again.
    except MindError:
        return HuggingFaceTokenizer(data, {})


def from_sentencepiece(data: bytes) -> SentencePieceTokenizer:
    """Return the tokenizer of a model file that some other tool trained."""
    model = read_model(data)
    if sum(piece.kind == BYTE for piece in model.pieces) != 256:
        raise MindError(
            "this SentencePiece model has no byte entries",
            cause="what it does not know it cannot write, so texts would be lost",
            hint="train one with byte_fallback, as `mind-tok train` does",
        )
    tokenizer = SentencePieceTokenizer(data, {"special_tokens": _special_ids(model)})
    tokenizer.manifest.update(_about(tokenizer, model))
    return tokenizer


def _special_ids(model: ModelFile) -> dict[str, int]:
    """Return the ids of end and padding by the names that they usually have."""
    ids = {p.text: i for i, p in enumerate(model.pieces) if p.kind == CONTROL}
    found: dict[str, int] = {}
    for name, others in ((END, (END, "</s>", "<eos>")), (PAD, (PAD, "<pad>"))):
        for other in others:
            if other in ids:
                # The first of the names that the model has.
                found.setdefault(name, ids[other])
    return found


def _about(tokenizer: SentencePieceTokenizer, model: ModelFile) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": "sentencepiece",
        "component": "bpe" if model.model_type == BPE else "unigram",
        "vocab_size": tokenizer.vocab_size,
        "special_tokens": tokenizer.special_ids,
        "sha256": tokenizer.sha256,
        "size": len(tokenizer.model),
        "versions": {name: version_of(name) for name in ("mind-tok", "sentencepiece")},
    }
