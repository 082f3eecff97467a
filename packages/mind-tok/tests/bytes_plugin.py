"""A tokenizer plugin: every byte a token. It shows the seam, and that its users need no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pluggy
from numpy.typing import NDArray

from mind_core import MindError, Offers
from mind_core.files import atomic_folder, write_manifest
from mind_core.special_tokens import CONTROL_TOKENS
from mind_tok import Token, Tokenizer, TokenizerKind

hookimpl = pluggy.HookimplMarker("mind_tok")


class ByteTokenizer(Tokenizer):
    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self.sha256 = f"{vocab_size:064x}"
        self.special_ids = {name: 256 + i for i, name in enumerate(CONTROL_TOKENS)}
        self.manifest = {
            "format": "mind-tokenizer",
            "version": 1,
            "kind": "octets",
            "component": "octets",
            "vocab_size": vocab_size,
        }

    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        try:
            return [np.frombuffer(text.encode(), np.uint8).astype(np.int32) for text in texts]
        except UnicodeEncodeError as error:
            raise MindError("half of a surrogate pair", cause=error) from None

    def decode(self, ids: Sequence[int]) -> str:
        if any(not 0 <= i < self.vocab_size for i in ids):
            raise MindError("no such token")
        return bytes(i for i in ids if i < 256).decode("utf-8", "replace")

    def vocabulary(self) -> list[Token]:
        fixed = [Token(bytes([i]), "byte") for i in range(256)]
        fixed += [Token(name.encode(), "control") for name in CONTROL_TOKENS]
        return fixed + [Token(b"", "text")] * (self.vocab_size - len(fixed))

    def save(self, folder: str | Path) -> None:
        with atomic_folder(folder) as partial:
            write_manifest(partial, self.manifest)


@dataclass(frozen=True)
class Bytes:
    """Make every byte a token."""

    def train(self, texts: Iterable[str], vocab_size: int) -> Tokenizer:
        for _ in texts:
            pass
        return ByteTokenizer(vocab_size)

    def load(self, folder: Path, manifest: dict[str, Any]) -> Tokenizer:
        return ByteTokenizer(manifest["vocab_size"])


@hookimpl
def register_tokenizers() -> Offers[TokenizerKind]:
    return {"octets": Bytes}
