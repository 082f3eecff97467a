"""The plan for a number of documents: chances of being found, and the memory that it takes."""

from __future__ import annotations

from mind_dedup.lsh import chance_of_candidate
from mind_dedup.signatures.minhash import MinHash

_SIMILARITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_CHART_WIDTH = 40

SHINGLES_PER_DOCUMENT = 500
"""Distinct shingles of a middling page: 500 Chinese characters, or 3 kB of English text."""

BYTES_PER_KEY = 8 + 1.5  # an entry, and between one and two bytes of the bitmap
BYTES_PER_SHINGLE = 4
BYTES_OF_ID = 8 + 24


def bytes_per_document(signature: MinHash, shingles: int = SHINGLES_PER_DOCUMENT) -> float:
    """Return the memory that a kept document takes, in bytes."""
    keys = signature.bands_used + 1
    return keys * BYTES_PER_KEY + shingles * BYTES_PER_SHINGLE + BYTES_OF_ID


def render(signature: MinHash, documents: int) -> str:
    """Return the S-curve and the memory as text."""
    bands, rows = signature.bands_used, signature.rows
    lines = [
        f"{signature.slots} slots in {bands} bands of {rows} rows, threshold {signature.threshold}",
        "",
        "similarity  becomes a candidate",
    ]
    for similarity in _SIMILARITIES:
        chance = chance_of_candidate(similarity, bands, rows)
        bar = "█" * round(chance * _CHART_WIDTH)
        removed = similarity >= signature.threshold
        note = "removed" if removed else "kept after comparison"
        lines.append(f"{similarity:10.2f}  {chance:7.3%}  {bar:<{_CHART_WIDTH}}  {note}")
    fixed = bytes_per_document(signature, 0)
    each = bytes_per_document(signature)
    lines += [
        "",
        f"memory for {documents:,} kept documents: {_size(documents * each)}",
        f"  {fixed:,.0f} bytes a document for keys and id, and {BYTES_PER_SHINGLE} for each of its "
        f"shingles (here {SHINGLES_PER_DOCUMENT})",
    ]
    return "\n".join(lines) + "\n"


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
