"""What may be plugged into mind-dedup."""

from __future__ import annotations

import pluggy

from mind_core import Offers
from mind_dedup.backend import Backend
from mind_dedup.signature import KeepPolicy, Signature

hookspec = pluggy.HookspecMarker("mind_dedup")


@hookspec
def register_signatures() -> Offers[Signature]:
    """Offer signatures: records that share a key are candidates for being duplicates.

    A factory makes a `Signature`, a callable `(record) -> Sequence[bytes]`.
    """


@hookspec
def register_keep_policies() -> Offers[KeepPolicy]:
    """Offer keep policies: which copy of a cluster stays.

    A factory makes a `KeepPolicy`, a callable `(record) -> float`; the highest stays.
    """


@hookspec
def register_backends() -> Offers[Backend]:
    """Offer backends: where an index may live, by the first word of a URL.

    A factory makes a `Backend`, a callable `(url, plan)` that opens a store and an index.
    """
