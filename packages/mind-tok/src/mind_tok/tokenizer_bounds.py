"""What a tokenizer.json of others may ask of the library that reads it.

The library aborts the whole process where memory is not to be had, so that no error can be told:
a table of a normalizer says its own length, and replacements within replacements multiply a text.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from mind_core import MindError

LONGEST = 64
"""Times that a normalizer may lengthen a text; `\\n` to `<0x0A>` is 6."""

ADDED = 1024
"""Characters that it may add to a text, whatever its length."""


def check_tokenizer(content: Any) -> None:
    """Raise `MindError` for a table beyond its bytes, or a normalizer that multiplies texts."""
    if not isinstance(content, Mapping):
        return  # which the library tells
    for part in ("normalizer", "decoder", "pre_tokenizer", "post_processor"):
        try:
            times = _growth(content.get(part), part)
        except RecursionError:
            raise MindError(f"the {part} of this tokenizer.json is too deep to be read") from None
        if times > LONGEST:
            raise MindError(
                f"the {part} of this tokenizer.json makes a text {times:,.0f} times as long",
                cause=f"at most {LONGEST} times is read",
                hint="take it from a source that you trust",
            )


def _growth(node: Any, part: str) -> float:
    """Return how many times as long a text becomes by a component and those within it."""
    if isinstance(node, list):
        times = 1.0
        for one in node:
            times *= _growth(one, part)
        return times
    if not isinstance(node, Mapping):
        return 1.0
    if node.get("type") == "Precompiled":
        _check_table(node.get("precompiled_charsmap"), part)
    added = node.get("prepend")
    if isinstance(added, str) and len(added) > ADDED:
        raise MindError(f"the {part} of this tokenizer.json adds {len(added):,} characters")
    times = 1.0
    if node.get("type") == "Replace" and isinstance(content := node.get("content"), str):
        pattern = node.get("pattern")
        wanted = pattern.get("String") if isinstance(pattern, Mapping) else None
        # A pattern may match a single character: the worst that it can do.
        known = len(wanted) if isinstance(wanted, str) and wanted else 1
        times = max(1.0, len(content) / known)
    # Components within components: their factors multiply.
    for value in node.values():
        times *= _growth(value, part)
    return times


def _check_table(packed: Any, part: str) -> None:
    """Refuse a table of characters that says it is longer than its bytes."""
    if not isinstance(packed, str):
        return
    try:
        data = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return  # which the library tells
    if len(data) < 4 or int.from_bytes(data[:4], "little") > len(data) - 4:
        raise MindError(
            f"the {part} of this tokenizer.json has a table that is longer than its bytes",
            hint="it is damaged, or made to take all memory",
        )
