"""What a plugin author imports: what a signature is, and the marker of the hooks."""

import pluggy

from mind_dedup.signature import BatchSignature, Signature

hookimpl = pluggy.HookimplMarker("mind_dedup")

__all__ = ["BatchSignature", "Signature", "hookimpl"]
