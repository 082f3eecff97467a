"""What mind-dedup brings along, registered through the hooks that plugins use."""

from __future__ import annotations

import pluggy

from mind_core import Offers
from mind_dedup.signature import KeepPolicy, Signature

hookimpl = pluggy.HookimplMarker("mind_dedup")


@hookimpl
def register_signatures() -> Offers[Signature]:
    """Offer the signatures that ship."""
    return {
        "exact": "mind_dedup.signatures.exact:Exact",
        "normalized": "mind_dedup.signatures.exact:Normalized",
        "url": "mind_dedup.signatures.exact:Url",
        "minhash": "mind_dedup.signatures.minhash:MinHash",
    }


@hookimpl
def register_keep_policies() -> Offers[KeepPolicy]:
    """Offer the keep policies that ship."""
    return {
        "first": "mind_dedup.keep.policies:First",
        "longest": "mind_dedup.keep.policies:Longest",
        "best": "mind_dedup.keep.policies:Best",
        "newest": "mind_dedup.keep.policies:Newest",
        "source": "mind_dedup.keep.policies:Source",
    }
