"""What a plugin author imports: signatures, keep policies, and the marker of the hooks."""

import pluggy

from mind_dedup.signature import BatchSignature, KeepPolicy, Signature

hookimpl = pluggy.HookimplMarker("mind_dedup")

__all__ = ["BatchSignature", "KeepPolicy", "Signature", "hookimpl"]
