"""Which columns records need, seen one record after another.

A kind is "null", "bool", "int", "long", "float", "string", a list `["list", kind]`, an object
`{name: kind}`, or "json": values that no column of one type holds, which are kept as JSON text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from mind_core.records import Record

if TYPE_CHECKING:
    import pyarrow

Kind: TypeAlias = Any

MAX_FIELDS = 200
"""An object with more keys than that over all records is a table of its own: JSON text."""

_JSON_COLUMNS = b"mind.json"
_INT64 = 1 << 63
# Up to here a float holds every whole number, so that a column of both can be one of floats.
_EXACT = 1 << 53
# No pair of "long" and "float": neither type holds both, and they become JSON text.
_NUMBERS = {frozenset(("int", "float")): "float", frozenset(("int", "long")): "long"}
"""A "long" is a whole number that floating point does not hold exactly."""


class Schema:
    """The columns of all records seen so far, in the order in which they came up."""

    def __init__(self) -> None:
        self.columns: dict[str, Kind] = {}

    def see(self, record: Record) -> None:
        """Widen the columns so that they hold this record too."""
        for name, value in record.items():
            known = self.columns.get(name)
            # Most values are text in a column of text.
            if known == "string" and type(value) is str:
                continue
            self.columns[name] = _wider(known or "null", _kind(value))

    def as_arrow(self) -> pyarrow.Schema:
        """Return the schema; which columns are JSON text stands in its metadata."""
        import pyarrow

        fields = [pyarrow.field(name, _arrow(kind)) for name, kind in self.columns.items()]
        texts = [name for name, kind in self.columns.items() if _is_text(kind)]
        return pyarrow.schema(fields, {_JSON_COLUMNS: orjson.dumps(texts)} if texts else None)

    def row(self, record: Record) -> Record:
        """Return a record with its values as the columns want them."""
        return {
            name: _as_json(record[name]) if _is_text(kind) and record.get(name) is not None
            else record.get(name)
            for name, kind in self.columns.items()
        }  # fmt: skip


def json_columns(schema: pyarrow.Schema) -> frozenset[str]:
    """Return which columns of a file that was written here are JSON text."""
    listed = (schema.metadata or {}).get(_JSON_COLUMNS)
    try:
        return frozenset(orjson.loads(listed)) if listed else frozenset()
    except (ValueError, TypeError):
        return frozenset()


def _kind(value: Any) -> Kind:
    if value is None:
        return "null"
    # Before int, of which bool is a subclass.
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if -_EXACT <= value <= _EXACT:
            return "int"
        return "long" if -_INT64 <= value < _INT64 else "json"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return {name: _kind(inner) for name, inner in value.items()}
    inner: Kind = "null"
    for item in value:
        inner = _wider(inner, _kind(item))
    return ["list", inner]


def _wider(one: Kind, other: Kind) -> Kind:
    """Return the narrowest kind that holds both."""
    if one == other or other == "null":
        return one
    if one == "null":
        return other
    if isinstance(one, str) and isinstance(other, str):
        return _NUMBERS.get(frozenset((one, other)), "json")
    if isinstance(one, list) and isinstance(other, list):
        return ["list", _wider(one[1], other[1])]
    if isinstance(one, dict) and isinstance(other, dict):
        merged = dict(one)
        for name, kind in other.items():
            merged[name] = _wider(merged.get(name, "null"), kind)
        return merged if len(merged) <= MAX_FIELDS else "json"
    return "json"


def _is_text(kind: Kind) -> bool:
    """Tell whether a column is JSON text: if any part of it has no type of its own."""
    if isinstance(kind, dict):  # Parquet has no object without fields
        return not kind or any(_is_text(inner) or not name for name, inner in kind.items())
    return _is_text(kind[1]) if isinstance(kind, list) else kind == "json"


def _as_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _arrow(kind: Kind) -> pyarrow.DataType:
    import pyarrow

    if _is_text(kind):
        return pyarrow.string()
    if isinstance(kind, dict):
        return pyarrow.struct([(name, _arrow(inner)) for name, inner in kind.items()])
    if isinstance(kind, list):
        return pyarrow.list_(_arrow(kind[1]))
    return {
        "null": pyarrow.null(), "bool": pyarrow.bool_(), "int": pyarrow.int64(),
        "long": pyarrow.int64(),
        "float": pyarrow.float64(), "string": pyarrow.string(),
    }[kind]  # fmt: skip
