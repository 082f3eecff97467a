"""The tokenizer as every other tool sees it, whatever made it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mind_core import MindError
from mind_core.special_tokens import END, PAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "mind-tokenizer"
VERSION = 1
HOOK = "register_tokenizers"


@dataclass(frozen=True)
class Token:
    """One entry of a vocabulary: its bytes in a text, and what kind of entry it is."""

    data: bytes
    kind: str
    """"text", "byte" (one byte of a character that has no entry), "mask" (stands for private data,
    found in texts), "control" (never made from text) or "unknown"."""


class Tokenizer(ABC):
    """Turn texts into ids and back, without loss: `decode(encode(text)) == text`.

    `manifest` is the content of the folder's manifest; `sha256` names the vocabulary and its rules.
    """

    manifest: dict[str, Any]
    vocab_size: int
    sha256: str
    special_ids: dict[str, int]
    """The ids of control tokens and masks by their names in `mind_core.special_tokens`."""

    @abstractmethod
    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text. No text ever makes a control token.

        Raises `MindError` for a text that holds half of a surrogate pair.
        """

    @abstractmethod
    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; control tokens give none.

        Raises `MindError` for an id outside of the vocabulary.
        """

    @abstractmethod
    def vocabulary(self) -> list[Token]:
        """Return all `vocab_size` entries in the order of their ids."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write the tokenizer as a new folder, whole or not at all, manifest last."""

    def encode_flat(
        self,
        texts: Sequence[str],
        end_id: int = -1,
        encoded: Sequence[bytes] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all texts end to end, and where each text's end, (texts,).

        `end_id` follows each text if it is not negative. `encoded` are the texts in UTF-8, if they
        are at hand. A kind that can do this without a Python object for each text overrides it.
        """
        import numpy as np

        del encoded

        rows = self.encode_arrays(texts)
        if end_id >= 0:
            end = np.array([end_id], np.int32)
            rows = [np.concatenate([row, end]) for row in rows]
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        # The empty array in front: of no text there is nothing to concatenate.
        return np.concatenate([np.empty(0, np.int32), *rows]), ends

    def warm_up(self) -> None:  # noqa: B027 - most kinds have nothing to do
        """Get ready for much text, before worker processes are made: they share what is loaded."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of one text."""
        ids: list[int] = self.encode_arrays([text])[0].tolist()
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text."""
        return [ids.tolist() for ids in self.encode_arrays(texts)]

    @property
    def end_id(self) -> int:
        """Return the id that ends a document and an answer."""
        return self.special_id(END)

    @property
    def pad_id(self) -> int:
        """Return the id that fills a batch up."""
        return self.special_id(PAD)

    def special_id(self, name: str) -> int:
        """Return the id of a special token; raise `MindError` if this vocabulary has none."""
        if name not in self.special_ids:
            raise MindError(
                f"the tokenizer has no token {name}",
                hint="train one with `mind-tok train`, which registers the table of the tools",
            )
        return self.special_ids[name]


class TokenizerKind(Protocol):
    """What a factory of `register_tokenizers` makes: it trains and loads one kind of tokenizer.

    One that has `train_counts(counts, vocab_size)`, where counts are pairs of a unit and how often
    it occurs, goes with `mind-tok train --counts`.
    """

    def train(self, texts: Iterable[str], vocab_size: int) -> Tokenizer:
        """Return a tokenizer of exactly `vocab_size` entries; the same texts give the same bytes.

        Raises `MindError` if the texts are too few for that many entries.
        """

    def load(self, folder: Path, manifest: dict[str, Any]) -> Tokenizer:
        """Return the tokenizer of a folder whose manifest names this kind."""
