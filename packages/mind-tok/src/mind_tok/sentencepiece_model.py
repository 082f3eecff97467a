"""Read what a SentencePiece model file says: its entries, and what it does to text before them.

The file is a protocol buffer, `sentencepiece_model.proto` of SentencePiece; the field numbers here
are those of that file. What is not needed is stepped over.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mind_core import MindError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
UNIGRAM, BPE = 1, 2

_PIECES, _TRAINER, _NORMALIZER = 1, 2, 3
_USUAL_PIECE = re.compile(b"\x0a[\0-\x7f](.*)\x15(.{4})(?:\x18([\0-\x7f]))?", re.DOTALL)
"""Text, score and kind as the trainer writes them; the length of the text is yet to be compared."""
_FLOAT = struct.Struct("<f")

_INPUT = 1
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5


class Piece(NamedTuple):
    """One entry, with ▁ for a space."""

    text: str
    score: float
    kind: int


@dataclass
class ModelFile:
    """What the file says, with the defaults of the format."""

    pieces: list[Piece] = field(default_factory=list)
    model_type: int = UNIGRAM
    byte_fallback: bool = False
    treat_whitespace_as_suffix: bool = False
    character_map: bytes = b""
    """Unicode normalisation; empty leaves text as it is."""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True

    @property
    def keeps_text(self) -> bool:
        """Return whether text reaches the entries as it is, but for ▁ in place of spaces."""
        return (
            not self.character_map
            and not self.add_dummy_prefix
            and not self.remove_extra_whitespaces
            and self.escape_whitespaces
        )


def read_model(data: bytes) -> ModelFile:
    """Read a model file; raise `MindError` if it is none."""
    model = ModelFile()
    try:
        for number, value in _fields(data):
            if number == _PIECES and isinstance(value, bytes):
                model.pieces.append(_piece(value))
            elif number == _TRAINER and isinstance(value, bytes):
                trainer = dict(_fields(value))
                # Fields that are left out have the defaults of the .proto file.
                model.model_type = int(trainer.get(3, UNIGRAM))
                model.treat_whitespace_as_suffix = bool(trainer.get(24, 0))
                model.byte_fallback = bool(trainer.get(35, 0))
            elif number == _NORMALIZER and isinstance(value, bytes):
                normalizer = dict(_fields(value))
                model.character_map = bytes(normalizer.get(2, b""))
                model.add_dummy_prefix = bool(normalizer.get(3, 1))
                model.remove_extra_whitespaces = bool(normalizer.get(4, 1))
                model.escape_whitespaces = bool(normalizer.get(5, 1))
    except (IndexError, ValueError, struct.error) as error:
        raise MindError("this is no SentencePiece model", cause=error) from None
    if not model.pieces:
        raise MindError("this is no SentencePiece model", cause="it has no entries")
    return model


def _piece(data: bytes) -> Piece:
    usual = _USUAL_PIECE.fullmatch(data)
    # A pattern, as it is much quicker than fields one by one, of which models have many.
    if usual and data[1] == len(usual[1]):
        kind = usual[3]
        return Piece(usual[1].decode(), _FLOAT.unpack(usual[2])[0], kind[0] if kind else NORMAL)
    text, score, kind = "", 0.0, NORMAL
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            text = value.decode()
        elif number == 2 and isinstance(value, bytes):
            (score,) = _FLOAT.unpack(value)
        elif number == 3:
            kind = int(value)
    return Piece(text, score, kind)


def without_inputs(data: bytes) -> bytes:
    """Return a model file that does not say from which files it was trained.

    Else it would hold the path of a temporary file, and would not be the same every time.
    """
    parts = []
    for number, value, raw in _raw_fields(data):
        if number == _TRAINER and isinstance(value, bytes):
            kept = b"".join(part for name, _, part in _raw_fields(value) if name != _INPUT)
            # A tag of a field below 16 is one byte; the length behind it is another now.
            raw = raw[:1] + _as_varint(len(kept)) + kept
        parts.append(raw)
    return b"".join(parts)


def _as_varint(value: int) -> bytes:
    digits = []
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field; 32 and 64 bits wide ones as bytes."""
    return ((number, value) for number, value, _ in _raw_fields(data))


def _raw_fields(data: bytes) -> Iterator[tuple[int, int | bytes, bytes]]:
    """Yield number, value and all bytes of each field; 32 and 64 bits wide values as bytes."""
    at = 0
    while at < len(data):
        start = at
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value, data[start:at]
            continue
        if wire == _BYTES:
            length, at = _varint(data, at)
        elif wire in (_EIGHT, _FOUR):
            length = 8 if wire == _EIGHT else 4
        else:
            raise ValueError(f"wire type {wire} at byte {at}")
        if at + length > len(data):
            raise ValueError("it ends inside of a field")
        value_at, at = at, at + length
        yield tag >> 3, data[value_at:at], data[start:at]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        # Beyond the end an IndexError, which `read_model` tells as no model.
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
