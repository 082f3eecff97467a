"""What may be plugged into mind-tok."""

from __future__ import annotations

import pluggy

from mind_core import Offers
from mind_tok.tokenizer import TokenizerKind

hookspec = pluggy.HookspecMarker("mind_tok")
hookimpl = pluggy.HookimplMarker("mind_tok")


@hookspec
def register_tokenizers() -> Offers[TokenizerKind]:
    """Return tokenizer kinds by name: each trains a tokenizer from texts, and loads its folder.

    The name goes into the folder's manifest as `component`, so that `load_tokenizer` finds the kind
    again.
    """
