"""What mind-tok offers by itself, registered through the hooks that plugins use."""

from __future__ import annotations

import pluggy

from mind_core import Offers
from mind_tok.tokenizer import TokenizerKind

hookimpl = pluggy.HookimplMarker("mind_tok")


@hookimpl
def register_tokenizers() -> Offers[TokenizerKind]:
    """Offer the two models of SentencePiece, and what other models bring along."""
    return {
        "bpe": "mind_tok.sentencepiece:Bpe",
        "unigram": "mind_tok.sentencepiece:Unigram",
        "bytelevel": "mind_tok.bytelevel:ByteLevel",
        "huggingface": "mind_tok.huggingface:HuggingFace",
    }
