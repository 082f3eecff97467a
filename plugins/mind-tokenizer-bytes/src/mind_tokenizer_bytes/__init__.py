"""A tokenizer for mind-tok: each byte of UTF-8 is a token, as in ByT5 (Xue et al. 2022)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mind_core import MindError, Offers
from mind_core.files import atomic_folder, write_manifest
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_tok import Token, Tokenizer, TokenizerKind, hookimpl

SPECIAL = (*CONTROL_TOKENS, *PII_TOKENS)
FIRST = len(SPECIAL)  # the id of byte 0
SIZE = FIRST + 256
MASK = re.compile("|".join(map(re.escape, PII_TOKENS)))


class BytesTokenizer(Tokenizer):
    """Turn a text into its bytes; a mask in a text is one token, and no text makes a control."""

    def __init__(self) -> None:
        self.vocab_size = SIZE
        self.special_ids = {name: number for number, name in enumerate(SPECIAL)}
        # There is no file to hash: the special tokens alone tell two such tokenizers apart.
        self.sha256 = hashlib.sha256("\n".join(SPECIAL).encode()).hexdigest()
        self.manifest: dict[str, Any] = {
            "format": "mind-tokenizer",
            "version": 1,
            "kind": "bytes",
            "component": "bytes",
            "vocab_size": SIZE,
            "special_tokens": self.special_ids,
            "sha256": self.sha256,
        }

    @cached_property
    def _entries(self) -> list[Token]:
        masks = set(PII_TOKENS)
        kinds = [Token(n.encode(), "mask" if n in masks else "control") for n in SPECIAL]
        return kinds + [Token(bytes([n]), "text" if n < 128 else "byte") for n in range(256)]

    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> NDArray[np.int32]:
        parts: list[NDArray[np.int32]] = []
        at = 0
        # Masks only: a text that spells a control token is bytes like any other.
        for found in MASK.finditer(text):
            mask = np.array(self.special_ids[found[0]], np.int32, ndmin=1)
            parts += [_of_bytes(text[at : found.start()]), mask]
            at = found.end()
        return np.concatenate([*parts, _of_bytes(text[at:])])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; control tokens give none."""
        out = bytearray()
        for i in ids:
            if not 0 <= i < SIZE:
                raise MindError(f"there is no token {i} in a vocabulary of {SIZE}")
            if self._entries[i].kind != "control":
                out += self._entries[i].data
        return out.decode("utf-8", "replace")

    def vocabulary(self) -> list[Token]:
        """Return all entries in the order of their ids."""
        return list(self._entries)

    def save(self, folder: str | Path) -> None:
        """Write the manifest, which is all there is."""
        with atomic_folder(folder) as partial:
            write_manifest(partial, self.manifest)


def _of_bytes(text: str) -> NDArray[np.int32]:
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise MindError("a text holds half of a surrogate pair", cause=error) from None
    # Wider first: in 8 bits the sum would wrap round.
    return np.frombuffer(data, np.uint8).astype(np.int32) + FIRST


@dataclass(frozen=True)
class Bytes:
    """Take each byte of UTF-8 as a token; there is nothing to train."""

    def train(self, texts: Iterable[str], vocab_size: int) -> BytesTokenizer:
        """Return the tokenizer; raise `MindError` for another size than it has."""
        for _ in texts:  # the stream is read to its end, so that what is wrong in it is found
            pass
        if vocab_size != SIZE:
            raise MindError(
                f"bytes are {SIZE} tokens, not {vocab_size}", hint=f"--vocab-size {SIZE}"
            )
        return BytesTokenizer()

    def load(self, folder: Path, manifest: dict[str, Any]) -> BytesTokenizer:
        """Return the tokenizer of a folder; raise `MindError` if it has other special tokens."""
        made = BytesTokenizer()
        if manifest.get("sha256") != made.sha256:
            raise MindError(f"{folder} has other special tokens", hint="use the version it is of")
        return made


@hookimpl
def register_tokenizers() -> Offers[TokenizerKind]:
    """Offer the kind; its name goes into the folder's manifest as `component`."""
    return {"bytes": Bytes}
