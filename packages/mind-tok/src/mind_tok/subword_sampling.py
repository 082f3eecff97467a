"""Other cuts of a text into entries by chance: BPE dropout and sampling from a unigram model.

A model that sees a word in several cuts learns what its parts have in common. SentencePiece's own
sampling draws other numbers in each process, whatever its seed; here each text has a seed that is
made of its hash, so the same texts get the same ids from any number of workers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

MAX_ALPHA = 10.0


@dataclass(frozen=True)
class SubwordSampling(ABC):
    """How texts are cut by chance."""

    strength: float
    seed: int = 0
    held_out_below: int = 0
    """Texts with a lower hash are held out for validation, and cut as always."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return what the manifest of shards says."""

    @abstractmethod
    def check(self, tokenizer: Tokenizer) -> None:
        """Raise `UsageError` for a tokenizer whose texts cannot be cut so."""

    @abstractmethod
    def sampled(
        self, tokenizer: Tokenizer, data: NDArray[np.uint8], offsets: NDArray[np.int64],
        seeds: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:  # fmt: skip
        """Return ids of packed texts, each with an end token, and where each text's end.

        `seeds`, (n,), are from 1 to 2³¹ - 2.
        """

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
        data, offsets = packed(texts, encoded)
        # 0 would be a fixed point of the generator, as would be its modulus.
        seeds = (hashes64(encoded, self.seed) % np.uint64(_SEEDS)).astype(np.int64) + 1
        flat, ends = self.sampled(tokenizer, data, offsets, seeds)
        held = np.flatnonzero(keys < np.uint64(self.held_out_below))
        if not len(held):
            return flat, ends
        rows = np.split(flat, ends[:-1])
        end = np.array([tokenizer.end_id], np.int32)
        for i in held.tolist():
            rows[i] = np.append(tokenizer.encode_arrays([texts[i]])[0], end).astype(np.int32)
        return np.concatenate(rows), np.cumsum([len(row) for row in rows], dtype=np.int64)


@dataclass(frozen=True)
class BpeDropout(SubwordSampling):
    """Leave merges out by chance (Provilkov et al. 2020); `strength` is the probability."""

    def __post_init__(self) -> None:
        if not 0 < self.strength <= 1:
            raise UsageError(
                f"--dropout {self.strength} is not above 0 and up to 1", hint="0.1 is usual"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """Return the share of merges left out, and the seed."""
        return {"dropout": self.strength, "sampling_seed": self.seed}

    def check(self, tokenizer: Tokenizer) -> None:
        """Raise `UsageError` for a tokenizer that has no merges here to leave out."""
        kinds = (SentencePieceTokenizer, ByteLevelTokenizer)
        if not isinstance(tokenizer, kinds) or tokenizer.loops() is None:
            unigram = isinstance(tokenizer, SentencePieceTokenizer) and tokenizer.lattice
            raise UsageError(
                f"--dropout: a {tokenizer.manifest.get('component')} tokenizer is no BPE that is "
                "encoded here",
                hint="a unigram model samples with --alpha 0.1"
                if unigram
                else "SentencePiece's BPE and byte-level BPE as GPT-2's are",
            )

    def sampled(
        self, tokenizer: Tokenizer, data: NDArray[np.uint8], offsets: NDArray[np.int64],
        seeds: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:  # fmt: skip
        """Return ids of texts whose merges are left out by chance."""
        assert isinstance(tokenizer, (SentencePieceTokenizer, ByteLevelTokenizer))
        loops = tokenizer.loops()
        assert loops is not None, "checked before"
        cuts, merges = loops
        segments, of_texts, special = cuts(data, offsets)
        return merges.dropped(
            data, segments, of_texts, special, tokenizer.end_id, self.strength, seeds
        )


@dataclass(frozen=True)
class UnigramSampling(SubwordSampling):
    """Draw each cut with its probability to the power of alpha (Kudo 2018), the `strength`."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and 0 <= self.strength <= MAX_ALPHA):
            raise UsageError(
                f"--alpha {self.strength} is not from 0 to {MAX_ALPHA:g}",
                hint="0.1 is usual; 1 samples as the model says, 0 all cuts alike",
            )

    @property
    def settings(self) -> dict[str, Any]:
        """Return alpha and the seed."""
        return {"alpha": self.strength, "sampling_seed": self.seed}

    def check(self, tokenizer: Tokenizer) -> None:
        """Raise `UsageError` for a tokenizer without probabilities."""
        if not isinstance(tokenizer, SentencePieceTokenizer) or tokenizer.lattice is None:
            kinds = (SentencePieceTokenizer, ByteLevelTokenizer)
            bpe = isinstance(tokenizer, kinds) and tokenizer.loops() is not None
            raise UsageError(
                f"--alpha: a {tokenizer.manifest.get('component')} tokenizer is no unigram model "
                "that keeps its text",
                hint="BPE leaves merges out with --dropout 0.1"
                if bpe
                else "mind-tok train --kind unigram makes one",
            )

    def sampled(
        self, tokenizer: Tokenizer, data: NDArray[np.uint8], offsets: NDArray[np.int64],
        seeds: NDArray[np.int64],
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:  # fmt: skip
        """Return ids of texts by cuts that are drawn."""
        assert isinstance(tokenizer, SentencePieceTokenizer) and tokenizer.lattice is not None
        lattice = tokenizer.lattice
        cuts = lattice.cuts(data, offsets)
        return lattice.sampled(data, *cuts, tokenizer.end_id, self.strength, seeds)
