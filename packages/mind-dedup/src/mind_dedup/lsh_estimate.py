"""The plan for a number of documents: chances of being found, and the memory that it takes."""

from __future__ import annotations

from mind_core.render.chart import Line
from mind_core.render.pictures import Panel, line_picture
from mind_dedup.key_table import FULL, MAX_SLOTS
from mind_dedup.lsh import chance_of_candidate
from mind_dedup.signatures.minhash import MinHash

_SIMILARITIES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
_CHART_WIDTH = 40

SHINGLES_PER_DOCUMENT = 500
"""Distinct shingles of a middling page: 500 Chinese characters, or 3 kB of English text."""

BYTES_PER_KEY = 7.55
"""A slot of the table with its share of free ones, just after it has grown."""

BYTES_ON_RECORD = 8
"""A key as it is kept with the record: the part that goes to disk with --memory."""

BYTES_PER_SHINGLE = 4

KEYS_PER_TABLE = int(FULL * MAX_SLOTS)
"""Keys that one table holds."""
BYTES_OF_ID = 12 + 24


def bytes_per_document(signature: MinHash) -> tuple[float, float]:
    """Return what a kept document takes: in the table, and with the record, in bytes."""
    # One a band, and that of the exact text.
    keys = signature.bands_used + 1
    record = keys * BYTES_ON_RECORD + SHINGLES_PER_DOCUMENT * BYTES_PER_SHINGLE + BYTES_OF_ID
    return keys * BYTES_PER_KEY, record


def format_estimate(signature: MinHash, documents: int) -> str:
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
    table, record = bytes_per_document(signature)
    lines += [
        "",
        f"memory for {documents:,} kept documents: {_size(documents * (table + record))}",
        f"  {table:,.0f} bytes a document in the table of keys: {_size(documents * table)}",
        f"  {record:,.0f} with the record (keys, id, {BYTES_PER_SHINGLE} for each of its shingles, "
        f"here {SHINGLES_PER_DOCUMENT}): {_size(documents * record)}",
        "--memory SIZE keeps both within a bound, the rest lies on disk",
        f"one table holds the keys of {KEYS_PER_TABLE // (bands + 1) / 1e6:,.0f} million, "
        f"the next go into another: {_tables(signature, documents)} here",
        "a search asks each table; record numbers have 64 bits",
        "-j N: shingles and signatures are made by N workers; reading, the table of keys, the "
        "comparison and writing are one process's. For more than about 4 cores give each machine "
        "a part of the files with an index of its own, then join them: --against, --restore",
    ]
    return "\n".join(lines) + "\n"


def _tables(signature: MinHash, documents: int) -> str:
    count = -(-documents * (signature.bands_used + 1) // KEYS_PER_TABLE)
    return f"{count:,} table{'s' * (count != 1)}"


def plot_curve(signature: MinHash) -> str:
    """Return the S-curve as an SVG picture."""
    bands, rows = signature.bands_used, signature.rows
    points = [(n / 200, chance_of_candidate(n / 200, bands, rows)) for n in range(201)]
    panel = Panel(
        f"Chance to become a candidate, {bands} bands of {rows} rows",
        [Line("chance to become a candidate", points)],
        "Jaccard similarity",
        "chance",
        (signature.threshold, f"threshold {signature.threshold:g}: exact comparison decides"),
    )
    return line_picture([panel], panel.title)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
