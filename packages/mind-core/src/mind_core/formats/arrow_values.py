"""Arrow's values as JSON has them, by their types; what it has no word for is refused."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import pyarrow

Change: TypeAlias = Callable[[Any], Any]


class UnsupportedValue(Exception):
    """Say why a value cannot be in a record."""

    def __init__(self, reason: str, value: bytes = b"", cause: str = "") -> None:
        super().__init__(reason)
        self.reason, self.value, self.cause = reason, value, cause


def converter(kind: pyarrow.DataType, *, is_text: bool = False) -> Change | None:
    """Return what turns values of a type into JSON's, None where they are that already.

    Times become ISO 8601, decimals and durations text, bytes base64 (or text, where the text of a
    record is bytes), maps objects. Inside a struct what is null is left out, as it is at the top.
    Raises `UnsupportedValue` for a number that is not finite and for bytes that should be text
    and are not.
    """
    import pyarrow
    import pyarrow.types as kinds

    if isinstance(kind, pyarrow.BaseExtensionType):
        return converter(kind.storage_type)
    # A column of few different values, kept as numbers of a list: its values come as they are.
    if kinds.is_dictionary(kind):
        return converter(kind.value_type, is_text=is_text)
    if kinds.is_floating(kind):
        return _finite
    if kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind):
        return _text if is_text else _base64
    if kinds.is_temporal(kind):
        return str if kinds.is_duration(kind) else _iso
    if kinds.is_decimal(kind):
        return str
    if kinds.is_struct(kind):
        return _struct({field.name: converter(field.type) for field in kind})
    if kinds.is_map(kind):
        return _map(converter(kind.item_type))
    if kinds.is_nested(kind) and hasattr(kind, "value_type"):
        return _list(converter(kind.value_type))
    return None


def _finite(value: float) -> float:
    # Older versions give a half float as a number of numpy's, which JSON does not take.
    value = float(value)
    if not math.isfinite(value):
        raise UnsupportedValue("not_finite", cause=f"it is {value}")
    return value


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise UnsupportedValue("broken_utf8", value) from None


def _iso(value: Any) -> str:
    return str(value.isoformat())


def _struct(changes: dict[str, Change | None]) -> Change:
    def change(value: dict[str, Any]) -> dict[str, Any]:
        result = {}
        for name, inner in value.items():
            if inner is not None:
                made = changes[name]
                result[name] = inner if made is None else made(inner)
        return result

    return change


def _map(inner: Change | None) -> Change:
    def change(value: list[tuple[Any, Any]]) -> dict[str, Any]:
        # JSON's keys are text; of two that are written alike (1 and "1") the later one stays.
        pairs = value.items() if isinstance(value, dict) else value
        return {str(k): v if inner is None or v is None else inner(v) for k, v in pairs}

    return change


def _list(inner: Change | None) -> Change | None:
    if inner is None:
        return None

    def change(value: list[Any]) -> list[Any]:
        return [None if item is None else inner(item) for item in value]

    return change
