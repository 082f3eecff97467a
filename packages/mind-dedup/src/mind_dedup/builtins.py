"""What mind-dedup brings along, registered through the door that plugins use."""

from __future__ import annotations

import pluggy

from mind_core import Offers
from mind_dedup.signature import Signature

hookimpl = pluggy.HookimplMarker("mind_dedup")


@hookimpl
def register_signatures() -> Offers[Signature]:
    """Offer the signatures that ship."""
    return {
        "exact": "mind_dedup.signatures.exact:Exact",
        "normalized": "mind_dedup.signatures.normalized:Normalized",
        "url": "mind_dedup.signatures.url:Url",
        "minhash": "mind_dedup.signatures.minhash:MinHash",
    }
