"""What a plugin author imports: signatures, keep policies, backends, the marker of the hooks."""

import pluggy

from mind_dedup.backend import Backend
from mind_dedup.signature import BatchSignature, KeepPolicy, Signature

hookimpl = pluggy.HookimplMarker("mind_dedup")

__all__ = ["Backend", "BatchSignature", "KeepPolicy", "Signature", "hookimpl"]
