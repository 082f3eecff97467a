"""Errors that say what happened, why, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable

DONE = 0
FAILED = 1
USAGE = 2
GATE = 3
INTERRUPTED = 130

QUOTE_CHARACTERS = 80
MAX_CHARACTERS = 1 << 14
"""Of a message for people: a name or a value in a file can be as long as the file."""


# A password before a host, and what a query calls a key. Bounded, so that both take linear time.
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@]{1,300}(?=@)")
_IN_QUERY = re.compile(
    r"([?&][^\s=&?]{0,40}?(?:key|token|secret|passw|auth)[^\s=&?]{0,40}=)[^\s&'\"]+", re.IGNORECASE
)


def shortened(text: str) -> str:
    """Return a message without secrets of addresses, cut where it is longer than anybody reads."""
    text = _IN_QUERY.sub(r"\1***", _IN_ADDRESS.sub("***", text))
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}… ({len(text):,} characters)"


class MindError(Exception):
    """Report a failure to a person: what, its cause, and a hint that helps.

    The command line prints the three on lines of their own and exits with `code`.
    """

    code = FAILED

    def __init__(
        self, message: str, *, cause: str | BaseException | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        # In words at once: an exception may hold what cannot be sent to another process.
        if isinstance(cause, BaseException):
            cause = f"{type(cause).__name__}: {cause}"
        self.cause = cause
        self.hint = hint

    def lines(self, tool: str, say: Callable[[str], str] = str) -> list[str]:
        """Return the lines for stderr, the first one prefixed with the tool's name.

        `say` gives what is shown for a text: it, or its translation.
        """
        lines = [f"{tool}: {say('error: ')}{say(self.message)}"]
        if self.cause:
            lines.append(f"  {say('cause: ')}{say(self.cause)}")
        if self.hint:
            lines.append(f"  {say('hint: ')}{say(self.hint)}")
        return list(map(shortened, lines))

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross from worker processes; Exception's own pickling would drop the keywords.
        return (_rebuild, (type(self), self.message, self.cause, self.hint, self.__dict__))


class UsageError(MindError):
    """Report that the command was called wrongly (exit 2)."""

    code = USAGE


class GateError(MindError):
    """Report that a required result was not reached (exit 3)."""

    code = GATE


class BadRecord(MindError):
    """Report a line that is no record, with its position and the start of its text."""

    def __init__(self, reason: str, position: str, raw: bytes = b"", *, cause: str = "") -> None:
        # A character has four bytes at most; one that the cut goes through is shown as escapes.
        quote = raw[: QUOTE_CHARACTERS * 4].decode("utf-8", "backslashreplace")
        quote = "".join(c if c.isprintable() else "·" for c in quote)[:QUOTE_CHARACTERS]
        super().__init__(
            f"{position}: {BAD_REASONS.get(reason, reason)}",
            cause="; ".join(
                part for part in (cause, quote and f"the line begins {quote!r}") if part
            ),
            hint=_hint(reason, position),
        )
        self.reason = reason


class ComponentError(BadRecord):
    """Report that a component raised, or returned what it must not; counts as a bad record."""

    def __init__(self, component: str, position: str, line: bytes, cause: str) -> None:
        super().__init__("component_failed", position, line, cause=cause)
        self.message = f"{position}: {component} failed on this record"
        self.hint = _COMPONENT_FAILED


_COMPONENT_FAILED = (
    "report it to the author of the plugin, or let such records pass with --skip-bad N "
    "(counted, and written to --rejects)"
)
_BAD_LINE = (
    "mend the line; where a command has --skip-bad N, it lets N such lines pass, counted and "
    "written to --rejects"
)
_OTHER_FIELDS = (
    "if all records are so, this is another kind of file, or the field is called otherwise: "
    "--field text=content says how; if this one alone is, mend it, or let it pass with --skip-bad N"
)
_DAMAGED = (
    "get the file again, or read what can be read with --skip-bad all: each such place is counted "
    "and written to --rejects"
)
_LONG_LINE = (
    "cut the record into several; where a command has --skip-bad N, it lets N such lines pass, "
    "counted and named in --rejects without their text"
)

_NO_JSONL = (
    "the input is JSON Lines, one object on a line; of a JSON array or pretty JSON "
    "`jq -c '.[]?' FILE` makes that, of plain text `jq -Rc '{text: .}' FILE`"
)

BAD_REASONS = {
    "not_json": "not a JSON value",
    "not_an_object": "a record is a JSON object, this is another JSON value",
    "broken_utf8": "not valid UTF-8",
    "missing_field": "a field is missing",
    "wrong_type": "a field has the wrong type",
    "damaged_record": "a record of the archive is damaged",
    "damaged_document": "a document cannot be read",
    "wrong_index_line": "the line of an index names no place in an archive",
    "missing_archive": "the index names an archive that is not there",
    "foreign_ids": "ids that the tokenizer does not have",
    "wrong_columns": "the row has not as many cells as the header",
    "not_finite": "a number is not finite",
    "too_nested": "nested more than 254 levels deep",
    "line_too_long": "the line is longer than the limit",
}


def _hint(reason: str, position: str) -> str:
    """Return the advice that helps: a bad first line is mostly another kind of file."""
    if reason == "line_too_long":
        return _LONG_LINE
    if reason in ("damaged_record", "damaged_document"):
        return _DAMAGED
    # Of a first line only: bad lines in the middle are damage, and not another format.
    if reason in ("not_json", "not_an_object", "broken_utf8") and position.endswith(":1"):
        return _NO_JSONL
    if reason == "missing_field" and position.endswith(":1"):
        return _OTHER_FIELDS
    return _BAD_LINE


def _rebuild(
    kind: type[MindError],
    message: str,
    cause: str | None,
    hint: str | None,
    attributes: dict[str, object],
) -> MindError:
    # Past __init__, whose arguments differ from class to class.
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.message, error.cause, error.hint = message, cause, hint
    error.__dict__.update(attributes)
    return error


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return "did you mean …?" with the known names close to a name; empty if none is.

    Known names with commas between them are to be given one at a time.

    In YAML a key may be a number, a date or nothing: it is compared as it is written.
    """
    known = list(known)
    # What lists names elsewhere, `a,b`, is said here once for each.
    several = [part.strip() for part in str(name).split(",")]
    if len(several) > 1 and set(several) <= set(known):
        return f"one name at a time: {' and '.join(several)}"
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else ""
