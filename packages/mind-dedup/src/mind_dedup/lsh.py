"""How many bands: the chance that two texts share a key, and the fewest candidates that suffice.

A signature of slots = bands · rows slots gives a key per band; two texts of similarity s share at
least one with probability 1 - (1 - s^rows)^bands (Leskovec, Rajaraman & Ullman, ch. 3.4).
"""

from __future__ import annotations

LEAST_FOUND = 0.99
"""The share of duplicates just at the threshold that must become candidates."""


def chance_of_candidate(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that two texts of this similarity share a key."""
    return float(1 - (1 - similarity**rows) ** bands)


def bands_for(threshold: float, slots: int) -> int:
    """Return the least number of bands that finds `LEAST_FOUND` of the pairs at the threshold.

    Fewer bands mean fewer candidates to verify. 256 slots at 0.8 give 32 bands of 8 rows.
    """
    bands = 1
    while bands < slots and chance_of_candidate(threshold, bands, slots // bands) < LEAST_FOUND:
        bands *= 2
    return bands
