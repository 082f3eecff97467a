"""SentencePiece's BPE, several times faster and with exactly its ids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mind_core.kernels.packed import Bytes, Offsets
from mind_tok.bpe.derive_merges import splits
from mind_tok.bpe.safe_splits import CODE_POINTS, PairCuts
from mind_tok.bpe.tables import Merges
from mind_tok.sentencepiece_model import (
    BPE,
    BYTE,
    NORMAL,
    UNUSED,
    USER_DEFINED,
    ModelFile,
)

SPACE = "\u2581"


class SentencePieceBpe:
    """Encode packed UTF-8 with the merges of a model; a literal ▁ (U+2581) becomes its bytes.

    SentencePiece starts from single characters and merges the two neighbours that make the entry of
    the highest score, the leftmost of equals, until none do; user-defined symbols are found first
    and never merged (`bpe_model.cc`). What no entry holds is written in bytes.
    """

    def __init__(self, model: ModelFile) -> None:
        """Make the tables; `why_not(model)` must have been None."""
        numbers = [i for i, piece in enumerate(model.pieces) if piece.kind == NORMAL]
        # Loops read the text as it is: the model's ▁ is a space there.
        texts = [model.pieces[i].text.replace(SPACE, " ") for i in numbers]
        ids = np.array(numbers, np.int64)
        frozen = [
            (piece.text.encode(), i)
            for i, piece in enumerate(model.pieces)
            if piece.kind == USER_DEFINED
        ]
        # For every code point, 4 MB: one load a character, and no look-up can fail.
        symbols = np.full(CODE_POINTS, -1, np.int32)
        for text, i in zip(texts, numbers, strict=True):
            if len(text) == 1:
                symbols[ord(text)] = i
        self.cuts = PairCuts(texts, frozen, symbols)
        byte_ids = np.full(256, -1, np.int32)
        for i, piece in enumerate(model.pieces):
            if piece.kind == BYTE:
                # Written <0xE4> in the model.
                byte_ids[int(piece.text[3:5], 16)] = i
        left, right, whole = splits([text.encode() for text in texts]).T
        # The higher the score, the earlier it merges.
        _, ranks = np.unique([-model.pieces[i].score for i in numbers], return_inverse=True)
        rows = np.column_stack([ids[left], ids[right], ranks[whole], ids[whole]])
        self.merges = Merges(rows, symbols, byte_ids)

    def __call__(
        self, data: Bytes, offsets: Offsets, end_id: int = -1
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Return the ids of all texts, and where each text's end."""
        return self.merges(data, *self.cuts(data, offsets), end_id)


def why_not(model: ModelFile) -> str | None:
    """Return what a model has that these loops do not do, or None."""
    if model.model_type != BPE:
        return "it is no BPE model"
    if not model.keeps_text:
        return "it changes the text before it is encoded"
    if not model.byte_fallback:
        return "it has no bytes for unknown characters"
    # Merges go through such entries, and SentencePiece takes them apart again afterwards.
    if any(piece.kind == UNUSED for piece in model.pieces):
        return "it has entries that are not used"
    # Frozen symbols are looked for in the text as it is, where no ▁ stands for a space.
    if any(SPACE in piece.text for piece in model.pieces if piece.kind == USER_DEFINED):
        return "a user-defined symbol holds a space"
    texts = [piece.text for piece in model.pieces if piece.kind == NORMAL]
    # Merges start from characters: an entry with one that is none could not be put together.
    if len(set(texts)) != len(texts) or not set("".join(texts)) <= set(texts):
        return "a character of an entry has no entry itself"
    return None
