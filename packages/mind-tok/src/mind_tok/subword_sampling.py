"""Other cuts of a text into entries by chance: BPE dropout (Provilkov et al. 2020).

A model that sees a word in several cuts learns what its parts have in common. SentencePiece's own
sampling draws other numbers in each process, whatever its seed; here each text has a seed that is
made of its hash, so the same texts get the same ids from any number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mind_core.errors import UsageError
from mind_tok.bytelevel import ByteLevelTokenizer
from mind_tok.sampling import hashes64
from mind_tok.sentencepiece import SentencePieceTokenizer
from mind_tok.surrogates import packed
from mind_tok.tokenizer import Tokenizer

_SEEDS = 0x7FFFFFFE
"""Seeds are from 1 up to this."""


@dataclass(frozen=True)
class SubwordSampling:
    """How texts are cut by chance."""

    share: float
    """The probability that a merge is left out in a step."""

    seed: int = 0
    held_out_below: int = 0
    """Texts with a lower hash are held out for validation, and cut as always."""

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise UsageError(
                f"--dropout {self.share} is not above 0 and up to 1", hint="0.1 is usual"
            )

    def check(self, tokenizer: Tokenizer) -> None:
        """Raise `UsageError` for a tokenizer that has no merges here to leave out."""
        kinds = (SentencePieceTokenizer, ByteLevelTokenizer)
        if not isinstance(tokenizer, kinds) or tokenizer.loops() is None:
            raise UsageError(
                f"--dropout: a {tokenizer.manifest.get('component')} tokenizer is no BPE that is "
                "encoded here",
                hint="SentencePiece's BPE and byte-level BPE as GPT-2's are",
            )

    def encode_flat(
        self,
        tokenizer: Tokenizer,
        texts: Sequence[str],
        encoded: Sequence[bytes],
        keys: NDArray[np.uint64],
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return what the tokenizer's `encode_flat` does, with an end token behind each text.

        `keys` are the hashes by which texts are held out, (n,).
        """
        assert isinstance(tokenizer, (SentencePieceTokenizer, ByteLevelTokenizer))
        loops = tokenizer.loops()
        assert loops is not None, "checked before"
        cuts, merges = loops
        data, offsets = packed(texts, encoded)
        seeds = (hashes64(encoded, self.seed) % np.uint64(_SEEDS)).astype(np.int64) + 1
        segments, of_texts, special = cuts(data, offsets)
        flat, ends = merges.dropped(
            data, segments, of_texts, special, tokenizer.end_id, self.share, seeds
        )
        held = np.flatnonzero(keys < np.uint64(self.held_out_below))
        if not len(held):
            return flat, ends
        rows = np.split(flat, ends[:-1])
        end = np.array([tokenizer.end_id], np.int32)
        for i in held.tolist():
            rows[i] = np.append(tokenizer.encode_arrays([texts[i]])[0], end).astype(np.int32)
        return np.concatenate(rows), np.cumsum([len(row) for row in rows], dtype=np.int64)
