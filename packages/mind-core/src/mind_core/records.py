"""The record: one JSON object a line, in dolma's envelope.

`id`, `text`, `source`, `url`, `added`, `created` at the top, all else under `metadata`; a web page
carries `html`. What these tools add sits under `metadata.mind.<tool>`. Unknown keys pass untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import orjson

from mind_core.batches import refusal
from mind_core.errors import BadRecord
from mind_core.foreign import looks_like_gbk

Record: TypeAlias = dict[str, Any]

T = TypeVar("T")
Offers: TypeAlias = Mapping[str, Callable[..., T] | str]
"""What a hook returns: a name, and a factory or the string "package.module:attribute" of one."""

BOM = b"\xef\xbb\xbf"

WRITABLE_DEPTH = 254
"""orjson reads about 1,000 levels of nesting, but writes no more than this."""


def decode(line: bytes, position: str) -> Record:
    """Parse one line; raise `BadRecord` naming `position` if it is no JSON object."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise _unreadable(line, position, str(error)) from None
    if type(record) is not dict:
        raise BadRecord("not_an_object", position, line)
    for value in record.values():
        if type(value) is dict or type(value) is list:
            # Not every bracket is a level, but each level has one: a line with few needs no test.
            if line.count(b"[") + line.count(b"{") > WRITABLE_DEPTH:
                _check_writable(record, position, line)
            break
    return record


def encode(record: Record) -> bytes:
    """Serialise a record to one UTF-8 line with its line feed."""
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def field(record: Record, name: str, position: str, kind: type[T]) -> T:
    """Return a required top-level field of the given type, or raise `BadRecord`."""
    value = record.get(name)
    if isinstance(value, kind):
        return value
    # A field that is null is there, and of the wrong type.
    reason = "wrong_type" if name in record else "missing_field"
    wanted = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}.get(
        kind, kind.__name__
    )
    raise BadRecord(reason, position, encode(record), cause=f"{name!r} must be {wanted}")


def text_of(record: Record, position: str = "record") -> str:
    """Return the record's `text`, or raise `BadRecord`."""
    if record.get("text") is None and isinstance(record.get("html"), str):
        raise BadRecord(
            "missing_field",
            position,
            encode(record),
            cause="it has 'html' and no 'text' yet: run mind-clean first",
        )
    if record.get("text") is None and isinstance(record.get("messages"), list):
        raise BadRecord(
            "missing_field",
            position,
            encode(record),
            cause="it is a conversation, with 'messages' and no 'text': mind-dedup and mind-tok "
            "encode read those with --chat",
        )
    return field(record, "text", position, str)


def annotate(record: Record, tool: str, /, **values: Any) -> None:
    """Set `metadata.mind.<tool>` values on the record, in place.

    A `metadata` or `mind` that is no object is kept under `value` rather than lost.
    """
    # From the outside in: metadata, then mind, then the tool's own object.
    target = record
    for key in ("metadata", "mind", tool):
        inner = target.get(key)
        if not isinstance(inner, dict):
            inner = {} if inner is None else {"value": inner}
            target[key] = inner
        target = inner
    target.update(values)


def annotation(record: Record, tool: str) -> Mapping[str, Any]:
    """Return `metadata.mind.<tool>`, or an empty mapping."""
    # Nothing on the way need be an object: the record is somebody else's.
    value: Any = record
    for key in ("metadata", "mind", tool):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _check_writable(record: Record, position: str, line: bytes) -> None:
    try:
        orjson.dumps(record)
    except TypeError:
        raise BadRecord("too_nested", position, line) from None


def _unreadable(line: bytes, position: str, cause: str) -> BadRecord:
    if (row := refusal(line)) is not None:
        return BadRecord(row[0], position, row[2], cause=row[1])
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        error = BadRecord("broken_utf8", position, line, cause=cause)
        # Told by its name, as one command mends the whole file.
        if looks_like_gbk(line):
            error.cause = "it is text in GBK (GB 18030)"
            error.hint = f"`iconv -f gb18030 -t utf-8 {position.rpartition(':')[0] or 'FILE'} | …`"
        return error
    return BadRecord("not_json", position, line, cause=cause)


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
