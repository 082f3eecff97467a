"""A batch of lines to prints without a record of any line, where all lines are plain."""

from __future__ import annotations

import itertools

import numpy as np
import orjson
import xxhash

from mind_core.kernels.hashing import Hashes
from mind_core.kernels.packed import Packed, encode
from mind_core.runner import BatchResult
from mind_core.stream import Batch
from mind_dedup.char_folding import nfc
from mind_dedup.columns import LineSpans
from mind_dedup.fingerprints import UNKNOWN_SOURCE, Fingerprints, laid_out_keys
from mind_dedup.json_lines import ScannedLines, scan_lines
from mind_dedup.positions import hashes_of, lines_of
from mind_dedup.shingles import shingle_sets
from mind_dedup.signature import BatchSignature, members_of


def outcome_of(batch: Batch, signature: BatchSignature) -> BatchResult | None:
    """Return the outcome of a batch with its prints, as `FingerprintBatch` makes it.

    Returns None if a line is not plain: then every line has to be looked at for itself.
    """
    scanned = scan_lines(batch.data, UNKNOWN_SOURCE)
    if scanned is None:
        return None
    exact = _hashes(scanned.texts)
    texts, whole = _composed(scanned, exact)
    sets = shingle_sets(texts, whole, **members_of(signature))
    keys, ends = laid_out_keys(signature, sets, exact)
    outcome = BatchResult(records_in=len(exact), bytes_in=len(batch.data))
    outcome.payload = Fingerprints(
        keys, ends, sets.flat, sets.offsets[1:],
        _named(scanned.ids, batch, scanned.lines), scanned.sources, scanned.lines, len(batch.data),
        name=batch.name, at=lines_of(batch, scanned.lines),
    )  # fmt: skip
    outcome.payload.id_hashes = hashes_of(outcome.payload.ids)
    return outcome


def _hashes(texts: Packed) -> Hashes:
    data, digest = memoryview(texts.data.data), xxhash.xxh3_64_digest
    pairs = itertools.pairwise(texts.offsets.tolist())
    # As bytes, which are big-endian there, and not as ints: no number is made for each text.
    found = b"".join([digest(data[begin:end]) for begin, end in pairs])
    return np.frombuffer(found, ">u8").astype(np.uint64)


def _composed(scanned: ScannedLines, exact: Hashes) -> tuple[Packed, Hashes]:
    """Return the texts in composed form, and the hashes of those."""
    texts, whole, changed = scanned.texts, exact, {}
    # The loop saw which texts have a character that may compose; only those are decoded.
    for row in np.flatnonzero(scanned.composes).tolist():
        begin, end = texts.offsets[row : row + 2].tolist()
        text = bytes(texts.data[begin:end]).decode()
        other = nfc(text)
        if other is not text:
            changed[row] = encode(other)
    if not changed:
        return texts, whole
    whole = whole.copy()
    sizes = np.diff(texts.offsets)
    pieces, at = [], 0
    for row, data in changed.items():
        begin, end = texts.offsets[row : row + 2].tolist()
        pieces += [bytes(texts.data[at:begin]), data]
        at = end
        sizes[row] = len(data)
        whole[row] = xxhash.xxh3_64_intdigest(data)
    pieces.append(bytes(texts.data[at:]))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
    return Packed(np.frombuffer(b"".join(pieces), np.uint8), offsets), whole


def _named(ids: LineSpans, batch: Batch, lines: LineSpans) -> LineSpans:
    """Return ids in which those that are missing are the positions of their lines."""
    missing = np.flatnonzero(ids.ends == 0)
    if not len(missing):
        return ids
    number, at = batch.first_line, 0
    begins, ends, extra = ids.begins.copy(), ids.ends.copy(), []
    size = len(ids.data)
    for row, begin in zip(missing.tolist(), lines.begins[missing].tolist(), strict=True):
        # Line by line from the last one that was missing: each byte is looked at once.
        number += ids.data.count(b"\n", at, begin)
        at = begin
        position = orjson.dumps(batch.position(number))
        begins[row], ends[row] = size, size + len(position)
        size += len(position)
        extra.append(position)
    return LineSpans(ids.data + b"".join(extra), begins, ends)
