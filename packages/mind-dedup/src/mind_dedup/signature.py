"""What a signature is: keys, and perhaps a word on what sharing one means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mind_core.records import Record

if TYPE_CHECKING:  # a plugin that only registers need not wait for numpy
    from mind_core.kernels.hashing import Hashes
    from mind_dedup.shingles import ShingleSets

DEFAULT_THRESHOLD = 0.8


class Signature(Protocol):
    """Return the keys of a record; no keys means that it has no duplicates.

    Attributes, each of which may be left out:

    - `threshold: float = 0.8`: a candidate is removed if the exact Jaccard similarity of its
      shingles with those of a kept record reaches this;
    - `decides: str`: sharing a key is enough; nothing is compared, and this is the reason given;
    - `symbols: bool = True`: whether symbols of mathematics and code count in shingles;
    - `facts: bool = True`: whether short texts and statutes with other numbers are two;
    - `labels: float = 0.0`: the similarity from which on a partly translated copy is removed;
    - `needs_text: bool = True`: whether a record without `text` is a bad record (with `decides`).
    """

    def __call__(self, record: Record) -> Sequence[bytes]:
        """Return the keys of one record."""


@runtime_checkable
class BatchSignature(Protocol):
    """A signature that can also make the keys of a whole batch from its shingle sets at once."""

    keys_in_batch: int
    """How many keys each text gets."""

    def keys_of_sets(self, sets: ShingleSets) -> Hashes:
        """Return the keys as evenly spread 64-bit numbers: (texts, keys)."""


class KeepPolicy(Protocol):
    """Return a number for a record: of a cluster, the record with the highest stays.

    Of equal ones the first stays. A policy with the attribute `streams = True` says that all
    records are equal to it, so that nothing has to wait.
    """

    def __call__(self, record: Record) -> float:
        """Return the number of one record: finite, or -inf for one that comes last."""


def reason_of(signature: Signature) -> str | None:
    """Return the reason that a shared key gives, or None if similarity decides."""
    reason: str | None = getattr(signature, "decides", None)
    return reason


def scheme_of(name: str, signature: Signature) -> str:
    """Return what the keys of a signature are, with all that they depend on: indexes carry it."""
    scheme: str | None = getattr(signature, "scheme", None)
    if scheme is None:
        # Of a plugin's signature only its name and options tell what keys depend on.
        return f"{name}-1 {signature!r}"
    words = ("slots", "bands_used", "rows", "symbols", "facts")
    cut = [f"{word}={getattr(signature, word)}" for word in words if hasattr(signature, word)]
    return " ".join([scheme, *cut])


def cut_of(signature: Signature) -> list[int]:
    """Return the bands of a signature and the rows of each; nothing if it has none."""
    return [getattr(signature, name) for name in ("bands_used", "rows") if hasattr(signature, name)]


def threshold_of(signature: Signature) -> float:
    """Return the similarity from which on a candidate is a duplicate."""
    return float(getattr(signature, "threshold", DEFAULT_THRESHOLD))


def members_of(signature: Signature | BatchSignature) -> dict[str, bool]:
    """Return what the sets that a signature is compared by hold: `symbols` and `facts`."""
    return {name: bool(getattr(signature, name, True)) for name in ("symbols", "facts")}


def labels_of(signature: Signature) -> float:
    """Return the similarity from which on a partly translated copy is one; 0 for never."""
    return float(getattr(signature, "labels", 0.0))


def needs_text(signature: Signature) -> bool:
    """Say whether a record without text is a bad one."""
    return reason_of(signature) is None or bool(getattr(signature, "needs_text", True))
