"""Byte-level BPE as GPT-2 and GPT-Neo have it, with added tokens: no text is ever unknown to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.files import atomic_file, atomic_folder, write_manifest
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_core.summary import version_of
from mind_core.untrusted import inside
from mind_core.whole_files import read_whole
from mind_tok.bytelevel_file import (
    REPLACED,
    ByteLevelFile,
    read_bytelevel,
    read_replaced,
    token_bytes,
    write_replaced,
)
from mind_tok.fast_engine import EngineForLargeInput, fast_engine, with_ends
from mind_tok.surrogates import packed
from mind_tok.tokenizer import FORMAT, VERSION, Token, Tokenizer

if TYPE_CHECKING:
    from mind_tok.bpe.gpt2_pretokenizer import Gpt2Cuts
    from mind_tok.bpe.tables import Merges

FILE = "tokenizer.json"

_MIN_LARGE_BYTES = 1 << 23
"""Bytes that the loops encode while the faster library would be loaded."""


class ByteLevelTokenizer(Tokenizer):
    """Hold one byte-level BPE: vocabulary, merges and added tokens of a `tokenizer.json`."""

    def __init__(
        self, data: bytes, manifest: dict[str, Any], replaced: dict[int, list[int]] | None = None
    ) -> None:
        """`data` is a `tokenizer.json`; `replaced` says which older ids each new token stands for.

        Raises `MindError` if it is another kind of tokenizer.
        """
        self.data = data
        self.replaced = replaced or {}
        self.file: ByteLevelFile = read_bytelevel(data)
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.entries = self.file.entries()
        self.vocab_size = len(self.entries)
        ids = {text: i for i, text in self.file.added.items()}
        known = {**self.file.vocab, **ids}
        self.special_ids = {n: known[n] for n in (*CONTROL_TOKENS, *PII_TOKENS) if n in known}
        # Texts never make control tokens, whatever these are called here.
        # Masks may be marked special, and yet a cleaned text spells them on purpose.
        self.control = self.file.special - {self.special_ids.get(name) for name in PII_TOKENS}
        self.control |= {i for name, i in self.special_ids.items() if name in CONTROL_TOKENS}
        self.manifest = manifest or self._manifest()

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers get the file and make the tables anew: those are larger, and hold a cache.
        return (ByteLevelTokenizer, (self.data, self.manifest, self.replaced))

    @cached_property
    def _loops(self) -> tuple[Gpt2Cuts, Merges]:
        from mind_tok.bpe.gpt2_pretokenizer import Gpt2Cuts
        from mind_tok.bpe.tables import Merges

        vocab = self.file.vocab
        byte_ids = np.full(256, -1, np.int32)
        for text, i in vocab.items():
            # One letter of GPT-2's alphabet is one byte.
            if len(text) == 1 and i not in self.control:
                byte_ids[token_bytes(text)[0]] = i
        added = {
            text.encode(): i
            for i, text in self.file.added.items()
            if i not in self.control and text
        }
        merges = [
            (vocab[left], vocab[right], rank, vocab[left + right])
            for rank, (left, right) in enumerate(self.file.merges)
        ]
        # Reshaped, as a file without merges gives an empty array of one dimension.
        rows = np.array(merges, np.int64).reshape(-1, 4)
        return Gpt2Cuts(added), Merges(rows, byte_ids, byte_ids)

    def loops(self) -> tuple[Gpt2Cuts, Merges]:
        """Return what cuts and what merges, in loops of our own."""
        return self._loops

    @cached_property
    def _plain(self) -> dict[str, Any]:
        """Return the file without control tokens: no text can forge one. Others move up."""
        import tokenizers

        content: dict[str, Any] = orjson.loads(self.data)
        rows = content.get("added_tokens") or []
        content["added_tokens"] = [row for row in rows if int(row["id"]) not in self.control]
        # It would add tokens of its own around each text.
        content["post_processor"] = None
        made = tokenizers.Tokenizer.from_str(orjson.dumps(content).decode())
        plain: dict[str, Any] = orjson.loads(made.to_str())
        return plain

    @cached_property
    def _ids(self) -> NDArray[np.int32]:
        """Return the id of each entry of the file without control tokens."""
        added = {text: i for i, text in self.file.added.items()}
        known = {**self._plain["model"]["vocab"]}
        known |= {row["content"]: int(row["id"]) for row in self._plain["added_tokens"]}
        ids = np.full(1 + max(known.values(), default=-1), -1, np.int32)
        for text, i in known.items():
            ids[i] = added.get(text, self.file.vocab.get(text, -1))
        return ids

    @cached_property
    def _engine(self) -> EngineForLargeInput:
        """Return the faster library, for much text, if it is there and gives what the loops do."""

        def by_loops(texts: Sequence[str]) -> list[Sequence[int]]:
            cuts, merges = self._loops
            data, offsets = packed(texts, None)
            flat, ends = merges(data, *cuts(data, offsets), -1)
            # The loops give ids of the whole file, the probes are compared in those of
            # the plain one.
            where = {new: old for old, new in enumerate(self._ids.tolist())}
            return [[where[i] for i in row.tolist()] for row in np.split(flat, ends[:-1])]

        return EngineForLargeInput(lambda: fast_engine(self._plain, by_loops), _MIN_LARGE_BYTES)

    def warm_up(self) -> None:
        """Load the faster library, or make the tables of the loops and load their code."""
        if self._engine.now() is None:
            self.encode_flat([" "])

    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return the ids of each text."""
        ids, ends = self.encode_flat(texts)
        return np.split(ids, ends[:-1]) if len(texts) else []

    def encode_flat(
        self,
        texts: Sequence[str],
        end_id: int = -1,
        encoded: Sequence[bytes] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all texts end to end, and where each text's end."""
        data, offsets = packed(texts, encoded)
        engine = self._engine.after(len(data))
        if engine is not None:
            ids, ends = engine.encode(texts)
            return with_ends(self._ids[ids], ends, end_id)
        cuts, merges = self._loops
        return merges(data, *cuts(data, offsets), end_id)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; bytes that are no UTF-8 become U+FFFD."""
        row = [int(i) for i in ids]
        for i in row:
            if not 0 <= i < self.vocab_size:
                raise MindError(
                    f"there is no token {i} in a vocabulary of {self.vocab_size:,}",
                    hint="decode with the tokenizer that the ids were made with",
                )
        parts = (self.entries[i] for i in row if i not in self.control)
        return b"".join(parts).decode("utf-8", "replace")

    def vocabulary(self) -> list[Token]:
        """Return all entries in the order of their ids."""
        masks = {self.special_ids[name] for name in PII_TOKENS if name in self.special_ids}
        rows = []
        for i, data in enumerate(self.entries):
            kind = "control" if i in self.control else "mask" if i in masks else "text"
            # A byte below 0x80 is a character of ASCII; one above is a part of some.
            if kind == "text" and len(data) == 1 and data[0] >= 0x80:
                kind = "byte"
            rows.append(Token(data, kind))
        return rows

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.json`, what new tokens replace, and the manifest."""
        with atomic_folder(folder) as partial:
            with atomic_file(partial / FILE) as file:
                file.write(self.data)
            if self.replaced:
                write_replaced(partial / REPLACED, self.replaced, self.entries)
            write_manifest(partial, self.manifest)

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "kind": "bytelevel",
            "component": "bytelevel",
            "vocab_size": self.vocab_size,
            "special_tokens": self.special_ids,
            "sha256": self.sha256,
            "size": len(self.data),
            "versions": {"mind-tok": version_of("mind-tok")},
        }


@dataclass(frozen=True)
class ByteLevel:
    """Merge the most frequent pairs of bytes: byte-level BPE as GPT-2's, trained by `tokenizers`.

    `convert` takes one over, `extend` adds Chinese tokens to it.
    """

    min_frequency: int = 2
    """How often a pair has to occur to be merged."""

    def __post_init__(self) -> None:
        if self.min_frequency < 1:
            raise ValueError(f"min_frequency is a count from 1 on, not {self.min_frequency}")

    def train(self, texts: Iterable[str], vocab_size: int) -> ByteLevelTokenizer:
        """Return a tokenizer trained on texts; raise `MindError` if they are too few for it."""
        from mind_tok.bytelevel_training import train_bytelevel

        tokenizer = ByteLevelTokenizer(train_bytelevel(texts, vocab_size, self.min_frequency), {})
        tokenizer.manifest["options"] = {"min_frequency": self.min_frequency}
        tokenizer.manifest["versions"]["tokenizers"] = version_of("tokenizers")
        return tokenizer

    def train_counts(
        self, counts: Iterable[tuple[str, int]], vocab_size: int
    ) -> ByteLevelTokenizer:
        """Return a tokenizer trained on words and how often each occurs; see `counting.GPT2`."""
        from mind_tok.bytelevel_training import train_bytelevel_counts

        data = train_bytelevel_counts(counts, vocab_size, self.min_frequency)
        tokenizer = ByteLevelTokenizer(data, {})
        tokenizer.manifest["options"] = {"min_frequency": self.min_frequency}
        return tokenizer

    def load(self, folder: Path, manifest: dict[str, Any]) -> ByteLevelTokenizer:
        """Return the tokenizer of a folder; raise `MindError` if its file is not what it was."""
        path = inside(folder, FILE)
        data = read_whole(path)
        # Ids of shards name this hash: with another vocabulary they would be other texts.
        if hashlib.sha256(data).hexdigest() != manifest.get("sha256"):
            raise MindError(
                f"{path} is not the file that its manifest describes",
                cause="its SHA-256 differs: it was changed, or cut",
                hint="take the folder again from where it was made",
            )
        table = folder / REPLACED
        return ByteLevelTokenizer(data, manifest, read_replaced(table) if table.exists() else None)
