"""SentencePiece as a tokenizer without loss: what goes in comes out, and no text forges a token."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from mind_core import MindError
from mind_core.files import atomic_file, atomic_folder, write_manifest
from mind_core.special_tokens import CONTROL_TOKENS, PII_TOKENS
from mind_core.summary import version_of
from mind_core.untrusted import as_written, inside
from mind_core.whole_files import read_whole
from mind_tok.chunking import may_cut, pieces
from mind_tok.sentencepiece_model import read_model
from mind_tok.sentencepiece_training import train_model
from mind_tok.surrogates import packed
from mind_tok.tokenizer import FORMAT, VERSION, Token, Tokenizer

if TYPE_CHECKING:
    from mind_tok.bpe.sentencepiece_bpe import SentencePieceBpe
    from mind_tok.bpe.tables import Merges
    from mind_tok.unigram_lattice import UnigramLattice

MODEL = "tokenizer.model"
SPACE = "\u2581"
"""SentencePiece's stand-in for a space. Decoding makes every one of them a space again, so one that
is really in a text has to travel as its bytes."""

MIN_LOOP_BYTES = 1 << 20
"""UTF-8 bytes from which on a tokenizer gets its own loops ready: that takes about a second, and
SentencePiece encodes as much in less."""


class SentencePieceTokenizer(Tokenizer):
    """Hold one SentencePiece model."""

    def __init__(self, model: bytes, manifest: dict[str, Any]) -> None:
        self.model = model
        self.manifest = manifest
        self.sha256 = hashlib.sha256(model).hexdigest()
        with as_written("this SentencePiece model"):
            self._processor: Any = sentencepiece.SentencePieceProcessor(model_proto=model)
            self.vocab_size = int(self._processor.vocab_size())
            names = {name: self._id(name) for name in (*CONTROL_TOKENS, *PII_TOKENS)}
            found = {name: i for name, i in names.items() if i is not None}
            # A model of others calls its end </s>, which only its manifest says.
            self.special_ids = {**found, **manifest.get("special_tokens", {})}
        self._encoded = 0
        self._fast: SentencePieceBpe | None = None
        self._may_be_fast = True

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers make the processor anew from the model's bytes: it is an object of C++.
        return (SentencePieceTokenizer, (self.model, self.manifest))

    def encode_arrays(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return SentencePiece's ids of each text; a literal U+2581 becomes its three bytes."""
        ids, ends = self.encode_flat(texts)
        return np.split(ids, ends[:-1]) if len(texts) else []

    def encode_flat(
        self,
        texts: Sequence[str],
        end_id: int = -1,
        encoded: Sequence[bytes] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return the ids of all texts end to end; BPE by loops from `MIN_LOOP_BYTES` on."""
        data, offsets = packed(texts, encoded)
        self._encoded += int(offsets[-1])
        if self._encoded > MIN_LOOP_BYTES:
            self.warm_up()
        if self._fast is not None:
            return self._fast(data, offsets, end_id)
        rows = [self._encode(text) for text in texts]
        if end_id >= 0:
            rows = [np.append(row, np.int32(end_id)) for row in rows]
        ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
        return np.concatenate([np.empty(0, np.int32), *rows]), ends

    def loops(self) -> tuple[Any, Merges] | None:
        """Return what cuts and what merges, in loops of our own; None for unigram."""
        self.warm_up()
        return None if self._fast is None else (self._fast.cuts, self._fast.merges)

    @cached_property
    def lattice(self) -> UnigramLattice | None:
        """Return what draws cuts by the model's probabilities; None for BPE and changed texts."""
        from mind_tok.unigram_lattice import UnigramLattice, why_no_lattice

        model = read_model(self.model)
        return UnigramLattice(model) if why_no_lattice(model) is None else None

    def warm_up(self) -> None:
        """Make the tables of the loops for BPE, and load them; unigram stays with SentencePiece."""
        if self._fast is not None or not self._may_be_fast:
            return
        from mind_tok.bpe.sentencepiece_bpe import SentencePieceBpe, why_not

        model = read_model(self.model)
        # Asked once: a model that the loops cannot do stays so.
        self._may_be_fast = why_not(model) is None
        if self._may_be_fast:
            self._fast = SentencePieceBpe(model)
            self._fast(*packed([" "]))  # loads the machine code

    @cached_property
    def _space_ids(self) -> NDArray[np.int32]:
        return np.array([self._id(f"<0x{byte:02X}>") for byte in SPACE.encode()], np.int32)

    @cached_property
    def _may_cut(self) -> bool:
        return may_cut(self._processor.id_to_piece(i) for i in range(self.vocab_size))

    def _id(self, piece: str) -> int | None:
        i = int(self._processor.piece_to_id(piece))
        # SentencePiece gives the id of the unknown entry for what it does not have.
        return i if self._processor.id_to_piece(i) == piece else None

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; bytes that are no UTF-8 become U+FFFD."""
        row = [int(i) for i in ids]
        for i in row:
            if not 0 <= i < self.vocab_size:
                raise MindError(
                    f"there is no token {i} in a vocabulary of {self.vocab_size:,}",
                    hint="decode with the tokenizer that the ids were made with",
                )
        text: str = self._processor.decode(row)
        return text

    def vocabulary(self) -> list[Token]:
        """Return all entries; a space is a space here."""
        return [self._token(i) for i in range(self.vocab_size)]

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.model` and the manifest."""
        with atomic_folder(folder) as partial:
            with atomic_file(partial / MODEL) as file:
                file.write(self.model)
            write_manifest(partial, self.manifest)

    def _encode(self, text: str) -> NDArray[np.int32]:
        rows: list[NDArray[np.int32]] = []
        # The library would take a ▁ of the text for a space, and decode it as one.
        for number, part in enumerate(text.split(SPACE)):
            if number:
                rows.append(self._space_ids)
            # In pieces only where no entry reaches over a cut: else ids would be others.
            for piece in pieces(part) if self._may_cut else [part]:
                rows.append(self._processor.encode(piece, out_type="numpy"))
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def _token(self, i: int) -> Token:
        piece: str = self._processor.id_to_piece(i)
        if self._processor.is_byte(i):
            return Token(bytes([int(piece[3:5], 16)]), "byte")
        if self._processor.is_control(i):
            return Token(piece.encode(), "control")
        if self._processor.is_unknown(i):
            return Token(piece.encode(), "unknown")
        if piece in PII_TOKENS:
            return Token(piece.encode(), "mask")
        return Token(piece.replace(SPACE, " ").encode(), "text")


@dataclass(frozen=True)
class _SentencePiece:
    model: ClassVar[str]

    character_coverage: float = 0.9995
    """The share of characters with an entry of their own; the rest is written in bytes. 0.9995 is
    what SentencePiece advises for languages with many characters."""
    split_digits: bool = True
    max_piece_characters: int = 16
    user_symbols: tuple[str, ...] = ()
    """Strings that are one token each wherever they stand in a text: `<think>`, tags, names."""

    trainer_log: bool = False
    """Let SentencePiece report on stderr while it trains."""

    def __post_init__(self) -> None:
        if not 0.98 <= self.character_coverage <= 1:
            raise ValueError(
                "character_coverage is a share from 0.98 to 1 (SentencePiece's bounds), "
                f"not {self.character_coverage}"
            )
        if isinstance(self.user_symbols, str):
            raise ValueError(f'user_symbols is a list, ["{self.user_symbols}"]')
        # Options come as lists of JSON or TOML; what is frozen is set this way.
        object.__setattr__(self, "user_symbols", tuple(self.user_symbols))
        taken = {*CONTROL_TOKENS, *PII_TOKENS}
        for symbol in self.user_symbols:
            if not isinstance(symbol, str) or not symbol or set(symbol) & set("\0\r\n\t \u2581"):
                raise ValueError(f"user_symbols: {symbol!r} is no string without white space")
            if symbol in taken:
                raise ValueError(f"user_symbols: {symbol!r} is there already")
            taken.add(symbol)
        if not 1 <= self.max_piece_characters <= 512:
            raise ValueError(
                "max_piece_characters is from 1 to 512 (SentencePiece's bounds), "
                f"not {self.max_piece_characters}"
            )

    def train(self, texts: Iterable[str], vocab_size: int) -> SentencePieceTokenizer:
        """Return a tokenizer trained on texts; raise `MindError` if they are too few for it."""
        return self._trained(texts, None, vocab_size)

    def train_counts(
        self, counts: Iterable[tuple[str, int]], vocab_size: int
    ) -> SentencePieceTokenizer:
        """Return a tokenizer trained on units and how often each occurs; see `counting`."""
        return self._trained((), counts, vocab_size)

    def _trained(
        self, texts: Iterable[str], counts: Iterable[tuple[str, int]] | None, vocab_size: int
    ) -> SentencePieceTokenizer:
        model = train_model(
            texts,
            vocab_size,
            model_type=self.model,
            character_coverage=self.character_coverage,
            split_digits=self.split_digits,
            max_piece_characters=self.max_piece_characters,
            user_symbols=self.user_symbols,
            log=self.trainer_log,
            counts=counts,
        )
        tokenizer = SentencePieceTokenizer(model, {})
        options = {name: value for name, value in asdict(self).items() if name != "trainer_log"}
        options["user_symbols"] = list(self.user_symbols)
        tokenizer.manifest.update(
            format=FORMAT,
            version=VERSION,
            kind="sentencepiece",
            component=self.model,
            vocab_size=tokenizer.vocab_size,
            special_tokens=tokenizer.special_ids,
            sha256=tokenizer.sha256,
            size=len(model),
            options=options,
            versions={name: version_of(name) for name in ("mind-tok", "sentencepiece")},
        )
        return tokenizer

    def load(self, folder: Path, manifest: dict[str, Any]) -> SentencePieceTokenizer:
        """Return the tokenizer of a folder; raise `MindError` if its model is not what it was."""
        path = inside(folder, MODEL)
        model = read_whole(path)
        if hashlib.sha256(model).hexdigest() != manifest.get("sha256"):
            raise MindError(
                f"{path} is not the file that its manifest describes",
                cause="its SHA-256 differs: it was changed, or cut",
                hint="take the folder again from where it was made",
            )
        return SentencePieceTokenizer(model, manifest)


@dataclass(frozen=True)
class Bpe(_SentencePiece):
    """Merge the most frequent pairs: SentencePiece BPE with byte fallback, as in MindLLM-3B."""

    model: ClassVar[str] = "bpe"


@dataclass(frozen=True)
class Unigram(_SentencePiece):
    """Choose entries by likelihood: SentencePiece unigram with byte fallback."""

    model: ClassVar[str] = "unigram"
