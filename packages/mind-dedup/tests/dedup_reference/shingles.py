"""Shingle sets with numpy: what `mind_dedup.shingles` must give to the bit.

A Chinese character or a kana is a token, and so is a run of letters and digits. Five tokens in a
row are a shingle; a text with fewer is one shingle as a whole. A shingle is a 64-bit hash of which
the set keeps the 30 upper bits, and its kind: two sets of n shingles agree by accident in n²/2³⁰.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from dedup_reference.facts import facts_of
from mind_core.kernels.hashing import Hashes, finalize
from mind_dedup.char_folding import PART_OF_WORD, TABLE_SIZE, TOKEN, nfc, tables
from mind_dedup.loops.shingles import SHINGLE_TOKENS
from mind_dedup.loops.symbols import BLOCK, SHORT, SHORT_TEX
from mind_dedup.shingles import (
    BASE,
    PLACES,
    TOKENS_PER_SYMBOL,
    Offsets,
    ShingleSets,
    _powers,
)

_U64 = np.uint64
POWERS = _powers(BASE, 2 * BLOCK + 1)
_INVERSES = _powers(pow(BASE, -1, 2**64), 2 * BLOCK + 1)


def shingle_sets(texts: Sequence[str], whole: Hashes | None = None) -> ShingleSets:
    """Return the shingle sets of texts; `whole` are hashes of texts that are in composed form.

    Texts in ASCII and others are hashed apart, bytes being faster, and to the same values.
    """
    if whole is None:
        texts = [nfc(text) for text in texts]
        whole = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in texts], np.uint64)
    bare = [_visible(text) for text in texts]
    mathematics = [is_mathematics(text) for text in texts]
    sets: list[npt.NDArray[np.uint32]] = [np.zeros(0, np.uint32)] * len(texts)
    for ascii_only, encoding, width in ((True, "ascii", "u1"), (False, "utf-32-le", "<u4")):
        rows = [
            row
            for row, text in enumerate(bare)
            if text.isascii() is ascii_only and not mathematics[row]
        ]
        if rows:
            joined = "\n".join([bare[row] for row in rows]).encode(encoding)
            lengths = np.array([len(bare[row]) + 1 for row in rows])
            found = _sets(np.frombuffer(joined, width), lengths)
            for row, its_set in zip(rows, found, strict=True):
                # The set of a text without any token: only the very same text has the same.
                sets[row] = its_set if len(its_set) else _of_no_kind(whole[row : row + 1])
                if len(its_set) and len(bare[row]) < 20_000:
                    count = len(plain_tokens(bare[row], symbols=False))
                    sets[row] = np.union1d(its_set, facts_of(texts[row], bare[row], count))
    for row, text in enumerate(bare):
        if mathematics[row]:
            tokens = plain_tokens(text, symbols=True)
            sets[row] = _symbol_set(text) if tokens else _of_no_kind(whole[row : row + 1])
    offsets = np.zeros(len(sets) + 1, np.int64)
    np.cumsum([len(its_set) for its_set in sets], out=offsets[1:])
    return ShingleSets(np.concatenate(sets) if sets else np.zeros(0, np.uint32), offsets)


def _sets(codes: npt.NDArray[np.unsignedinteger], lengths: Offsets) -> list[npt.NDArray[np.uint32]]:
    """Return the sorted set of each text; the texts lie end to end with a line feed between."""
    starts, tokens, ones = _tokens(codes)
    edges = np.searchsorted(starts, np.concatenate(([0], np.cumsum(lengths))))  # in tokens
    counts = np.diff(edges)
    sums = np.zeros(len(tokens), np.uint64)
    full = max(len(tokens) - SHINGLE_TOKENS + 1, 0)
    for place in range(SHINGLE_TOKENS):
        sums[:full] += tokens[place : place + full] * PLACES[place]
    # The last four tokens of a text begin no shingle; a text of fewer than five is one as a whole.
    begins = np.ones(len(tokens), bool)
    for back in range(1, SHINGLE_TOKENS):
        begins[edges[1:][counts >= back] - back] = False
    for row in np.flatnonzero((counts > 0) & (counts < SHINGLE_TOKENS)):
        few = tokens[edges[row] : edges[row + 1]]
        sums[edges[row]] = (few * PLACES[: len(few)]).sum(dtype=np.uint64)
        begins[edges[row]] = True
    run = np.zeros(len(tokens) + SHINGLE_TOKENS, np.int64)
    run[1 : len(tokens) + 1] = np.cumsum(ones)
    run[len(tokens) + 1 :] = run[len(tokens)]
    among = run[SHINGLE_TOKENS:] - run[: len(tokens)]
    kinds = np.where(among == SHINGLE_TOKENS, 2, np.where(among == 0, 1, 0)).astype(np.uint32)
    for row in np.flatnonzero((counts > 0) & (counts < SHINGLE_TOKENS)):
        kinds[edges[row]] = 0
    shingles = _of_no_kind(finalize(sums[begins])) | kinds[begins]
    return _sorted_sets(
        shingles, np.where(counts > 0, np.maximum(counts - SHINGLE_TOKENS + 1, 1), 0)
    )


def _sorted_sets(shingles: npt.NDArray[np.uint32], counts: Offsets) -> list[npt.NDArray[np.uint32]]:
    """Sort each text's shingles and take out those that occur again."""
    ends = np.cumsum(counts)
    # Sorting text by text is several times faster than all at once with the row as a first key.
    for begin, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
        shingles[begin:end].sort()
    first = np.ones(len(shingles), bool)
    np.not_equal(shingles[1:], shingles[:-1], out=first[1:])
    first[(ends - counts)[counts > 0]] = True
    distinct = shingles[first]
    set_ends = np.concatenate(([0], np.cumsum(first)))[ends].tolist()
    return [distinct[begin:end] for begin, end in zip([0, *set_ends], set_ends, strict=False)]


def _of_no_kind(hashes: Hashes) -> npt.NDArray[np.uint32]:
    """Return the upper bits, and 0 for the two that say what a member is."""
    return (hashes >> _U64(34) << _U64(2)).astype(np.uint32)


def _tokens(
    codes: npt.NDArray[np.unsignedinteger],
) -> tuple[Offsets, Hashes, npt.NDArray[np.bool_]]:
    """Return where tokens start, their hashes and whether they are characters.

    A hash is Σ value(character) · baseⁱ, i from the start; its lowest bit is 1 for a character.

    Characters between tokens have the value 0, so a token's sum may run up to the next start.
    """
    kinds_table, values_table, _, _ = tables()
    if codes.dtype.itemsize > 1:
        codes = np.minimum(codes, TABLE_SIZE - 1)
    kinds = kinds_table[codes]
    opens = kinds == PART_OF_WORD
    opens[1:] &= kinds[:-1] != PART_OF_WORD
    opens |= kinds == TOKEN
    starts = _cut_long(np.flatnonzero(opens), kinds)
    tokens = np.empty(len(starts), np.uint64)
    begin = 0
    while begin < len(starts):
        at = int(starts[begin])
        end = max(int(np.searchsorted(starts, at + BLOCK)), begin + 1)
        stop = int(starts[end]) if end < len(starts) else min(len(codes), at + 2 * BLOCK)
        values = values_table[codes[at : min(stop, at + 2 * BLOCK)]]
        values *= POWERS[: len(values)]
        inside = starts[begin:end] - at
        tokens[begin:end] = np.add.reduceat(values, inside) * _INVERSES[inside]
        begin = end
    ones = kinds[starts] == TOKEN
    return starts, (tokens & ~_U64(1)) | ones, ones


def _cut_long(starts: Offsets, kinds: npt.NDArray[np.uint8]) -> Offsets:
    """Add starts inside words of more than a block, so that any input is hashed in blocks."""
    if len(kinds) <= BLOCK:
        return starts
    gaps = np.diff(starts, append=len(kinds))
    extra = [
        place
        for start, gap in zip(starts[gaps > BLOCK], gaps[gaps > BLOCK], strict=True)
        for place in range(int(start) + BLOCK, int(start + gap), BLOCK)
        if kinds[place] == PART_OF_WORD
    ]
    return np.sort(np.concatenate((starts, extra)).astype(np.int64)) if extra else starts


def _visible(text: str) -> str:
    return "".join(c for c in text if unicodedata.category(c) != "Cf" or c in _LATE)


_LATE = {chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf" and c > 0xFFFF} - {
    chr(c) for c in range(0xE0000, 0xE0080)
}
"""Format characters of scripts beyond U+FFFF, which are outside of the blocks that are folded."""


def is_mathematics(text: str) -> bool:
    """Say whether a text has an operator for every `TOKENS_PER_SYMBOL` tokens."""
    many = operators(text)
    return many > 0 and many * TOKENS_PER_SYMBOL >= len(plain_tokens(text, symbols=False))


def operators(text: str) -> int:
    """Count what says that a text is mathematics or code."""
    count = 0
    for at, c in enumerate(text):
        before, after = (text[at - 1] if at else "\n"), (text[at + 1 : at + 2] or "\n")
        if c in "-/*":
            joins = c != "*" and all(ord(o) > 127 or o.isalnum() for o in (before, after))
            run = re.search(rf"\{c}+$", text[: at + 1])[0] + re.match(rf"\{c}*", text[at + 1 :])[0]  # type: ignore[index]
            rule = len(run) > 1
            if c == "-" and len(run) == 2:
                first = at - 1 if before == c else at
                sides = (text[first - 1] if first else "\n", text[first + 2 : first + 3] or "\n")
                rule = any(side <= " " for side in sides)
            count += not (joins or rule or (before == "\n" and after == " "))
        elif c == "{":
            count += before > " " or (after == "\n" and at + 1 < len(text))
        else:
            count += c in "+<=>\\^×÷±＋－＜＝＞" or 0x2200 <= ord(c) <= 0x22FF
    return count


def plain_tokens(text: str, *, symbols: bool) -> list[tuple[str, int]]:
    """Return the tokens of a text: "word:…", "one" or "symbol", each with its hash."""
    kinds, values, symbol_values, _ = tables()
    found: list[tuple[str, int]] = []
    word = ""

    def flush() -> None:
        if word:
            total = sum(
                int(values[ord(c)]) * int(POWERS[i]) for i, c in enumerate(word)
            ) % 2**64  # fmt: skip
            found.append((f"word:{word}", total & ~1))

    for c in _visible(text):
        code = min(ord(c), TABLE_SIZE - 1)
        if kinds[code] == PART_OF_WORD:
            if len(word) == BLOCK:
                flush()
                word = ""
            word += c
            continue
        flush()
        word = ""
        if kinds[code] == TOKEN:
            found.append(("one", int(values[code]) | 1))
        elif symbols and symbol_values[code]:
            found.append(("symbol", int(symbol_values[code]) & ~1))
    flush()
    return found


def _symbol_set(text: str) -> npt.NDArray[np.uint32]:
    tokens = plain_tokens(text, symbols=True)
    salt = 0
    tex = "$" in text or "\\" in text
    for kind, value in tokens if len(tokens) <= (SHORT_TEX if tex else SHORT) else []:
        word = kind.removeprefix("word:")
        named = kind == "symbol" or (
            kind != "one"
            and (len(word) == 1 or any(d in word for d in "0123456789０１２３４５６７８９"))
        )
        if named or tex:
            salt += int(finalize(np.array([value], np.uint64))[0])
    rows = [tokens[i : i + SHINGLE_TOKENS] for i in range(max(len(tokens) - SHINGLE_TOKENS + 1, 1))]
    sums = [
        (salt + sum(v * int(p) for (_, v), p in zip(row, PLACES, strict=False))) % 2**64
        for row in rows
    ]
    kinds = []
    for row in rows:
        ones = sum(kind == "one" for kind, _ in row)
        full = len(row) == SHINGLE_TOKENS
        kinds.append(2 if full and ones == len(row) else 1 if full and not ones else 0)
    return np.unique(_of_no_kind(finalize(np.array(sums, np.uint64))) | np.array(kinds, np.uint32))
