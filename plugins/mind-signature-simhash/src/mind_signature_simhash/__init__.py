"""A signature for mind-dedup: SimHash, cut into bands (Charikar 2002; Manku et al. 2007)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xxhash

from mind_core import Offers, Record
from mind_dedup import Signature, hookimpl

BITS = 64


@dataclass(frozen=True)
class Simhash:
    """Make candidates of texts whose SimHash has one of `bands` bands in common.

    Two hashes that differ in fewer bits than there are bands always share one. Candidates are
    compared exactly, and removed from a Jaccard similarity of `threshold` on.
    """

    bands: int = 4
    threshold: float = 0.8

    def __post_init__(self) -> None:
        if self.bands not in (1, 2, 4, 8, 16):
            raise ValueError(f"bands = {self.bands}: 64 bits are cut into 1, 2, 4, 8 or 16")

    def __call__(self, record: Record) -> list[bytes]:
        """Return a key for each band; a text without a letter has none."""
        text = "".join(c for c in record["text"].casefold() if c.isalnum())
        if not text:
            return []
        # A text of less than four characters is one gram.
        grams = {text[at : at + 4] for at in range(max(1, len(text) - 3))}
        hashes = np.array([xxhash.xxh3_64_intdigest(g.encode()) for g in grams], np.uint64)
        bits = (hashes[:, None] >> np.arange(BITS, dtype=np.uint64)) & np.uint64(1)
        # A bit is 1 where more than half of the grams have it: the sign of Charikar's sum of ±1.
        ones = np.packbits(2 * bits.sum(0) > len(grams)).tobytes()
        width = len(ones) // self.bands
        # The number of the band in front: equal bits of two different bands are no match.
        return [bytes([n]) + ones[n * width :][:width] for n in range(self.bands)]


@hookimpl
def register_signatures() -> Offers[Signature]:
    """Offer the signature."""
    return {"simhash": Simhash}
