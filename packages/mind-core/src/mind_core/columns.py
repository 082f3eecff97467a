"""What the fields of foreign records are called: `--field text=content,id=doc_id`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from mind_core.errors import BadRecord, MindError, UsageError, did_you_mean
from mind_core.records import Record, annotate, decode, encode


@dataclass(frozen=True)
class Renaming:
    """Which field of a record each of ours is taken from; a name with dots looks inside."""

    pairs: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.pairs)

    def check(self, known: Collection[str], name: str) -> None:
        """Raise `MindError` if a table has no such column."""
        for field, column in self.pairs:
            if column not in known and column.split(".")[0] not in known:
                hint = did_you_mean(column, known) or f"it has {', '.join(known)}"
                raise MindError(f"{name} has no column {column!r} for {field!r}", hint=hint)

    def renamed(self, record: Record) -> Record:
        """Return the record with its fields under our names.

        What a field of ours held before is kept under `metadata.mind.read`. A record without the
        other field stays as it is, so that the tool can say what it lacks.
        """
        # All are taken out before any is put in, so that two fields may change places.
        taken: Record = {}
        for field, column in self.pairs:
            value = _take(record, column)
            if value is not None:
                taken[field] = value
        lost = {name: record.pop(name) for name in taken if record.get(name) is not None}
        result = {**taken, **{key: value for key, value in record.items() if key not in taken}}
        if lost:
            annotate(result, "read", **lost)
        return result

    def renamed_line(self, line: bytes) -> bytes:
        """Return a line of JSON, without line feed, renamed; one that is no record as it is."""
        if not line or line.isspace():
            return line
        try:
            # Without its line feed: the caller joins lines with them.
            return encode(self.renamed(decode(line, "")))[:-1]
        except BadRecord:
            return line


_given = Renaming()


def given_columns() -> Renaming:
    """Return what `--field` said in this process, or no renaming."""
    return _given


def set_columns(values: list[str] | None) -> list[str] | None:
    """Take what `--field` says, for every input of this run; raise `UsageError` if it is none."""
    global _given
    _given = Renaming(tuple(_pairs(values or [])))
    return values


def _pairs(values: list[str]) -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for item in ",".join(values).split(",") if values else []:
        field, _, column = item.strip().partition("=")
        if not field or not column:
            raise UsageError(
                f"--field {item.strip()!r} is not NAME=COLUMN",
                hint="--field text=content,id=doc_id",
            )
        if field in pairs:
            raise UsageError(f"--field names {field!r} twice", hint="each field has one source")
        if field == column:
            raise UsageError(f"--field {item!r} changes nothing", hint="leave it out")
        pairs[field] = column
    return list(pairs.items())


def _take(record: Record, column: str) -> Any:
    """Take a field out of a record; one inside an object stays where it is."""
    # A name with a dot may be a key as it stands, which goes first.
    if column in record:
        return record.pop(column)
    value: Any = record
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
