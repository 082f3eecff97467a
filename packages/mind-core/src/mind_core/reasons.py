"""Why a record was dropped: a word, with the value that was measured and the bound it missed."""

from __future__ import annotations

from typing import Any


class Reason(str):
    """A reason to drop a record: a snake_case word that may carry its value and threshold.

    It is a plain string wherever a string is wanted; `--rejects` and `--mark` also write the rest.
    """

    __slots__ = ("threshold", "value")

    value: Any
    threshold: Any

    def __new__(cls, word: str, value: Any = None, threshold: Any = None) -> Reason:
        """Make a reason from its word, the measured value and the bound."""
        reason = super().__new__(cls, word)
        reason.value = value
        reason.threshold = threshold
        return reason


def describe(reason: str) -> dict[str, Any]:
    """Return a reason as JSON values; what it does not carry is left out."""
    described: dict[str, Any] = {"reason": str(reason)}
    if isinstance(reason, Reason):
        if reason.value is not None:
            described["value"] = reason.value
        if reason.threshold is not None:
            described["threshold"] = reason.threshold
    return described
